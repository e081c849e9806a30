package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
)

// consumePuts runs ConsumePuts; the returned function ends it and returns its error.
func consumePuts(t *testing.T, b *bus.Bus, drain time.Duration, reduce func(context.Context, []bus.Put) error) func() error {
	t.Helper()
	if err := b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: gen}, time.Second, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.ConsumePuts(ctx, gen, drain, reduce) }()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	return stop
}

// putCurves puts the entries of ranks from to to-1 of profile a.
func putCurves(t *testing.T, b *bus.Bus, from, to int) {
	t.Helper()
	c, err := b.ReadCurves(bustest.Context(t), generation(gen, gen, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		entry, rank := curveEntry(uint64(i), 1)
		rank[1], rank[2] = byte(i>>8), byte(i)
		if err := bustest.PutEntry(bustest.Context(t), c, entryID("a", rank), entry, 0, time.Unix(int64(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPutsTakeWhatIsThere: a reduce takes all puts that came during the one before, at most
// 256. It does not wait for more.
func TestPutsTakeWhatIsThere(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	batches, release := make(chan []bus.Put, 100), make(chan struct{})
	consumePuts(t, b, time.Second, func(ctx context.Context, puts []bus.Put) error {
		batches <- puts
		return wait(ctx, release)
	})
	began := time.Now()
	putCurves(t, b, 1, 2)
	first := <-batches
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("one put waited %s", took)
	}
	if len(first) != 1 || first[0].Profile != "a" || first[0].Seq != 1 || first[0].Deliveries != 1 || !first[0].AcceptedAt.Equal(time.Unix(1, 0)) {
		t.Errorf("the first batch is %+v", first)
	}
	const more = 600
	putCurves(t, b, 2, 2+more)
	close(release)
	var sizes []int
	last := uint64(1)
	for sum := 0; sum < more; {
		batch := <-batches
		sizes = append(sizes, len(batch))
		sum += len(batch)
		for _, p := range batch {
			if p.Seq != last+1 {
				t.Errorf("put %d comes after %d", p.Seq, last)
			}
			last = p.Seq
		}
		if len(batch) > 256 {
			t.Errorf("a batch of %d", len(batch))
		}
	}
	if len(sizes) > 20 || sizes[0] < 100 {
		t.Errorf("%d puts were taken in batches of %v", more, sizes)
	}
	until(t, "all acknowledged", caughtUp(t, b))
}

// TestPutsAgain: when a reduce fails or panics, its puts are delivered again.
func TestPutsAgain(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	var tries atomic.Int32
	deliveries := make(chan uint64, 10)
	consumePuts(t, b, time.Second, func(_ context.Context, puts []bus.Put) error {
		for _, p := range puts {
			deliveries <- p.Deliveries
		}
		switch tries.Add(1) {
		case 1:
			return errors.New("not today")
		case 2:
			panic("out of luck")
		}
		return nil
	})
	putCurves(t, b, 1, 2)
	for want := uint64(1); want <= 3; want++ {
		if got := <-deliveries; got != want {
			t.Errorf("delivery %d counts as %d", want, got)
		}
	}
	until(t, "acknowledged", caughtUp(t, b))
	for _, why := range []string{"not today", "out of luck"} {
		if said := srv.Said.Lines(`level=WARN msg=reduce`); len(said) != 2 || !strings.Contains(strings.Join(said, ""), why) {
			t.Errorf("the log has %q", said)
		}
	}
}

// TestPutsSlowWorkerLeavesTheRest: a worker fetches only some puts ahead. When it hangs,
// another worker gets the others.
func TestPutsSlowWorkerLeavesTheRest(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	const n, held = 900, 512
	hangs, hang := make(chan struct{}, n), make(chan struct{})
	release := sync.OnceFunc(func() { close(hang) })
	defer release()
	stop := consumePuts(t, b, time.Second, func(context.Context, []bus.Put) error {
		hangs <- struct{}{}
		<-hang
		return errors.New("not mine")
	})
	putCurves(t, b, 1, 2)
	if err := wait(bustest.Context(t), hangs); err != nil {
		t.Fatal(err)
	}
	putCurves(t, b, 2, 1+n)
	var reduced atomic.Int32
	consumePuts(t, srv.Connect(), time.Second, func(_ context.Context, puts []bus.Put) error {
		reduced.Add(int32(len(puts)))
		return nil
	})
	until(t, "the other did the rest", func() bool { return reduced.Load() >= n-held })
	release()
	_ = stop()
	until(t, "all acknowledged", caughtUp(t, b))
}

// TestPutsInHand: puts in work or in the queue are not delivered again, however long the
// work takes. If one is, the delivery that is in hand counts.
func TestPutsInHand(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	if err := b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: gen}, time.Minute, 3*time.Second); err != nil {
		t.Fatal(err)
	}
	started, release := make(chan struct{}, 1), make(chan struct{})
	batches := make(chan []bus.Put, 1_000)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- b.ConsumePuts(ctx, gen, time.Second, func(ctx context.Context, batch []bus.Put) error {
			batches <- batch
			if len(batches) == 1 {
				started <- struct{}{}
				return wait(ctx, release)
			}
			return nil
		})
	}()
	delivered := func() uint64 {
		cons, err := srv.JetStream().Consumer(bustest.Context(t), "KV_"+bus.CurvesBucket, bus.ReduceConsumer(gen))
		if err != nil {
			t.Fatal(err)
		}
		return cons.CachedInfo().Delivered.Consumer
	}
	putCurves(t, b, 1, 2)
	<-started
	putCurves(t, b, 2, 11)
	until(t, "all are in hand", func() bool { return delivered() >= 10 })
	<-time.After(6 * time.Second) // twice AckWait
	if n := delivered(); n != 10 {
		t.Errorf("%d deliveries of 10 puts", n)
	}
	shortenAckWait(t, srv, "KV_"+bus.CurvesBucket, bus.ReduceConsumer(gen))
	until(t, "they are delivered again and again", func() bool { return delivered() > 50 })
	close(release)
	until(t, "all acknowledged", caughtUp(t, b))
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	// A put that was delivered again while it was acknowledged may come after that.
	if first, second := <-batches, <-batches; len(first) != 1 || len(second) != 9 {
		t.Errorf("%d and %d puts were reduced, want 1 and 9", len(first), len(second))
	}
}

// TestPutsDrain: at the end queued puts go to other workers at once, and the batch in work
// is finished.
func TestPutsDrain(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	started, release := make(chan struct{}, 1), make(chan struct{})
	if err := b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: gen}, time.Second, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- b.ConsumePuts(ctx, gen, 20*time.Second, func(ctx context.Context, _ []bus.Put) error {
			started <- struct{}{}
			return wait(ctx, release)
		})
	}()
	putCurves(t, b, 1, 2)
	<-started
	putCurves(t, b, 2, 12)
	stop() // while one batch is in work
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	var others atomic.Int32
	consumePuts(t, srv.Connect(), time.Second, func(_ context.Context, puts []bus.Put) error {
		others.Add(int32(len(puts)))
		return nil
	})
	until(t, "all acknowledged", caughtUp(t, b)) // AckWait is long: they were handed back
	if others.Load() == 0 {
		t.Error("nothing was handed back")
	}
}

