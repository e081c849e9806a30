package bus_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
)

// TestReadersThatDie: marks count the readers that died during a try. Handing back and
// retries raise the delivery count, but not the marks.
func TestReadersThatDie(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	publish(t, srv.Connect(), 1)
	for want := range 6 {
		mortal := srv.Connect()
		tries := make(chan int, 1)
		dead := make(chan struct{})
		stop := consume(t, mortal, 200*time.Millisecond, bus.EpisodeOptions{Concurrency: 1, DrainTime: time.Millisecond}, handler{
			run: func(_ context.Context, n try) error {
				tries <- n.Died
				<-dead
				return nil
			},
		})
		got := <-tries
		mortal.Close() // dies: it can neither acknowledge nor remove its mark
		close(dead)
		_ = stop()
		if want = max(0, want-1); got != want { // the first reader leaves no mark
			t.Fatalf("%d readers died, the next is told of %d", want, got)
		}
	}
	tries := make(chan int, 1)
	b := srv.Connect()
	consume(t, b, 200*time.Millisecond, bus.EpisodeOptions{Concurrency: 1}, handler{run: func(_ context.Context, n try) error {
		tries <- n.Died
		return nil
	}})
	if got := <-tries; got != 5 {
		t.Errorf("told of %d, want 5", got)
	}
	until(t, "acknowledged", caughtUp(t, b))
	kv, err := srv.JetStream().KeyValue(t.Context(), bus.AttemptsBucket)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the marks to be cleared", func() bool {
		keys, _ := kv.Keys(t.Context())
		return len(keys) == 0
	})
}

// TestNeighbourOfPoison: an episode that is in hand each time another one kills the reader
// is never taken for the cause.
func TestNeighbourOfPoison(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	publish(t, srv.Connect(), 2)
	const poison, ackWait, grace = "e0", 200 * time.Millisecond, 300 * time.Millisecond
	opt := bus.EpisodeOptions{Concurrency: 2, DrainTime: time.Millisecond}
	for range bus.FatalTries + 1 { // the first reader leaves no mark
		mortal := srv.Connect()
		begun, beside, dead := make(chan struct{}), make(chan struct{}, 9), make(chan struct{})
		var calls atomic.Int32
		stop := consume(t, mortal, ackWait, opt, handler{
			done: func(n bus.Notice) bool {
				if n.Episode != poison && calls.Add(1) == 2 { // the call before Run
					<-begun
				}
				return false
			},
			run: func(_ context.Context, n try) error {
				if n.Episode == poison {
					close(begun)
					select {
					case <-beside:
					case <-time.After(grace): // read alone: the other would have marked by now
					}
					mortal.Close()
					close(dead)
				}
				beside <- struct{}{}
				<-dead
				return nil
			},
		})
		<-dead
		_ = stop()
	}
	b := srv.Connect()
	told := make(chan try, 9)
	consume(t, b, ackWait, bus.EpisodeOptions{Concurrency: 2}, handler{run: func(_ context.Context, n try) error {
		told <- n
		return nil
	}})
	until(t, "acknowledged", caughtUp(t, b))
	for range 2 {
		if n := <-told; (n.Died >= bus.FatalTries) != (n.Episode == poison) {
			t.Errorf("%s has killed %d readers, says its mark", n.Episode, n.Died)
		}
	}
}

// TestReadersThatPanic: an archive whose reader always panics is rejected in the end, like
// one that kills its readers.
func TestReadersThatPanic(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	publish(t, b, 1)
	var tries []int // by the only handler
	stop := consume(t, b, time.Second, bus.EpisodeOptions{Concurrency: 1}, handler{run: func(_ context.Context, n try) error {
		tries = append(tries, n.Died)
		if n.Died >= bus.FatalTries {
			return nil
		}
		panic("out of luck")
	}})
	until(t, "acknowledged", caughtUp(t, b))
	if err := stop(); err != nil {
		t.Error(err)
	}
	if want := []int{0, 0, 1, 2, 3, 4, 5}; !slices.Equal(tries, want) { // the first leaves no mark
		t.Errorf("it was tried after %d, want %d", tries, want)
	}
	if said := srv.Said.Lines(`level=WARN msg="handle an episode"`); len(said) != 6 || !strings.Contains(said[0], "out of luck") {
		t.Errorf("the log has %q", said)
	}
}

// TestDeliveredAgainInHand: a message that is delivered again to the worker that has it in
// hand is read once.
func TestDeliveredAgainInHand(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	publish(t, b, 1)
	started, release := make(chan struct{}, 100), make(chan struct{})
	var again atomic.Int32
	opt := bus.EpisodeOptions{Concurrency: 4, Redelivered: func() { again.Add(1) }}
	consume(t, b, time.Minute, opt, handler{run: func(ctx context.Context, n try) error {
		started <- struct{}{}
		return wait(ctx, release)
	}})
	<-started
	shortenAckWait(t, srv, bus.EpisodesStream, bus.AlignConsumer(gen))
	until(t, "it was delivered again and again", func() bool { return again.Load() > 5 })
	if n := len(started); n > 0 {
		t.Errorf("it was read %d more times", n)
	}
	close(release) // a delivery that is under way when it is acknowledged may be read again
	until(t, "acknowledged", caughtUp(t, b))
}

// TestReadersThatAreSlow: many workers have a message in hand at the same time, because it
// is delivered again too early. None of them counts as dead.
func TestReadersThatAreSlow(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	publish(t, srv.Connect(), 1)
	started, release := make(chan struct{}, 100), make(chan struct{})
	var done atomic.Bool
	slow := handler{
		done: func(bus.Notice) bool { return done.Load() },
		run: func(ctx context.Context, n try) error {
			if n.Died >= bus.FatalTries {
				t.Errorf("%d readers have died", n.Died)
			}
			started <- struct{}{}
			err := wait(ctx, release)
			done.Store(err == nil)
			return err
		},
	}
	const readers = 3 * bus.FatalTries
	for range readers {
		consume(t, srv.Connect(), time.Minute, bus.EpisodeOptions{Concurrency: 1}, slow)
	}
	<-started
	shortenAckWait(t, srv, bus.EpisodesStream, bus.AlignConsumer(gen))
	for range bus.FatalTries { // the first leaves no mark
		<-started
	}
	// The others have it in hand by now, or will, and wait.
	kv, err := srv.JetStream().KeyValue(t.Context(), bus.AttemptsBucket)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a mark of each", func() bool {
		keys, err := kv.Keys(t.Context())
		if err != nil || len(keys) == 0 {
			return false
		}
		e, err := kv.Get(t.Context(), keys[0])
		return err == nil && string(e.Value()) == fmt.Sprint(readers-1)
	})
	close(release)
	until(t, "acknowledged", caughtUp(t, srv.Connect()))
	if len(started) > 0 {
		t.Errorf("%d more have read it than may", len(started))
	}
}
