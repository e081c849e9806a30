package events

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/internal/wait"
)

// A Stored event is an event as stream DASHBOARD has it.
type Stored struct {
	Subject string
	Data    []byte // as published; the receiver owns it
	Seq     uint64
	At      time.Time // when the stream stored it, by the server's clock
}

// A Feed follows stream DASHBOARD in one incarnation: first the last event of each
// subject, then every event as it comes, both in order of sequence. An event that is
// replaced before it is read is left out. A feed goes on after a lost connection and with
// a new leader. To be sure that nothing was missed, open another one after a reconnect.
// Run it once.
//
// It reads by direct gets and makes no consumer: a consumer may send what is stored to
// any subject. It reads when it hears that an event was published.
type Feed struct {
	bus *bus.Bus
	at  client.AsOf // the end of the stream when the feed was opened

	seq   atomic.Uint64 // every event up to here was taken
	stuck uint64        // seq + 1 at the last Check, where that found more in the stream; else 0
}

// OpenFeed asks for the state of the stream and starts nothing.
func OpenFeed(ctx context.Context, b *bus.Bus) (*Feed, error) {
	s, err := b.OpenStream(ctx, bus.DashboardStream)
	if err != nil {
		return nil, err
	}
	info := s.CachedInfo()
	return &Feed{bus: b, at: client.AsOf{Incarnation: client.IncarnationOf(info), Seq: info.State.LastSeq}}, nil
}

// Incarnation is that of the stream when the feed was opened.
func (f *Feed) Incarnation() client.Incarnation { return f.at.Incarnation }

// Last is the stream's last sequence when the feed was opened, as its leader had it. A
// leader that was elected just before may not have had all messages yet.
func (f *Feed) Last() uint64 { return f.at.Seq }

const (
	// feedPoll is how often a feed that hears nothing asks for events.
	feedPoll = time.Second
	// feedPatience is how long a feed goes on while nobody answers. An election takes 4
	// to 9 s.
	feedPatience = 10 * time.Second
	// minFeedPause and maxFeedPause are between two tries to read an event that was heard
	// and is not stored yet.
	minFeedPause = time.Millisecond
	maxFeedPause = 250 * time.Millisecond
)

// Run calls take with every event, and calls complete once, when the last event of
// every subject that was in the stream has been taken. Both are called from this
// goroutine only. Run returns when ctx ends, with the error of take, with
// client.ErrStreamReplaced where the stream turns out to be another one while the first
// events come, and with ErrStalled where nobody answers any more.
func (f *Feed) Run(ctx context.Context, take func(Stored) error, complete func()) error {
	heard := newAwaited()
	ctx, stop, err := f.bus.Listen(ctx, bus.SubjectDashboard+">", heard.hear)
	if err != nil {
		return fmt.Errorf("follow events: %w", err)
	}
	defer stop()
	r := &feedRun{feed: f, take: take, heard: heard}
	if err := r.read(ctx); err != nil {
		return fmt.Errorf("read the last events: %w", client.OrDenied(ctx, err))
	}
	if err := f.bus.CheckStream(ctx, bus.DashboardStream, client.AsOf{Incarnation: f.at.Incarnation, Seq: f.seq.Load()}); err != nil {
		return err
	}
	f.advance(f.at.Seq)
	complete()
	return r.follow(ctx)
}

// feedRun is one running Feed.
type feedRun struct {
	feed  *Feed
	take  func(Stored) error
	heard *awaited
}

// read takes every event that the stream's leader has and that was not taken before.
func (r *feedRun) read(ctx context.Context) error {
	_, err := r.feed.bus.ReadFrom(ctx, bus.DashboardStream, bus.SubjectDashboard+">", r.feed.seq.Load()+1, r.takeNext)
	return err
}

// readReplica is read, and may leave out the last events: any replica answers.
func (r *feedRun) readReplica(ctx context.Context) error {
	return r.feed.bus.ReadReplica(ctx, bus.DashboardStream, bus.SubjectDashboard+">", r.feed.seq.Load()+1, r.takeNext)
}

func (r *feedRun) takeNext(msg *jetstream.RawStreamMsg) error {
	if err := r.take(Stored{msg.Subject, msg.Data, msg.Sequence, msg.Time}); err != nil {
		return &takeError{err}
	}
	r.feed.advance(msg.Sequence)
	r.heard.came(msg.Subject, msg.Data)
	return nil
}

// A takeError is an error of the function that takes the events.
type takeError struct{ error }

func (e *takeError) Unwrap() error { return e.error }

// follow reads whenever an event was heard, until it is stored, and at each feedPoll. It asks
// the leader at each feedPoll only: that costs the server more, and is needed only where a
// replica lags.
func (r *feedRun) follow(ctx context.Context) error {
	poll := time.NewTicker(feedPoll)
	defer poll.Stop()
	pause := wait.Backoff{Min: minFeedPause, Max: maxFeedPause}
	again := time.NewTimer(0) // the next try
	defer again.Stop()
	for answered := time.Now(); ; {
		read := r.readReplica
		select {
		case <-r.heard.more:
			pause.Reset()
		case <-again.C:
		case <-poll.C:
			read = r.read
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		err := read(ctx)
		var own *takeError
		switch now := time.Now(); {
		case err == nil:
			answered = now
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &own), !client.IsUnanswered(err):
			return fmt.Errorf("read new events: %w", err)
		case now.Sub(answered) > feedPatience:
			return fmt.Errorf("%w: %w", ErrStalled, err)
		}
		if err != nil || r.heard.waits() {
			again.Reset(pause.Next())
		}
	}
}

func (f *Feed) advance(seq uint64) { f.seq.Store(max(f.seq.Load(), seq)) }

// ErrStalled means that a feed did not move although the stream had more events.
var ErrStalled = errors.New("the feed stands still")

// Check returns client.ErrStreamReplaced where the stream is not the one that the feed
// follows, and ErrStalled where the feed has not moved since the last Check although
// the stream had more. It must not be called concurrently.
func (f *Feed) Check(ctx context.Context) error {
	seq := f.seq.Load()
	end, err := f.bus.End(ctx, bus.DashboardStream)
	switch {
	case client.IsAbsent(err):
		return fmt.Errorf("stream %s is gone: %w", bus.DashboardStream, client.ErrStreamReplaced)
	case err != nil:
		return err
	case end.Incarnation != f.at.Incarnation || end.Seq < seq:
		return fmt.Errorf("stream %s of %s ends at %d, the feed is of %s and at %d: %w", bus.DashboardStream, end.Incarnation, end.Seq, f.at.Incarnation, seq, client.ErrStreamReplaced)
	case end.Seq > seq && f.stuck == seq+1:
		return fmt.Errorf("stream %s is at %d, the feed at %d: %w", bus.DashboardStream, end.Seq, seq, ErrStalled)
	}
	f.stuck = 0
	if end.Seq > seq {
		f.stuck = seq + 1
	}
	return nil
}
