package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/internal/wait"
)

// Ensure repeats try until it returns nil: an election, a server that starts, or
// another client that creates the same is over after a while. It returns an error when
// ctx ends, or when try is refused for good. what names the piece in logs and errors.
func (c *Client) Ensure(ctx context.Context, what string, try func(context.Context) error) error {
	pause := wait.Backoff{Min: 50 * time.Millisecond, Max: 2 * time.Second}
	began := time.Now()
	var last error // an answer, not the end of a try
	for {
		// Without a leader nobody answers. One try must not use up the caller's time.
		once, end := context.WithTimeout(ctx, RequestTimeout)
		once, done := c.WatchDenials(once, c.APISubject(">"))
		err := c.explainSilence(explainStorage(OrDenied(once, try(once))))
		done()
		end()
		switch {
		case err == nil:
			c.WarnOnce(what, nil)
			return nil
		case ctx.Err() != nil:
			return ended(ctx, what, last)
		case IsRefused(err) && !IsAbsent(err) && !isInUse(err) && !isTooFewServers(err):
			return fmt.Errorf("ensure %s: %w", what, err)
		}
		err = c.explainAbsence(err)
		if !errors.Is(err, context.DeadlineExceeded) {
			last = err
		}
		if time.Since(began) > time.Second {
			c.WarnOnce(what, err)
		}
		if pause.Wait(ctx) != nil {
			return ended(ctx, what, last)
		}
	}
}

// ended returns the error of Ensure when ctx has ended, with the last answer, if there was one.
func ended(ctx context.Context, what string, last error) error {
	if last == nil {
		return fmt.Errorf("ensure %s: %w", what, context.Cause(ctx))
	}
	return fmt.Errorf("ensure %s: %w: %w", what, context.Cause(ctx), last)
}

// explainAbsence adds to the error about something that is absent what to do.
func (c *Client) explainAbsence(err error) error {
	switch {
	case !IsAbsent(err):
		return err
	case errors.Is(err, jetstream.ErrStreamNotFound) && c.UnnamedDomain() != "":
		return fmt.Errorf("%w in JetStream domain %s of server %s: set NATS_JS_DOMAIN to the domain of the streams, or to %[2]s to make them there",
			err, c.UnnamedDomain(), c.nc.ConnectedServerName())
	case !c.Creates():
		return fmt.Errorf("%w: with TOPOLOGY=expect another program must create it: run profiles topology --spec FILE", err)
	}
	return err
}

// UnnamedDomain is the JetStream domain of the connected server if NATS_JS_DOMAIN is not set;
// empty if the server has none. The streams may be in another domain, behind a leaf node, so
// no stream is created in it.
func (c *Client) UnnamedDomain() string {
	if c.cfg.JSDomain != "" {
		return ""
	}
	return c.nc.ConnectedDomain()
}

// makes reports whether this client creates a stream that is absent.
func (c *Client) makes() bool { return c.Creates() && c.UnnamedDomain() == "" }

// Creates reports whether this client may create streams: TOPOLOGY=create.
func (c *Client) Creates() bool { return c.cfg.Topology == TopologyCreate }

// Replicas is the number of replicas of the streams that this client creates.
func (c *Client) Replicas() int { return c.cfg.Replicas }

// LogBytes is the setting NATS_LOG_BYTES; 0 if it is not set.
func (c *Client) LogBytes() int64 { return c.cfg.LogBytes }

// EnsureStream creates the stream where it is absent. Where it exists, mend gets its
// configuration and returns the one that it should have, and true where they differ and NATS
// can change it. An update, even one that changes nothing, can disturb consumers, so the stream
// is updated only then. With TOPOLOGY=expect EnsureStream waits until the stream exists and
// changes nothing; mend is called all the same. The error matches ErrRefusedChange where NATS
// does not make the change.
func (c *Client) EnsureStream(ctx context.Context, want jetstream.StreamConfig, mend func(have *jetstream.StreamInfo) (jetstream.StreamConfig, bool)) error {
	return c.Ensure(ctx, "stream "+want.Name, func(ctx context.Context) error {
		s, err := c.js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) && c.makes() {
			_, err = c.js.CreateStream(ctx, want)
			return err
		}
		if err != nil {
			return err
		}
		return c.mend(ctx, s, mend)
	})
}

