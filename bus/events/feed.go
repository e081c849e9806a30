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
)

// A Stored event is an event as stream DASHBOARD has it.
type Stored struct {
	Subject string
	Data    []byte // as published; the receiver owns it
	Seq     uint64
	At      time.Time // when the stream stored it, by the server's clock
}

// A Feed follows stream DASHBOARD in one incarnation: first the last event of each
// subject, then every event as it comes, both in order of sequence. It goes on after a
// lost connection and with a new leader. To be sure that nothing was missed, open
// another one after a reconnect. Run it once.
type Feed struct {
	bus   *bus.Bus
	at    client.AsOf // the end of the stream when the feed was opened
	empty bool        // the stream had no messages then

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
	return &Feed{bus: b, at: client.AsOf{Incarnation: client.IncarnationOf(info), Seq: info.State.LastSeq}, empty: info.State.Msgs == 0}, nil
}

// Incarnation is that of the stream when the feed was opened.
func (f *Feed) Incarnation() client.Incarnation { return f.at.Incarnation }

// Last is the stream's last sequence when the feed was opened, as its leader had it. A
// leader that was elected just before may not have had all messages yet.
func (f *Feed) Last() uint64 { return f.at.Seq }

// Settings of the feed's consumer. When its server dies, the feed notices after two
// heartbeats.
const (
	feedHeartbeat = 2 * time.Second
	feedExpiry    = 30 * time.Second
	feedInactive  = time.Minute
	feedPoll      = time.Second // how often the stream is asked while the first events are awaited
)

// Run calls take with every event, and calls complete once, when the last event of
// every subject that was in the stream has been taken. Both are called from this
// goroutine only. Run returns when ctx ends, with the error of take, with
// client.ErrStreamReplaced where the stream turns out to be another one while the first
// events come, and with ErrStalled where the server stops sending heartbeats.
func (f *Feed) Run(ctx context.Context, take func(Stored) error, complete func()) error {
	r := &feedRun{feed: f, take: take, complete: complete, deliveries: make(chan delivery), stalled: make(chan struct{}, 1)}
	cons, err := f.createConsumer(ctx)
	if err != nil {
		return fmt.Errorf("follow events: %w", err)
	}
	// The callback must not outlive Run, nor wait for it.
	receiving, end := context.WithCancel(ctx)
	defer end()
	consuming, err := cons.Consume(func(msg jetstream.Msg) { r.receive(receiving, msg) },
		jetstream.PullHeartbeat(feedHeartbeat), jetstream.PullExpiry(feedExpiry),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { r.report(err) }))
	if err != nil {
		return fmt.Errorf("follow events: %w", err)
	}
	defer func() {
		end()
		f.deleteConsumer(cons, consuming)
	}()
	return r.loop(ctx)
}

func (f *Feed) createConsumer(ctx context.Context) (jetstream.Consumer, error) {
	ctx, done := f.bus.WatchDenials(ctx, client.APISubject("CONSUMER.CREATE."+bus.DashboardStream+".>"))
	defer done()
	cons, err := f.bus.JetStream().OrderedConsumer(ctx, bus.DashboardStream, jetstream.OrderedConsumerConfig{
		FilterSubjects:    []string{bus.SubjectDashboard + ">"},
		DeliverPolicy:     jetstream.DeliverLastPerSubjectPolicy,
		InactiveThreshold: feedInactive,
	})
	return cons, client.OrDenied(ctx, err)
}

// feedRun is one running Feed.
type feedRun struct {
	feed       *Feed
	take       func(Stored) error
	complete   func()
	deliveries chan delivery
	stalled    chan struct{} // gets a value when heartbeats are missing
	completed  bool          // complete was called
}

type delivery struct {
	Stored
	pending uint64 // messages that the server has after this one
}

// receive is the NATS library's callback.
func (r *feedRun) receive(ctx context.Context, msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		return
	}
	select {
	case r.deliveries <- delivery{Stored{msg.Subject(), msg.Data(), meta.Sequence.Stream, meta.Timestamp}, meta.NumPending}:
	case <-ctx.Done():
	}
}

// report takes an error of the NATS library. It must not block.
func (r *feedRun) report(err error) {
	if !errors.Is(err, jetstream.ErrNoHeartbeat) {
		return
	}
	select {
	case r.stalled <- struct{}{}:
	default:
	}
}

func (r *feedRun) loop(ctx context.Context) error { //nolint:gocognit // one select; its cases share the state of the loop
	poll := time.NewTicker(feedPoll)
	defer poll.Stop()
	if r.feed.empty {
		if err := r.finish(ctx); err != nil {
			return err
		}
	}
	for {
		var whole bool
		select {
		case d := <-r.deliveries:
			if err := r.take(d.Stored); err != nil {
				return err
			}
			r.feed.advance(d.Seq)
			// A pending message may be of a subject whose last event was already in the
			// stream and has been replaced since. "Nothing is pending" is the answer of a
			// server that may lag.
			whole = !r.completed && d.pending == 0 && (d.Seq >= r.feed.at.Seq || r.feed.hasAll(ctx))
		case <-poll.C: // the events that are awaited may have been purged before they came
			whole = !r.completed && r.feed.hasAll(ctx)
		case <-r.stalled:
			return fmt.Errorf("no heartbeat from the server for %s: %w", 2*feedHeartbeat, ErrStalled)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if whole {
			if err := r.finish(ctx); err != nil {
				return err
			}
		}
		if r.completed {
			poll.Stop()
		}
	}
}

// finish checks that the stream is still the same and calls complete.
func (r *feedRun) finish(ctx context.Context) error {
	f := r.feed
	if err := f.bus.CheckStream(ctx, bus.DashboardStream, client.AsOf{Incarnation: f.at.Incarnation, Seq: f.seq.Load()}); err != nil {
		return err
	}
	f.advance(f.at.Seq)
	r.completed = true
	r.complete()
	return nil
}

func (f *Feed) advance(seq uint64) { f.seq.Store(max(f.seq.Load(), seq)) }

// hasAll asks the stream's leader whether its last event was taken.
func (f *Feed) hasAll(ctx context.Context) bool {
	end, _, err := f.bus.LastMsgFromLeader(ctx, bus.DashboardStream, bus.SubjectDashboard+">")
	return err == nil && end.Sequence <= f.seq.Load() // 0 where the stream is empty
}

// deleteTime is how long Run waits for the end of its consumer.
const deleteTime = time.Second

// deleteConsumer ends the consumer and deletes it at the server, where it would stay
// for a minute. While the NATS library creates the consumer anew, which may take 10 s,
// it can't be stopped. It is then left to end by itself; its callback does nothing.
func (f *Feed) deleteConsumer(cons jetstream.Consumer, consuming jetstream.ConsumeContext) {
	deleted := make(chan struct{})
	go func() {
		defer close(deleted)
		consuming.Stop()
		<-consuming.Closed()
		info := cons.CachedInfo()
		if info == nil || !f.bus.Connected() {
			return // without its connection the server deletes the consumer
		}
		ctx, cancel := context.WithTimeout(context.Background(), deleteTime)
		defer cancel()
		_ = f.bus.JetStream().DeleteConsumer(ctx, bus.DashboardStream, info.Name)
	}()
	select {
	case <-deleted:
	case <-time.After(deleteTime):
	}
}

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
