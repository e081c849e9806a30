package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/wait"
)

// A Publisher publishes events so that any number of publishers agree on the last
// event of each subject. It is safe for concurrent use.
type Publisher struct {
	bus  *bus.Bus
	mu   sync.Mutex
	seen map[string]firstSeen // by subject
	seed maphash.Seed         // of the hashes in seen
}

// firstSeen is when this process first saw the event of a revision, by its own clock.
// The age of an event must not depend on the clocks of other machines.
type firstSeen struct {
	revision uint64
	at       time.Time
	header   Header // of the event
	hash     uint64 // of the event: a stream that was created again may have another one of that revision
}

// NewPublisher returns a publisher and starts nothing.
func NewPublisher(b *bus.Bus) *Publisher {
	return &Publisher{bus: b, seen: map[string]firstSeen{}, seed: maphash.MakeSeed()}
}

// Publish publishes an event, unless a later one is there, and reports whether it did.
// An event that shows the same as the last one is published only if the last one is
// at least repeat old.
//
// An event of another incarnation, or of none, is replaced only by an event of the
// present incarnation (see Incarnation). If event is not of the present one, the
// result is client.ErrStreamReplaced. Plain subscribers of the subject also get the
// events that the stream refuses to store.
func (p *Publisher) Publish(ctx context.Context, subject string, event any, repeat time.Duration) (bool, error) {
	return p.PublishOver(ctx, subject, event, repeat, nil)
}

// A Held function reports whether the buckets hold what an event of that order shows, or
// something later. If they do not, no streamer made the event.
type Held func(context.Context, Order) (bool, error)

// PublishOver is Publish, and replaces a later event, too, if held returns false for its
// order. A nil held means that a later event always stays.
func (p *Publisher) PublishOver(ctx context.Context, subject string, event any, repeat time.Duration, held Held) (bool, error) {
	data, err := json.Marshal(event)
	if err != nil {
		return false, fmt.Errorf("encode event for %s: %w", subject, err)
	}
	mine := headerOf(event, data)
	revision, err := p.bus.Update(ctx, bus.DashboardStream, subject, func(last client.Value) (*client.Write, error) {
		stays, err := p.stays(ctx, subject, last, data, mine, repeat, held)
		if stays || err != nil {
			return nil, err
		}
		return &client.Write{Data: data}, nil
	})
	if revision == 0 || err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[subject] = firstSeen{revision, time.Now(), mine, maphash.Bytes(p.seed, data)}
	return true, nil
}

// stays reports whether the last event of a subject must stay. mine is the event's header.
func (p *Publisher) stays(ctx context.Context, subject string, last client.Value, event []byte, mine Header, repeat time.Duration, held Held) (bool, error) {
	if !last.Exists {
		return false, nil
	}
	seen := p.firstSeen(subject, last)
	have := seen.header
	later := func() (bool, error) {
		if held == nil {
			return true, nil
		}
		return held(ctx, have.Order)
	}
	switch {
	case mine.Incarnation == "" && have.Incarnation != "":
		return later() // an event without an order is before one with an order
	case mine.Incarnation != have.Incarnation: // orders of two incarnations can't be compared
		now, err := Incarnation(ctx, p.bus)
		if err == nil && now != mine.Incarnation {
			err = fmt.Errorf("publish %s: %w", subject, client.ErrStreamReplaced)
		}
		return false, err
	case mine.Incarnation != "" && mine.Compare(have.Order) < 0:
		return later()
	}
	same := bytes.Equal(event, last.Data) || mine.Digest != "" && mine.Digest == have.Digest && mine.Generation == have.Generation
	return same && time.Since(seen.at) < repeat, nil
}

// removedFor is how long an event that says that another was removed stays. Followers that
// were away longer read the stream from its start.
const removedFor = time.Hour

// Remove removes the last event of a subject, under its expected sequence, if obsolete says so
// of it. In its place comes marker, an event with which followers can tell that it was removed,
// for an hour. It reports whether it removed an event.
func (p *Publisher) Remove(ctx context.Context, subject string, marker any, obsolete func(event []byte) bool) (bool, error) {
	data, err := json.Marshal(marker)
	if err != nil {
		return false, fmt.Errorf("encode the event that removes %s: %w", subject, err)
	}
	revision, err := p.bus.Update(ctx, bus.DashboardStream, subject, func(last client.Value) (*client.Write, error) {
		if !last.Exists || !obsolete(last.Data) {
			return nil, nil
		}
		return client.DeleteFor(data, removedFor), nil
	})
	return revision > 0, err
}

