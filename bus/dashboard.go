package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
)

// A Dashboard publishes events so that any number of publishers agree. It is
// safe for concurrent use.
type Dashboard struct {
	bus  *Bus
	mu   sync.Mutex
	seen map[string]sighting // by subject
}

// A sighting is when this process first saw an event, by its own clock: how
// old an event is must not depend on anybody else's.
type sighting struct {
	rev uint64
	at  time.Time
}

// Dashboard returns a publisher of events.
func (b *Bus) Dashboard() *Dashboard { return &Dashboard{bus: b, seen: map[string]sighting{}} }

// Show publishes an event unless a later one is there. One that shows the same
// as the last only goes out where that is at least repeat old. It reports
// whether it published.
//
// An event of another life (EventLife), or of none, is replaced only
// if ours is the present one, else the result is ErrNewLife. What the stream
// refuses, plain subscribers of the subject see all the same.
func (d *Dashboard) Show(ctx context.Context, subject string, event any, repeat time.Duration) (bool, error) {
	data, err := json.Marshal(event)
	if err != nil {
		return false, fmt.Errorf("encode event for %s: %w", subject, err)
	}
	for read := d.bus.last; ; read = d.bus.lastNow {
		v, err := read(ctx, DashboardStream, subject)
		if err != nil {
			return false, err
		}
		if v.live {
			stays, err := d.stays(ctx, subject, v, data, repeat)
			if stays || err != nil {
				return false, err
			}
		}
		rev, err := d.bus.swap(ctx, subject, data, v.rev, nil)
		if err == nil {
			d.sight(subject, rev)
			return true, nil
		}
		if !isConflict(err) {
			return false, fmt.Errorf("publish %s: %w", subject, err)
		}
		if err := pause(ctx, conflictPause); err != nil {
			return false, err
		}
	}
}

// stays tells whether the last event is to stay as it is.
func (d *Dashboard) stays(ctx context.Context, subject string, last value, event []byte, repeat time.Duration) (bool, error) {
	have, mine := markOf(last.data), markOf(event)
	switch {
	case mine.Life == "" && have.Life != "":
		return true, nil // what has no order is before what has
	case mine.Life != have.Life: // also where it has none: its numbers, if any, are no order
		life, err := d.bus.EventLife(ctx)
		if err == nil && life != mine.Life {
			err = fmt.Errorf("publish %s: %w", subject, ErrNewLife)
		}
		return false, err
	case mine.Life != "" && mine.Compare(have.Order) < 0:
		return true, nil
	}
	same := bytes.Equal(event, last.data) || mine.Digest != "" && mine.Digest == have.Digest && mine.Generation == have.Generation
	return same && time.Since(d.sight(subject, last.rev)) < repeat, nil
}

// sight returns when this process first saw that revision.
func (d *Dashboard) sight(subject string, rev uint64) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.seen[subject]
	if !ok || s.rev != rev {
		s = sighting{rev, time.Now()}
		d.seen[subject] = s
	}
	return s.at
}

// Last returns the last event of a subject; false: there is none.
func (d *Dashboard) Last(ctx context.Context, subject string) ([]byte, bool, error) {
	v, err := d.bus.last(ctx, DashboardStream, subject)
	return v.data, v.live, err
}

// Events hands every event to each, from now on, until ctx ends. With last it
// begins with the last of each subject.
func (b *Bus) Events(ctx context.Context, filter string, last bool, each func(subject string, data []byte, seq uint64)) error {
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverNewPolicy}
	if last {
		cfg.DeliverPolicy = jetstream.DeliverLastPerSubjectPolicy
	}
	cons, err := b.js.OrderedConsumer(ctx, DashboardStream, cfg)
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

// LastAttackProfile returns the last event of a profile; a zero event where
// there is none, or none that can be read.
func (d *Dashboard) LastAttackProfile(ctx context.Context, p fit.ProfileName) (AttackProfile, error) {
	data, ok, err := d.Last(ctx, EventSubject(TypeAttackProfile, string(p)))
	if err != nil || !ok {
		return AttackProfile{}, err
	}
	var event AttackProfile
	if json.Unmarshal(data, &event) != nil {
		return AttackProfile{}, nil
	}
	return event, nil
}

// EventType is the type in an event's subject.
func EventType(subject string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(subject, subjectDashboard), ".")
	return kind
}
