package bus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Posted is an event as the DASHBOARD stream holds it.
type Posted struct {
	Subject string
	Data    []byte // as published; its owner is who takes it
	Seq     uint64
	At      time.Time // when the stream stored it, by the server's clock
}

// A Feed follows the DASHBOARD stream in one life of it: the last event of each
// subject first, then every event as it comes, both in order of sequence. It
// outlives a lost connection and a new leader; whoever wants to be sure that
// nothing was missed opens another one after a reconnect. Run it once.
type Feed struct {
	bus   *Bus
	life  Life
	last  uint64 // of the stream when the feed was opened
	empty bool   // nothing was in the stream then

	seq   atomic.Uint64 // all up to here was taken
	stuck uint64        // seq at the last Check that found more in the stream; 0: it found none
}

// OpenFeed looks at the stream and starts nothing.
func (b *Bus) OpenFeed(ctx context.Context) (*Feed, error) {
	s, err := b.look(ctx, DashboardStream)
	if err != nil {
		return nil, err
	}
	info := s.CachedInfo()
	return &Feed{bus: b, life: lifeOf(info), last: info.State.LastSeq, empty: info.State.Msgs == 0}, nil
}

// Life is that of the stream when the feed was opened.
func (f *Feed) Life() Life { return f.life }

// Last is the stream's last sequence when the feed was opened, as its leader had
// it: one that was elected this moment may not have applied all yet.
func (f *Feed) Last() uint64 { return f.last }

// Settings of the feed's consumer. A server that died with it is noticed after
// two heartbeats.
const (
	feedHeartbeat = 2 * time.Second
	feedExpiry    = 30 * time.Second
	feedInactive  = time.Minute
	feedLook      = time.Second // how often a feed without a snapshot asks whether there is anything
)