// TestPutsDrainEnds: a reduce that takes longer than the drain time is cancelled.
func TestPutsDrainEnds(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	started := make(chan struct{})
	stop := consumePuts(t, b, 20*time.Millisecond, func(ctx context.Context, _ []bus.Put) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	})
	putCurves(t, b, 1, 2)
	<-started
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestPutsOfOthers: a key that is no curve key is acknowledged without a reduce. A put
// without a time, or with an invalid one, is reduced.
func TestPutsOfOthers(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	got := make(chan bus.Put, 10)
	consumePuts(t, b, time.Second, func(_ context.Context, puts []bus.Put) error {
		for _, p := range puts {
			got <- p
		}
		return nil
	})
	kv := bucketOf(t, srv, bus.CurvesBucket)
	for _, key := range []string{"a", "a.b.c.d", "nobody.x"} {
		if _, err := kv.Put(t.Context(), string(gen)+"."+key, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if p := <-got; p.Profile != "nobody" || !p.AcceptedAt.IsZero() || p.Seq != 3 {
		t.Errorf("%+v", p)
	}
	until(t, "all acknowledged", caughtUp(t, b))
	if len(got) > 0 {
		t.Errorf("also %+v", <-got)
	}
}

// TestConsumerLostUnseen: when a consumer was deleted while the workers were not connected,
// the loops end, so that a new session creates it again.
func TestConsumerLostUnseen(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	if err := b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: gen}, time.Second, time.Second); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() {
		ended <- b.ConsumePuts(t.Context(), gen, time.Second, func(context.Context, []bus.Put) error { return nil })
	}()
	go func() {
		ended <- b.ConsumeEpisodes(t.Context(), gen, bus.EpisodeOptions{Concurrency: 1, DrainTime: time.Second},
			handler{run: func(context.Context, try) error { return nil }}.prepare)
	}()
	js := srv.JetStream()
	for stream, consumer := range map[string]string{bus.EpisodesStream: bus.AlignConsumer(gen), "KV_" + bus.CurvesBucket: bus.ReduceConsumer(gen)} {
		until(t, "pulls of "+consumer, func() bool {
			c, err := js.Consumer(t.Context(), stream, consumer)
			return err == nil && c.CachedInfo().NumWaiting > 0
		})
	}
	srv.Wipe()
	srv.Topology() // creates the streams, but not the consumers
	for range 2 {
		select {
		case err := <-ended:
			if !client.IsAbsent(err) {
				t.Errorf("it ended with %v", err)
			}
		case <-bustest.Context(t).Done():
			t.Fatal("it goes on though its consumer is gone")
		}
	}
}

