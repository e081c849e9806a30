package bus_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
)

// TestCrowded: when messages that wait for another try take the places of new ones, the
// workers are told, however few messages each worker keeps. Before that they are not.
func TestCrowded(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	const workers, places = 8, 40
	var done, again atomic.Int32
	h := handler{run: func(_ context.Context, n try) error {
		if !n.Crowded {
			again.Add(1)
			return &bus.Retry{After: 50 * time.Millisecond, Err: errors.New("not there yet")}
		}
		done.Add(1)
		return nil
	}}
	for range workers {
		consume(t, srv.Connect(), 300*time.Millisecond, bus.EpisodeOptions{Concurrency: 1}, h)
	}
	updateConsumer(t, srv, bus.EpisodesStream, bus.AlignConsumer(gen), func(cfg *jetstream.ConsumerConfig) { cfg.MaxAckPending = places })
	publish(t, b, places/8)
	until(t, "a few wait again and again", func() bool { return again.Load() > 20*places/8 })
	if n := done.Load(); n > 0 {
		t.Errorf("%d of %d messages were crowded out of %d places", n, places/8, places)
	}
	publish(t, b, 4*places)
	until(t, "the others got their turn", func() bool {
		align, _, err := b.Lags(bustest.Context(t), gen)
		return err == nil && align.Pending == 0
	})
}

// TestBusyIsNotCrowded: most places are taken by messages in work, and other workers have
// nothing to do. A few messages that wait for another try are not reported as crowding.
func TestBusyIsNotCrowded(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	const idle, late, places = 10, 3, 40
	var busy, again atomic.Int32
	h := handler{run: func(ctx context.Context, n try) error {
		if n.Seq > late {
			busy.Add(1)
			<-ctx.Done()
			return ctx.Err()
		}
		if n.Crowded {
			t.Error("crowded")
		}
		again.Add(1)
		return &bus.Retry{After: 50 * time.Millisecond, Err: errors.New("not there yet")}
	}}
	publish(t, b, places*3/4)
	for i := range 1 + idle {
		consume(t, srv.Connect(), 300*time.Millisecond, bus.EpisodeOptions{Concurrency: places, DrainTime: time.Millisecond}, h)
		if i == 0 {
			until(t, "the first has them all", func() bool { return busy.Load() == places*3/4-late })
		}
	}
	updateConsumer(t, srv, bus.EpisodesStream, bus.AlignConsumer(gen), func(cfg *jetstream.ConsumerConfig) { cfg.MaxAckPending = places })
	again.Store(0)
	until(t, "they wait again and again, through several looks", func() bool { return again.Load() > 30*late })
}