// Run hands every event to take and calls whole once, when the last event of
// every subject that was there has been taken. Both are called from this
// goroutine only. It returns when ctx ends, or with ErrNewLife where the stream
// turns out to be another one while the first events come.
func (f *Feed) Run(ctx context.Context, take func(Posted), whole func()) error {
	making, made := f.bus.heed(ctx, apiSubject("CONSUMER.CREATE."+DashboardStream+".>"))
	cons, err := f.bus.js.OrderedConsumer(making, DashboardStream, jetstream.OrderedConsumerConfig{
		FilterSubjects:    []string{subjectDashboard + ">"},
		DeliverPolicy:     jetstream.DeliverLastPerSubjectPolicy,
		InactiveThreshold: feedInactive,
	})
	err = toldBy(making, err)
	made()
	if err != nil {
		return fmt.Errorf("follow events: %w", err)
	}
	type delivery struct {
		Posted
		pending uint64
	}
	came := make(chan delivery)
	silent := make(chan struct{}, 1)
	// The callback must not outlive Run, nor wait for it.
	over, end := context.WithCancel(ctx)
	defer end()
	following, err := cons.Consume(func(msg jetstream.Msg) {
		meta, err := msg.Metadata()
		if err != nil {
			return
		}
		d := delivery{Posted{msg.Subject(), msg.Data(), meta.Sequence.Stream, meta.Timestamp}, meta.NumPending}
		select {
		case came <- d:
		case <-over.Done():
		}
	}, jetstream.PullHeartbeat(feedHeartbeat), jetstream.PullExpiry(feedExpiry),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			if errors.Is(err, jetstream.ErrNoHeartbeat) {
				select {
				case silent <- struct{}{}:
				default:
				}
			}
		}))
	if err != nil {
		return fmt.Errorf("follow events: %w", err)
	}
	defer func() {
		end()
		f.leave(cons, following)
	}()

	look := time.NewTicker(feedLook)
	defer look.Stop()
	done := false
	finish := func(upTo uint64) error {
		if err := f.bus.checkLife(ctx, DashboardStream, f.life, f.seq.Load()); err != nil {
			return err
		}
		f.seq.Store(max(f.seq.Load(), upTo))
		done = true
		look.Stop()
		whole()
		return nil
	}
	if f.empty {
		if err := finish(f.last); err != nil {
			return err
		}
	}
	for {
		select {
		case d := <-came:
			take(d.Posted)
			f.seq.Store(max(f.seq.Load(), d.Seq))
			// What is pending may be of a subject that was there: its event has been replaced
			// since. That nothing is pending is the word of a server that may lag.
			if !done && d.pending == 0 && (d.Seq >= f.last || f.hasAll(ctx)) {
				if err := finish(f.last); err != nil {
					return err
				}
			}
		case <-silent:
			return fmt.Errorf("no sign of life from the server for %s: %w", 2*feedHeartbeat, ErrStalled)
		case <-look.C: // what the feed waits for may have been purged before it came
			if !done && f.hasAll(ctx) {
				if err := finish(f.last); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// hasAll asks the stream's leader whether the last event that it has has come.
func (f *Feed) hasAll(ctx context.Context) bool {
	end, _, err := f.bus.leaderLast(ctx, DashboardStream, subjectDashboard+">")
	return err == nil && end.Sequence <= f.seq.Load() // 0 where it has none
}

// leaveWait is how long Run waits for its consumer to end.
const leaveWait = time.Second

// leave ends the consumer and removes it from the server, where it would stand
// for a while. While the client makes it anew, which may take 10 s, it can't be
// stopped; that then goes on beside, and hands nothing to anybody.
func (f *Feed) leave(cons jetstream.Consumer, following jetstream.ConsumeContext) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		following.Stop()
		<-following.Closed()
		info := cons.CachedInfo()
		if info == nil || !f.bus.Connected() {
			return // where the server is gone, so is the consumer
		}
		ctx, cancel := context.WithTimeout(context.Background(), leaveWait)
		defer cancel()
		_ = f.bus.js.DeleteConsumer(ctx, DashboardStream, info.Name)
	}()
	select {
	case <-left:
	case <-time.After(leaveWait):
	}
}

// ErrStalled says that a feed stood still between two checks although the
// stream had more.
var ErrStalled = errors.New("the feed stands still")

// Check returns ErrNewLife where the stream is not the one followed, and
// ErrStalled where the feed has not moved since the last Check and should have.
// Not for concurrent use.
func (f *Feed) Check(ctx context.Context) error {
	seq := f.seq.Load()
	life, last, err := f.bus.life(ctx, DashboardStream)
	switch {
	case absent(err):
		return fmt.Errorf("stream %s is gone: %w", DashboardStream, ErrNewLife)
	case err != nil:
		return err
	case life != f.life || last < seq:
		return fmt.Errorf("stream %s of %s ends at %d, the feed is of %s and at %d: %w", DashboardStream, life, last, f.life, seq, ErrNewLife)
	case last > seq && f.stuck == seq+1:
		return fmt.Errorf("stream %s is at %d, the feed at %d: %w", DashboardStream, last, seq, ErrStalled)
	}
	f.stuck = 0
	if last > seq {
		f.stuck = seq + 1
	}
	return nil
}

// A ConnStatus is what a change of the connection's status has come to.
type ConnStatus = nats.Status

// StatusChanges returns a channel that gets a value when the connection is lost
// and when it comes back, and a function that ends that. A value may be missed
// where nobody reads: ask Connected, too.
func (b *Bus) StatusChanges() (<-chan ConnStatus, func()) {
	ch := b.nc.StatusChanged(nats.CONNECTED, nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED)
	return ch, func() { b.nc.RemoveStatusListener(ch) }
}

// leaderPause is between two tries to read while nobody answers.
const leaderPause = 50 * time.Millisecond

// ShowRaw publishes an event as its producer wrote it, unless a later one is
// there, by the rule of Show. Where it returns a reason, the event was not
// stored and the reason says why; else seq is its stream sequence. The same
// event again is stored again: a producer may repeat itself. It tries until ctx
// ends while nobody answers.
//
// The error of one that was published and not acknowledged means "perhaps stored".
func (d *Dashboard) ShowRaw(ctx context.Context, subject string, data []byte) (seq uint64, reason string, err error) {
	for read := d.bus.last; ; read = d.bus.lastNow {
		v, err := read(ctx, DashboardStream, subject)
		if err != nil {
			if refused(err) || pause(ctx, leaderPause) != nil {
				return 0, "", err
			}
			continue // nobody answers while a leader is elected
		}
		if v.live {
			stays, err := d.stays(ctx, subject, v, data, 0)
			switch {
			case errors.Is(err, ErrNewLife):
				return 0, "it is of another life of the envelopes than the present one", nil
			case err != nil:
				return 0, "", err
			case stays && markOf(data).Life == "":
				return 0, "the last event of " + subject + " has an order, this one has none", nil
			case stays:
				return 0, "the last event of " + subject + " is of a later revision", nil
			}
		}
		seq, err := d.bus.swap(ctx, subject, data, v.rev, nil)
		if err == nil {
			return seq, "", nil
		}
		if !isConflict(err) {
			return 0, "", fmt.Errorf("publish %s: %w", subject, err)
		}
		if err := pause(ctx, conflictPause); err != nil {
			return 0, "", err
		}
	}
}
