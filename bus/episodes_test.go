package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
)

// A try is one run of a task.
type try struct {
	bus.Notice
	bus.Attempt
}

// A handler makes tasks of two functions. A nil done always returns false.
type handler struct {
	done func(bus.Notice) bool
	run  func(context.Context, try) error
}

func (h handler) prepare(n bus.Notice) (bus.EpisodeTask, error) {
	t := task{h, n}
	if t.Done() {
		return nil, nil
	}
	return t, nil
}

type task struct {
	handler
	notice bus.Notice
}

func (t task) Done() bool { return t.done != nil && t.done(t.notice) }

func (t task) Run(ctx context.Context, a bus.Attempt) error { return t.run(ctx, try{t.notice, a}) }

// consume runs ConsumeEpisodes; the returned function ends it and returns its error.
func consume(t *testing.T, b *bus.Bus, ackWait time.Duration, opt bus.EpisodeOptions, h handler) func() error {
	t.Helper()
	if opt.DrainTime == 0 {
		opt.DrainTime = 5 * time.Second
	}
	if err := b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: gen}, ackWait, time.Second); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.ConsumeEpisodes(ctx, gen, opt, h.prepare) }()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	return stop
}

func publish(t *testing.T, b *bus.Bus, n int) {
	t.Helper()
	for i := range n {
		if _, err := b.Publish(bustest.Context(t), bus.Notice{Host: "h", Episode: fmt.Sprint("e", i), Profile: "p", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
}

// wait ends with the channel, or with ctx.
func wait(ctx context.Context, ch <-chan struct{}) error {
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// until waits for a condition that a server's answer decides.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx := bustest.Context(t)
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func caughtUp(t *testing.T, b *bus.Bus) func() bool {
	return func() bool {
		ok, err := b.CaughtUp(bustest.Context(t), gen)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
}

// TestSlowWorkIsNotRedelivered: AckWait runs from delivery, also for messages that wait in
// the queue. Their deadlines are extended, so none is delivered again.
func TestSlowWorkIsNotRedelivered(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	publish(t, b, 20)
	var handled, again atomic.Int32
	consume(t, b, 300*time.Millisecond, bus.EpisodeOptions{Concurrency: 1}, handler{run: func(_ context.Context, n try) error {
		if n.Deliveries > 1 {
			again.Add(1)
		}
		<-time.After(60 * time.Millisecond) // 20 of them take four times AckWait
		handled.Add(1)
		return nil
	}})
	until(t, "20 handled", func() bool { return handled.Load() >= 20 })
	until(t, "all acknowledged", caughtUp(t, b))
	if again.Load() != 0 || handled.Load() != 20 {
		t.Errorf("%d handled, %d of them delivered before", handled.Load(), again.Load())
	}
}

// TestSlowWorkerLeavesTheRest: a worker fetches only a few messages ahead. When it hangs,
// another worker gets the others.
func TestSlowWorkerLeavesTheRest(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	const n, held = 400, 16 + 1 // fetched ahead, and in work
	hang, hangs := make(chan struct{}), make(chan struct{}, n)
	release := sync.OnceFunc(func() { close(hang) })
	defer release()
	stop := consume(t, b, time.Minute, bus.EpisodeOptions{Concurrency: 1}, handler{run: func(context.Context, try) error {
		hangs <- struct{}{}
		<-hang
		return errors.New("not mine")
	}})
	publish(t, b, n)
	if err := wait(bustest.Context(t), hangs); err != nil {
		t.Fatal(err)
	}
	var handled atomic.Int32
	consume(t, b, time.Minute, bus.EpisodeOptions{Concurrency: 1}, handler{run: func(context.Context, try) error {
		handled.Add(1)
		return nil
	}})
	until(t, "the other did the rest", func() bool { return handled.Load() >= n-held })
	release()
	_ = stop()
	until(t, "all acknowledged", caughtUp(t, b))
}

// TestDoneAtDelivery: messages that need no work are acknowledged at once, however long
// the handlers take.
func TestDoneAtDelivery(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	publish(t, b, 300)
	release := make(chan struct{})
	var called atomic.Int32
	stop := consume(t, b, time.Second, bus.EpisodeOptions{Concurrency: 1}, handler{
		done: func(n bus.Notice) bool {
			called.Add(1)
			return n.Seq%100 != 1
		},
		run: func(ctx context.Context, _ try) error { return wait(ctx, release) },
	})
	until(t, "297 acknowledged while 3 are in hand", func() bool {
		align, _, err := b.Lags(bustest.Context(t), gen)
		return err == nil && align.Pending == 0 && align.Unacked == 3
	})
	close(release)
	until(t, "all acknowledged", caughtUp(t, b))
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	publish(t, b, 5)
	var mu sync.Mutex
	tries := map[string]int{}
	consume(t, b, time.Second, bus.EpisodeOptions{Concurrency: 2}, handler{run: func(_ context.Context, n try) error {
		mu.Lock()
		tries[n.Episode]++
		try := tries[n.Episode]
		mu.Unlock()
		switch {
		case n.Episode == "e1":
			return &bus.Rejection{Reason: fit.ReasonCorrupt, Detail: "bad\nbytes"}
		case n.Episode == "e2" && try < 3:
			if (n.State == nil) != (try == 1) || try > 1 && n.State != try-1 {
				t.Errorf("try %d comes with %v", try, n.State)
			}
			return &bus.Retry{After: 10 * time.Millisecond, Err: errors.New("not yet"), State: try}
		case n.Episode == "e3" && try == 1:
			panic("out of luck")
		case n.Episode == "e4" && try == 1:
			return errors.New("the network")
		}
		return nil
	}})
	until(t, "all done", caughtUp(t, b))
	mu.Lock()
	defer mu.Unlock()
	for e, want := range map[string]int{"e0": 1, "e1": 1, "e2": 3, "e3": 2, "e4": 2} {
		if tries[e] != want {
			t.Errorf("%s was tried %d times, want %d", e, tries[e], want)
		}
	}
	var filed []bus.Rejected
	if err := b.ReadRejected(bustest.Context(t), func(r bus.Rejected) error { filed = append(filed, r); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(filed) != 1 || filed[0].Episode != "e1" || filed[0].Reason != fit.ReasonCorrupt || filed[0].Detail != `bad\nbytes` || filed[0].Seq != 2 {
		t.Errorf("REJECTED holds %+v", filed)
	}
}

// TestDrainHandsBack: at the end queued messages go to other workers at once, and messages
// in work are finished.
func TestDrainHandsBack(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	publish(t, b, 30)
	started, release := make(chan struct{}, 30), make(chan struct{})
	var finished atomic.Int32
	first := consume(t, b, time.Minute, bus.EpisodeOptions{Concurrency: 2}, handler{run: func(ctx context.Context, _ try) error {
		started <- struct{}{}
		if err := wait(ctx, release); err != nil {
			return err
		}
		finished.Add(1)
		return nil
	}})
	<-started
	<-started
	ended := make(chan error, 1)
	go func() { ended <- first() }()
	var others, again, counted atomic.Int32
	opt := bus.EpisodeOptions{Concurrency: 2, Redelivered: func() { counted.Add(1) }}
	consume(t, srv.Connect(), time.Minute, opt, handler{run: func(_ context.Context, n try) error {
		if n.Died != 0 {
			t.Errorf("a message that was handed back comes with %d marks", n.Died)
		}
		if n.Deliveries > 1 {
			again.Add(1)
		}
		others.Add(1)
		return nil
	}})
	// AckWait is a minute, so only messages that were handed back can come now.
	until(t, "28 handled by the other", func() bool { return others.Load() == 28 })
	if again.Load() == 0 || counted.Load() != again.Load() {
		t.Errorf("%d messages were delivered again, %d counted", again.Load(), counted.Load())
	}
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	until(t, "all acknowledged", caughtUp(t, b))
	if finished.Load() != 2 || others.Load() != 28 {
		t.Errorf("%d finished by the first, %d by the other", finished.Load(), others.Load())
	}
}

// TestDrainEnds: work that takes longer than the drain time is cancelled and handed back.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	publish(t, b, 1)
	started := make(chan struct{})
	stop := consume(t, b, time.Minute, bus.EpisodeOptions{Concurrency: 1, DrainTime: 50 * time.Millisecond}, handler{
		run: func(ctx context.Context, _ try) error {
			close(started)
			<-ctx.Done()
			return ctx.Err()
		},
	})
	<-started
	if err := stop(); err != nil {
		t.Error(err)
	}
	again := make(chan struct{})
	consume(t, b, time.Minute, bus.EpisodeOptions{Concurrency: 1}, handler{run: func(context.Context, try) error {
		close(again)
		return nil
	}})
	if err := wait(bustest.Context(t), again); err != nil { // AckWait is a minute
		t.Error("the message did not come back")
	}
}

// shortenAckWait makes the server deliver messages in hand again after a very short time.
// The workers do not know of it.
func shortenAckWait(t *testing.T, srv *bustest.Server, stream, consumer string) {
	t.Helper()
	updateConsumer(t, srv, stream, consumer, func(cfg *jetstream.ConsumerConfig) { cfg.AckWait = 20 * time.Millisecond })
}

func updateConsumer(t *testing.T, srv *bustest.Server, stream, consumer string, change func(*jetstream.ConsumerConfig)) {
	t.Helper()
	ctx := bustest.Context(t)
	c, err := srv.JetStream().Consumer(ctx, stream, consumer)
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.CachedInfo().Config
	change(&cfg)
	if _, err := srv.JetStream().UpdateConsumer(ctx, stream, cfg); err != nil {
		t.Fatal(err)
	}
}

// TestConsumerDeleted: when the consumer is deleted, consuming ends, so that a new session
// creates it again.
func TestConsumerDeleted(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	ended := make(chan error, 1)
	if err := b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: gen}, time.Second, time.Second); err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	go func() {
		ended <- b.ConsumeEpisodes(t.Context(), gen, bus.EpisodeOptions{Concurrency: 1, DrainTime: time.Second},
			handler{run: func(context.Context, try) error { close(started); return nil }}.prepare)
	}()
	publish(t, b, 1)
	<-started
	if err := srv.JetStream().DeleteConsumer(t.Context(), bus.EpisodesStream, bus.AlignConsumer(gen)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it ended without a reason")
		}
	case <-bustest.Context(t).Done():
		t.Fatal("it goes on though its consumer is gone")
	}
}