// EachLast calls each with the last event of every subject of a type, in no particular order.
func EachLast(ctx context.Context, b *bus.Bus, kind string, each func(subject string, event []byte)) error {
	return b.ReadFromLeader(ctx, bus.DashboardStream, bus.SubjectDashboard+kind+".>", func(msg *jetstream.RawStreamMsg) error {
		each(msg.Subject, msg.Data)
		return nil
	})
}

// firstSeen returns when this process first saw the last event of a subject, and its header.
func (p *Publisher) firstSeen(subject string, last client.Value) firstSeen {
	hash := maphash.Bytes(p.seed, last.Data)
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.seen[subject]
	if !ok || s.revision != last.Revision || s.hash != hash {
		s = firstSeen{last.Revision, time.Now(), parseHeader(last.Data), hash}
		p.seen[subject] = s
	}
	return s
}

// A Conflict says why an event was not stored.
type Conflict struct{ Reason string }

func (c *Conflict) Error() string { return c.Reason }

// PublishRaw publishes an event as its producer encoded it, by the rule of Publish,
// and returns its stream sequence. The same event again is stored again, because a
// producer may repeat itself. While nobody answers it tries until ctx ends.
//
// The error is a *Conflict where the last event of the subject stays. After any other
// error the event may be stored or not.
func (p *Publisher) PublishRaw(ctx context.Context, subject string, data []byte) (seq uint64, err error) {
	last, err := readPatiently(ctx, func(ctx context.Context) (client.Value, error) {
		return p.bus.Last(ctx, bus.DashboardStream, subject)
	})
	if err != nil {
		return 0, err
	}
	mine := parseHeader(data)
	return p.bus.UpdateFrom(ctx, last, subject, func(last client.Value) (*client.Write, error) {
		stays, err := p.stays(ctx, subject, last, data, mine, 0, nil)
		switch {
		case errors.Is(err, client.ErrStreamReplaced):
			return nil, &Conflict{"it is of another incarnation of the envelopes than the present one"}
		case err != nil:
			return nil, err
		case stays && mine.Incarnation == "":
			return nil, &Conflict{"the last event of " + subject + " has an order, this one has none"}
		case stays:
			return nil, &Conflict{"the last event of " + subject + " is of a later revision"}
		}
		return &client.Write{Data: data}, nil
	}, func(ctx context.Context) (client.Value, error) {
		return readPatiently(ctx, func(ctx context.Context) (client.Value, error) {
			return p.bus.LastFromLeader(ctx, bus.DashboardStream, subject)
		})
	})
}

// readPause is the time between two tries to read while nobody answers.
const readPause = 50 * time.Millisecond

// readPatiently tries to read until there is an answer or ctx ends: while a leader is
// elected nobody answers.
func readPatiently(ctx context.Context, read func(context.Context) (client.Value, error)) (client.Value, error) {
	for {
		last, err := read(ctx)
		if err == nil || client.IsRefused(err) || wait.For(ctx, readPause) != nil {
			return last, err
		}
	}
}

// Last returns the last event of a subject; false if the subject has no event.
func (p *Publisher) Last(ctx context.Context, subject string) ([]byte, bool, error) {
	v, err := p.bus.Last(ctx, bus.DashboardStream, subject)
	return v.Data, v.Exists, err
}

// ShownProfiles returns the profiles of the last attack_profile events, by the
// generation that they show.
func ShownProfiles(ctx context.Context, b *bus.Bus) (map[fit.Generation][]string, error) {
	shown := map[fit.Generation][]string{}
	_, err := b.ReadAll(ctx, bus.DashboardStream, bus.SubjectDashboard+TypeAttackProfile+".>", func(msg *jetstream.RawStreamMsg) error {
		var event struct {
			Name       string         `json:"name"`
			Generation fit.Generation `json:"generation"`
		}
		if json.Unmarshal(msg.Data, &event) == nil && event.Generation != "" {
			shown[event.Generation] = append(shown[event.Generation], event.Name)
		}
		return nil
	})
	return shown, err
}

// Follow calls each with every event whose subject matches a filter, from now on,
// until ctx ends. With last it begins with the last event of each subject.
func Follow(ctx context.Context, b *bus.Bus, filter string, last bool, each func(subject string, data []byte, seq uint64)) error {
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverNewPolicy}
	if last {
		cfg.DeliverPolicy = jetstream.DeliverLastPerSubjectPolicy
	}
	cons, err := b.JetStream().OrderedConsumer(ctx, bus.DashboardStream, cfg)
	if err != nil {
		return fmt.Errorf("follow events: %w", err)
	}
	cc, err := cons.Consume(func(msg jetstream.Msg) {
		if meta, err := msg.Metadata(); err == nil {
			each(msg.Subject(), msg.Data(), meta.Sequence.Stream)
		}
	})
	if err != nil {
		return fmt.Errorf("follow events: %w", err)
	}
	<-ctx.Done()
	cc.Stop()
	return nil
}
