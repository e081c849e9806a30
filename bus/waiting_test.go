package bus_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
)

// TestWaitingGiveTheirPlacesBack: however many messages wait for another try, new ones are
// handled. A worker keeps some of those that wait, and hands the others back; their tries go
// on where they were.
func TestWaitingGiveTheirPlacesBack(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	const waiting = 1_100
	var tried, told atomic.Int32
	var mu sync.Mutex
	tries := map[uint64]int{}
	let := make(chan struct{}) // closed when those that wait may end
	consume(t, b, time.Minute, bus.EpisodeOptions{Concurrency: 2}, handler{run: func(_ context.Context, n try) error {
		if n.Seq > waiting {
			tried.Add(1)
			return nil
		}
		mu.Lock()
		tries[n.Seq]++
		count := tries[n.Seq]
		mu.Unlock()
		if have, _ := n.State.(int); have != count-1 || n.Died > 0 {
			told.Add(1)
			t.Errorf("try %d of message %d, delivery %d: told of %d tries and %d deaths", count, n.Seq, n.Deliveries, have, n.Died)
		}
		select {
		case <-let:
			return nil
		default:
			return &bus.Retry{After: 500 * time.Millisecond, Err: errors.New("not there yet"), State: count}
		}
	}})
	publishMany(t, b, 0, waiting)
	until(t, "all were tried", func() bool { mu.Lock(); defer mu.Unlock(); return len(tries) == waiting })
	publishMany(t, b, waiting, waiting+10)
	until(t, "the new ones are handled", func() bool { return tried.Load() == 10 })
	close(let)
	until(t, "all acknowledged", caughtUp(t, b))
}

func publishMany(t *testing.T, b *bus.Bus, from, to int) {
	t.Helper()
	err := b.PublishAll(bustest.Context(t), func(yield func(bus.Notice) bool) {
		for i := from; i < to; i++ {
			if !yield(bus.Notice{Host: "h", Episode: "e", Profile: "p", At: time.Unix(0, int64(i))}) {
				return
			}
		}
	}, func(bus.Notice) {})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAwait: while a message awaits something, others are handled; no more than Concurrency
// are at work at the same time.
func TestAwait(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	const slow, concurrency = 50, 2
	var waiting, working, most atomic.Int32
	release := make(chan struct{})
	consume(t, b, time.Minute, bus.EpisodeOptions{Concurrency: concurrency}, handler{run: func(ctx context.Context, n try) error {
		if n.Seq <= slow {
			err := n.Await(func() error {
				waiting.Add(1)
				return wait(ctx, release)
			})
			if err != nil {
				return err
			}
		}
		now := working.Add(1)
		for {
			old := most.Load()
			if old >= now || most.CompareAndSwap(old, now) {
				break
			}
		}
		working.Add(-1)
		return nil
	}})
	publish(t, b, slow+1)
	until(t, "all of them wait at the same time, and the last one is done", func() bool {
		align, _, err := b.Lags(bustest.Context(t), gen)
		return err == nil && waiting.Load() == slow && align.Pending == 0 && align.Unacked == slow
	})
	close(release)
	until(t, "all acknowledged", caughtUp(t, b))
	if most.Load() > concurrency {
		t.Errorf("%d were at work at the same time", most.Load())
	}
}

// TestAloneWhileOthersAwait: an episode that must be read alone waits for those that await
// something, and others wait behind it. All of them are handled in the end.
func TestAloneWhileOthersAwait(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	const concurrency, alone = 2, 2 // message 2 is the one that is read alone
	kv, err := srv.JetStream().KeyValue(bustest.Context(t), bus.AttemptsBucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.PutString(bustest.Context(t), string(gen)+".2", "2"); err != nil { // two readers died
		t.Fatal(err)
	}
	awaits, release := make(chan struct{}), make(chan struct{})
	var before, failed atomic.Int32
	consume(t, b, time.Minute, bus.EpisodeOptions{Concurrency: concurrency}, handler{
		done: func(n bus.Notice) bool { before.Add(1); return false },
		run: func(ctx context.Context, n try) error {
			switch {
			case n.Seq == alone && failed.Add(1) == 1:
				return errors.New("the network") // it comes again, and its marks are looked at
			case n.Seq == 1:
				return n.Await(func() error {
					close(awaits)
					return wait(ctx, release)
				})
			}
			return nil
		},
	})
	publish(t, b, alone)
	if err := wait(bustest.Context(t), awaits); err != nil {
		t.Fatal(err)
	}
	// Done is called at the delivery and before the lock: twice for message 1, four times
	// for message 2.
	until(t, "message 2 waits to be read alone", func() bool { return before.Load() == 6 })
	<-time.After(200 * time.Millisecond) // it reads its marks; too early cannot fail the test
	publish(t, b, 4*concurrency)
	<-time.After(200 * time.Millisecond) // these wait behind it
	close(release)
	until(t, "all acknowledged", caughtUp(t, b))
}
