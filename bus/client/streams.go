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
	for {
		// Without a leader nobody answers. One try must not use up the caller's time.
		once, end := context.WithTimeout(ctx, RequestTimeout)
		once, done := c.WatchDenials(once, APISubject(">"))
		err := OrDenied(once, try(once))
		done()
		end()
		switch {
		case err == nil:
			c.failing.Works(what)
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("ensure %s: %w", what, context.Cause(ctx))
		case IsRefused(err) && !IsAbsent(err) && !isInUse(err) && !isTooFewServers(err):
			return fmt.Errorf("ensure %s: %w", what, err)
		}
		if time.Since(began) > time.Second {
			if IsAbsent(err) && !c.Creates() {
				err = fmt.Errorf("%w: with TOPOLOGY=expect another program must create it: run profiles topology", err)
			}
			c.WarnOnce(what, err)
		}
		if err := pause.Wait(ctx); err != nil {
			return fmt.Errorf("ensure %s: %w", what, err)
		}
	}
}

// Creates reports whether this client may create streams: TOPOLOGY=create.
func (c *Client) Creates() bool { return c.cfg.Topology == TopologyCreate }

// Replicas is the number of replicas of the streams that this client creates.
func (c *Client) Replicas() int { return c.cfg.Replicas }

// EnsureStream creates the stream where it is absent. Where it exists, mend gets
// its configuration and returns the one that it should have, and true where they
// differ. An update, even one that changes nothing, can disturb consumers, so the
// stream is updated only where they differ. With TOPOLOGY=expect EnsureStream waits until the
// stream exists and changes nothing.
func (c *Client) EnsureStream(ctx context.Context, want jetstream.StreamConfig, mend func(have jetstream.StreamConfig) (jetstream.StreamConfig, bool)) error {
	return c.Ensure(ctx, "stream "+want.Name, func(ctx context.Context) error {
		s, err := c.js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) && c.Creates() {
			_, err = c.js.CreateStream(ctx, want)
			return err
		}
		if err != nil || !c.Creates() {
			return err
		}
		mended, differs := mend(s.CachedInfo().Config)
		if !differs {
			return nil
		}
		_, err = c.js.UpdateStream(ctx, mended)
		return err
	})
}

// ConsumerInfo asks for the state of a consumer.
func (c *Client) ConsumerInfo(ctx context.Context, stream, consumer string) (*jetstream.ConsumerInfo, error) {
	ctx, done := c.WatchDenials(ctx, APISubject("CONSUMER.INFO."+stream+"."+consumer))
	defer done()
	info, err := c.js.Consumer(ctx, stream, consumer)
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
	ctx, done := c.WatchDenials(ctx, APISubject("CONSUMER.NAMES."+stream))
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
	ctx, done := c.WatchDenials(ctx, APISubject("CONSUMER.DELETE."+stream+"."+name))
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
	ctx, done := c.WatchDenials(ctx, APISubject("STREAM.PURGE."+stream))
	defer done()
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(filter)); err != nil {
		return fmt.Errorf("purge %s: %w", filter, OrDenied(ctx, err))
	}
	return nil
}