// MendStream is EnsureStream for a stream that another program creates: it creates nothing, and
// does not repeat what fails. If the stream does not exist, the error matches IsAbsent.
func (c *Client) MendStream(ctx context.Context, name string, mend func(have *jetstream.StreamInfo) (jetstream.StreamConfig, bool)) error {
	ctx, done := c.WatchDenials(ctx, c.APISubject(">"))
	defer done()
	s, err := c.js.Stream(ctx, name)
	if err == nil {
		err = c.mend(ctx, s, mend)
	}
	if err != nil {
		return fmt.Errorf("compare stream %s: %w", name, OrDenied(ctx, err))
	}
	return nil
}

func (c *Client) mend(ctx context.Context, s jetstream.Stream, mend func(have *jetstream.StreamInfo) (jetstream.StreamConfig, bool)) error {
	mended, differs := mend(s.CachedInfo())
	if !differs || !c.Creates() {
		return nil
	}
	_, err := c.js.UpdateStream(ctx, mended)
	return refusedChange(err)
}

// UpdateConsumer changes the settings of a consumer. The error matches ErrRefusedChange where
// NATS does not make the change.
func (c *Client) UpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) error {
	ctx, done := c.WatchDenials(ctx, c.APISubject("CONSUMER.CREATE."+stream+">"))
	defer done()
	_, err := c.js.UpdateConsumer(ctx, stream, cfg)
	return refusedChange(OrDenied(ctx, err))
}

// ConsumerInfo asks for the state of a consumer.
func (c *Client) ConsumerInfo(ctx context.Context, stream, consumer string) (*jetstream.ConsumerInfo, error) {
	ctx, done := c.WatchDenials(ctx, c.APISubject("CONSUMER.INFO."+stream+"."+consumer))
	defer done()
	info, err := c.js.Consumer(ctx, stream, consumer)
	if errors.Is(err, jetstream.ErrNotPullConsumer) { // somebody made it: the project has no such durable consumer
		push, err := c.js.PushConsumer(ctx, stream, consumer)
		if err == nil {
			return push.CachedInfo(), nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("look at consumer %s: %w", consumer, OrDenied(ctx, err))
	}
	return info.CachedInfo(), nil
}

// ConsumerNames lists the consumers of a stream, in no order.
func (c *Client) ConsumerNames(ctx context.Context, stream string) ([]string, error) {
	s, err := c.OpenStream(ctx, stream)
	if err != nil {
		return nil, err
	}
	ctx, done := c.WatchDenials(ctx, c.APISubject("CONSUMER.NAMES."+stream))
	defer done()
	var names []string
	lister := s.ConsumerNames(ctx)
	for name := range lister.Name() {
		names = append(names, name)
	}
	if err := lister.Err(); err != nil {
		return nil, fmt.Errorf("list the consumers of %s: %w", stream, OrDenied(ctx, err))
	}
	return names, nil
}

// DeleteConsumer deletes a consumer.
func (c *Client) DeleteConsumer(ctx context.Context, stream, name string) error {
	ctx, done := c.WatchDenials(ctx, c.APISubject("CONSUMER.DELETE."+stream+"."+name))
	defer done()
	if err := c.js.DeleteConsumer(ctx, stream, name); err != nil {
		return fmt.Errorf("delete consumer %s: %w", name, OrDenied(ctx, err))
	}
	return nil
}

// PurgeSubjects removes every message of a stream whose subject matches a filter.
func (c *Client) PurgeSubjects(ctx context.Context, stream, filter string) error {
	s, err := c.OpenStream(ctx, stream)
	if err != nil {
		return err
	}
	ctx, done := c.WatchDenials(ctx, c.APISubject("STREAM.PURGE."+stream))
	defer done()
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(filter)); err != nil {
		return fmt.Errorf("purge %s: %w", filter, OrDenied(ctx, err))
	}
	return nil
}
