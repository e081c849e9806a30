package worker_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/worker"
)

// scale asks GET /scale of a worker. It returns a Backlog, or the text of the error with its status.
func (r *running) scale(t *testing.T) (backlog worker.Backlog, status int, text string) {
	t.Helper()
	rec := httptest.NewRecorder()
	r.worker.ServeScale(rec, httptest.NewRequest(http.MethodGet, "/scale", nil))
	if rec.Code == http.StatusOK {
		if err := json.Unmarshal(rec.Body.Bytes(), &backlog); err != nil {
			t.Fatalf("%v: %s", err, rec.Body)
		}
	}
	return backlog, rec.Code, rec.Body.String()
}

// waits waits until /scale says that a generation has a number of messages waiting and in work.
func (r *running) waits(t *testing.T, gen bus.Generation, waiting uint64, inWork int) {
	t.Helper()
	last := ""
	defer func() {
		if t.Failed() {
			t.Logf("the last answer: %s", last)
		}
	}()
	until(t, func() bool {
		b, status, text := r.scale(t)
		last = text
		return status == http.StatusOK && b.Generation == gen.ID && b.Epoch == gen.Epoch && b.Revision == gen.Spec.Revision &&
			b.Waiting == waiting && b.InWork == inWork && !b.AskedAt.IsZero()
	})
}

// present returns the generation that a spec would work on, which it does not register.
func (f *fleet) present(spec *fit.Spec) bus.Generation {
	f.t.Helper()
	ctx := bustest.Context(f.t)
	specs, err := f.bus.ReadSpecs(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	gen, err := f.bus.Present(ctx, specs, spec, episode.DefaultLimits())
	if err != nil {
		f.t.Fatal(err)
	}
	return gen
}

// consumers registers a generation and makes its consumers.
func (f *fleet) consumers(gen bus.Generation) {
	f.t.Helper()
	ctx := bustest.Context(f.t)
	if err := f.bus.Register(ctx, gen); err != nil {
		f.t.Fatal(err)
	}
	if err := f.bus.EnsureConsumers(ctx, gen, time.Minute, time.Minute); err != nil {
		f.t.Fatal(err)
	}
}

// TestScale: /scale has what waits for the wanted generation, also in a change of the spec and
// after a raised epoch, whatever waits for the generations before. It is an error while the
// number is not known.
func TestScale(t *testing.T) {
	t.Parallel()
	const messages = 10
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	w := f.start()
	for _, n := range rows(t)[:messages] {
		f.send(n)
	}
	first := f.settled()
	w.waits(t, first, 0, 0)

	// A spec of a later revision is registered, and has no consumers yet.
	spec := fit.DefaultSpec()
	spec.Revision, spec.Target = first.Spec.Revision+1, first.Spec.Target+1
	second := f.present(spec)
	if err := f.bus.Register(bustest.Context(t), second); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		_, status, text := w.scale(t)
		return status == http.StatusServiceUnavailable && strings.Contains(text, "generation "+string(second.ID)+" has no consumers yet")
	})
	f.consumers(second)
	w.waits(t, second, messages, 0)

	// Somebody takes messages of it.
	consumer, err := f.srv.JetStream().Consumer(bustest.Context(t), bus.EpisodesStream, bus.AlignConsumer(second.ID))
	if err != nil {
		t.Fatal(err)
	}
	batch, err := consumer.Fetch(3, jetstream.FetchMaxWait(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for range batch.Messages() { // none is acknowledged
	}
	w.waits(t, second, messages-3, 3)

	// The consumer of the epoch before stays, with all that waits for it.
	third := second.Next()
	f.consumers(third)
	w.waits(t, third, messages, 0)

	// The consumer is lost: the number is not known, and certainly not that of the log.
	if err := f.bus.DeleteConsumer(bustest.Context(t), bus.EpisodesStream, bus.AlignConsumer(third.ID)); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		_, status, text := w.scale(t)
		return status == http.StatusServiceUnavailable && strings.Contains(text, "has no consumers yet")
	})
	f.consumers(third)
	w.waits(t, third, messages, 0)

	// NATS is away.
	f.srv.Stop()
	until(t, func() bool {
		_, status, text := w.scale(t)
		return status == http.StatusServiceUnavailable && strings.Contains(text, "waiting for NATS")
	})
	f.srv.Restart()
	w.waits(t, third, messages, 0)
}

// TestScaleBeforeReady: a worker that has not started says so.
func TestScaleBeforeReady(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	f.expect()
	gen := f.present(f.spec)
	if err := f.bus.DeleteConsumer(bustest.Context(t), bus.EpisodesStream, bus.AlignConsumer(gen.ID)); err != nil {
		t.Fatal(err)
	}
	w := f.start()
	until(t, func() bool {
		_, status, text := w.scale(t)
		return status == http.StatusServiceUnavailable && strings.Contains(text, "waiting for the consumers of generation "+string(gen.ID))
	})
}

// TestScaleManyPollers: however many ask, NATS is asked once in five seconds.
func TestScaleManyPollers(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	w := f.start()
	f.settled()
	// No worker works on this generation, so only /scale asks for its consumer.
	spec := fit.DefaultSpec()
	spec.Revision, spec.Target = 2, 7
	gen := f.present(spec)
	f.consumers(gen)
	var asked atomic.Int64
	conn := f.srv.JetStream().Conn()
	if _, err := conn.Subscribe("$JS.API.CONSUMER.INFO."+bus.EpisodesStream+"."+bus.AlignConsumer(gen.ID), func(*nats.Msg) { asked.Add(1) }); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	w.waits(t, gen, 0, 0)

	began := time.Now()
	var pollers sync.WaitGroup
	for range 20 {
		pollers.Go(func() {
			for range 10 {
				w.scale(t)
			}
		})
	}
	pollers.Wait()
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	// One question was asked before, and one may be asked at once.
	if most := 2 + int64(time.Since(began)/(5*time.Second)); asked.Load() > most || asked.Load() == 0 {
		t.Errorf("200 requests led to %d questions to NATS, want 1 to %d", asked.Load(), most)
	}
}

// TestScaledObject: what KEDA looks for in the answer is a number there.
func TestScaledObject(t *testing.T) {
	manifest, err := os.ReadFile("../k8s/keda/scaledobject.yaml")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`(?m)^ +valueLocation: (\w+)$`).FindSubmatch(manifest)
	answer, err := json.Marshal(worker.Backlog{Waiting: 7})
	if err != nil || key == nil {
		t.Fatalf("key %q, %v", key, err)
	}
	var fields map[string]any
	if err := json.Unmarshal(answer, &fields); err != nil || fields[string(key[1])] != 7.0 {
		t.Errorf("KEDA looks for %s in %s: %v", key[1], answer, err)
	}
}
