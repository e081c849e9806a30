package dashboard

import (
	"context"
	"fmt"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/internal/logkey"
)

// A follower copies one feed of the stream into the shared state. It collects
// the first events in a state of its own until that is complete, so that
// browsers do not see a part of the stream.
type follower struct {
	dashboard *Dashboard
	feed      *events.Feed
	state     *state // the shared state's once complete is true
	seq       uint64 // of the last event taken
	complete  bool
}

// follow runs until ctx ends or the feed fails.
func (d *Dashboard) follow(ctx context.Context, feed *events.Feed) error {
	f := &follower{dashboard: d, feed: feed, state: newState(d.cfg.MaxSubjects, d.cfg.MaxStateBytes)}
	return feed.Run(ctx, f.take, f.finish)
}

// take stores one event. Its error ends the session.
func (f *follower) take(p events.Stored) error {
	d := f.dashboard
	d.metrics.in.Inc()
	if p.Seq <= f.seq {
		return nil // delivered again
	}
	f.seq = p.Seq
	e := f.event(p)
	switch {
	case e == nil:
	case !f.complete:
		d.countDropped(f.state.put(e))
	// When the stream is restored from a backup, the client goes on by itself, perhaps
	// before the session sees that the connection was lost.
	case d.shared.isOlder(e):
		return fmt.Errorf("event %d of %s is older than the one before: %w", e.seq, e.subject, client.ErrStreamReplaced)
	default:
		d.countDropped(d.shared.put(e))
	}
	return nil
}

// event returns the shared state's event where that has it already, so that the
// memory is shared. It returns nil if the event can't be shown.
func (f *follower) event(p events.Stored) *event {
	d := f.dashboard
	if e := d.shared.find(f.feed.Incarnation(), p.Subject, p.Seq); e != nil {
		return e
	}
	e, reason := newEvent(p)
	if e != nil && e.size() > d.cfg.MaxStateBytes {
		e, reason = nil, omitSize
	}
	if e == nil {
		d.metrics.omitted.WithLabelValues(reason).Inc()
		d.deps.Log.Warn("an event is not shown", logkey.Subject, p.Subject, logkey.Seq, p.Seq, logkey.Reason, reason)
	}
	return e
}

// finish hands over the state: it has the last event of every subject.
func (f *follower) finish() {
	d := f.dashboard
	subjects, seq := len(f.state.last), f.state.seq
	f.complete = true
	d.shared.replace(f.feed.Incarnation(), f.state)
	d.sessions.SetReady()
	d.deps.Log.Info("read the last events", logkey.Subjects, subjects, logkey.Seq, seq)
}

// countDropped counts events that were dropped for lack of room.
func (d *Dashboard) countDropped(n int) {
	if n == 0 {
		return
	}
	d.metrics.omitted.WithLabelValues(omitRoom).Add(float64(n))
	d.warnFull.Do(func() {
		d.deps.Log.Warn("the stream has more events than the dashboard keeps: raise MAX_SUBJECTS or MAX_STATE_BYTES to show the oldest, too",
			logkey.MaxSubjects, d.cfg.MaxSubjects, logkey.MaxBytes, d.cfg.MaxStateBytes)
	})
}