// TestConsumersOfLostStreams: when the streams were lost after they were created, they are
// created again instead of waited for.
func TestConsumersOfLostStreams(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	if err := srv.JetStream().DeleteStream(t.Context(), bus.EpisodesStream); err != nil {
		t.Fatal(err)
	}
	if err := b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: gen}, time.Second, time.Second); err != nil {
		t.Fatal(err)
	}
	c, err := srv.JetStream().Consumer(t.Context(), bus.EpisodesStream, bus.AlignConsumer(gen))
	if err != nil || c.CachedInfo().Config.AckPolicy != jetstream.AckExplicitPolicy {
		t.Errorf("the consumer: %v", err)
	}
}

// BenchmarkPuts measures 10,000 pending puts for one worker whose reduce takes no time, and
// the time from a single put to its reduce.
func BenchmarkPuts(b *testing.B) {
	put := func(b *testing.B, srv *bustest.Server, n int) {
		js := srv.JetStream()
		for i := range n {
			if _, err := js.PublishAsync(fmt.Sprintf("$KV.curves.%s.a.%d", gen, i), []byte("x")); err != nil {
				b.Fatal(err)
			}
		}
		<-js.PublishAsyncComplete()
	}
	start := func(b *testing.B, reduce func([]bus.Put)) (*bustest.Server, func()) {
		srv := bustest.Start(b)
		worker := srv.Topology()
		if err := worker.EnsureConsumers(b.Context(), bus.Generation{ID: gen}, time.Second, time.Minute); err != nil {
			b.Fatal(err)
		}
		return srv, func() {
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() {
				ended <- worker.ConsumePuts(ctx, gen, time.Second, func(_ context.Context, puts []bus.Put) error {
					reduce(puts)
					return nil
				})
			}()
			b.Cleanup(func() {
				cancel()
				if err := <-ended; err != nil {
					b.Error(err)
				}
			})
		}
	}
	b.Run("backlog", func(b *testing.B) {
		const n = 10_000
		for b.Loop() {
			b.StopTimer()
			var got atomic.Int32
			done := make(chan struct{})
			srv, consume := start(b, func(puts []bus.Put) {
				if got.Add(int32(len(puts))) == n {
					close(done)
				}
			})
			put(b, srv, n)
			b.StartTimer()
			consume()
			<-done
		}
		b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "puts/s")
	})
	b.Run("one by one", func(b *testing.B) {
		reduced := make(chan struct{}, 1)
		srv, consume := start(b, func([]bus.Put) { reduced <- struct{}{} })
		consume()
		for b.Loop() {
			put(b, srv, 1)
			<-reduced
		}
	})
}
