package status

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/command/synth"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const saturate = "cpu-saturate"

func specOf(target int) *fit.Spec {
	spec := fit.DefaultSpec()
	spec.Target, spec.Profiles = target, spec.Profiles[:1]
	return spec
}

// run starts a worker that ends with the test.
func run(t *testing.T, server *bustest.Server, spec *fit.Spec, store episode.Store) {
	t.Helper()
	w, err := worker.New(worker.Config{Patience: time.Millisecond}, worker.Deps{
		Bus: server.Connect(), Store: store, Spec: spec, Log: bustest.Log(t), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	g.Go(func() error { return w.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		_ = g.Wait()
	})
}

func publish(t *testing.T, ctx context.Context, b *bus.Bus, host, id string, retracted bool) {
	t.Helper()
	n := bus.Notice{Host: host, Episode: id, Profile: saturate, At: time.Now(), Retracted: retracted}
	if _, err := b.Publish(ctx, n); err != nil {
		t.Fatal(err)
	}
}

// TestUnanswered: a request during the election of a leader may never be
// answered. Wait sends another one.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	server := bustest.StartWith(t, `mappings { "$JS.API.STREAM.MSG.GET.KV_specs": unanswered }`)
	b := server.Topology()
	plain, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	first := true
	if _, err := plain.Subscribe("unanswered", func(question *nats.Msg) {
		if !first {
			_ = question.Respond([]byte(`{"error": {"code": 404, "err_code": 10037}}`))
		}
		first = false
	}); err != nil {
		t.Fatal(err)
	}
	if err := plain.Flush(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(bustest.Context(t))
	enough := errors.New("enough")
	var waited []string
	_, err = Wait(ctx, b, func(what string) {
		waited = append(waited, what)
		if len(waited) == 2 {
			cancel(enough)
		}
	})
	if !errors.Is(err, enough) || waited[0] != "an answer of NATS" || !strings.Contains(waited[1], "generation") {
		t.Errorf("waited for %q: %v", waited, err)
	}
}

func TestCollectBeforeAnythingExists(t *testing.T) {
	t.Parallel()
	ctx, server := bustest.Context(t), bustest.Start(t)
	b := server.Connect()
	for _, streams := range []int{0, 9} {
		r, err := Collect(ctx, b)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Streams) != streams || r.Wanted != "" || r.Lag != nil || !strings.Contains(r.WaitsFor(), "generation") {
			t.Errorf("%+v, waits for %q", r, r.WaitsFor())
		}
		if text, err := json.Marshal(r); err != nil || strings.Contains(string(text), `"profiles":null`) {
			t.Errorf("%s, %v", text, err)
		}
		b = server.Topology()
	}
}

// TestWaitsFor goes through the stages of a message; each has its own text.
func TestWaitsFor(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	spec := specOf(2)
	gen := spec.Generation(episode.DefaultLimits(), 0)
	expect := func(want string) *Report {
		t.Helper()
		r, err := Collect(ctx, b)
		if err != nil {
			t.Fatal(err)
		}
		if what := r.WaitsFor(); want == "" && what != "" || !strings.Contains(what, want) {
			t.Errorf("waits for %q, want %q", what, want)
		}
		return r
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.Register(ctx, bus.Generation{Spec: *spec, Limits: []byte("{}"), Base: gen, ID: gen}))
	expect("consumers")
	must(b.EnsureConsumers(ctx, bus.Generation{ID: gen}, time.Minute, time.Minute))
	expect("") // nothing was accepted yet

	publish(t, ctx, b, "h", "1", false)
	expect("episodes: 1 to deliver")

	ended, cancel := context.WithCancel(ctx)
	must(b.ConsumeEpisodes(ended, gen, bus.EpisodeOptions{Concurrency: 1}, doneAt(cancel)))
	expect("")

	// A worker put a curve and ended before it wrote the envelope.
	curves, err := b.ReadCurves(ctx, bus.Generation{Spec: *spec, ID: gen})
	must(err)
	entry := fit.Entry{Seq: 1, Host: "h", Episode: "1", State: fit.StateCurve, Curve: make(fit.Curve, spec.Points.Total())}
	must(bustest.PutEntry(ctx, curves, bus.EntryID{Profile: saturate, Rank: spec.Rank("h", "1")}, entry, 0, time.Time{}))
	r := expect("puts to reduce: 1 to deliver")
	if p := r.Profiles[0]; p.Used != 1 || p.Kept != 1 || p.Agrees || p.Envelope != nil {
		t.Errorf("%+v", p)
	}
	ended, cancel = context.WithCancel(ctx)
	must(b.ConsumePuts(ended, gen, time.Second, func(context.Context, []bus.Put) error {
		cancel()
		return nil
	}))
	expect("the envelope of " + saturate)

	curves, err = b.ReadCurves(ctx, bus.Generation{Spec: *spec, ID: gen})
	must(err)
	reduced, err := curves.Reduce(saturate)
	must(err)
	_, err = b.WriteEnvelope(ctx, gen, saturate, reduced.Envelope, reduced.AsOf, time.Now(), time.Time{})
	must(err)
	r = expect("")
	if p := r.Profiles[0]; !p.Agrees || p.Envelope == nil || p.Complete || p.UpdatedAt.IsZero() {
		t.Errorf("%+v", p)
	}
}

// doneAt calls done at the first message, which then needs no work.
func doneAt(done func()) func(bus.Notice) (bus.EpisodeTask, error) {
	return func(bus.Notice) (bus.EpisodeTask, error) {
		done()
		return nil, nil
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	ctx, server := bustest.Context(t), bustest.Start(t)
	const n, target = 30, 20
	store, err := synth.NewStore(synth.New(1), n, saturate)
	if err != nil {
		t.Fatal(err)
	}
	b := server.Connect()
	type answer struct {
		report *Report
		err    error
	}
	wait := func() chan answer {
		c := make(chan answer, 1)
		go func() {
			r, err := Wait(ctx, b, nil)
			c <- answer{r, err}
		}()
		return c
	}
	early := wait() // before any stream exists
	run(t, server, specOf(target), store)
	if a := <-early; a.err != nil || a.report.Wanted == "" {
		t.Fatalf("%+v, %v", a.report, a.err)
	}
	for i := range n {
		host, id := synth.New(1).Ref(saturate, i)
		publish(t, ctx, b, host, id, false)
	}
	publish(t, ctx, b, "host", "missing", false)
	a := <-wait()
	if a.err != nil {
		t.Fatal(a.err)
	}
	p := a.report.Profiles[0]
	if p.Used != target || !p.Complete || !p.Agrees || p.Short || p.Envelope == nil || p.Envelope.Used != target {
		t.Errorf("%+v", p)
	}
	if a.report.WaitsFor() != "" || a.report.Lag.Align.Pending != 0 {
		t.Errorf("%+v", a.report)
	}

	// Most episodes are retracted. This uses up the reserve, so a new epoch reads
	// the log again, and Wait returns only after that.
	for i := range n - 3 {
		host, id := synth.New(1).Ref(saturate, i)
		publish(t, ctx, b, host, id, true)
	}
	a = <-wait()
	if a.err != nil {
		t.Fatal(a.err)
	}
	p = a.report.Profiles[0]
	if p.Used != 3 || p.Complete || p.Short || p.Envelope.Used != 3 {
		t.Errorf("after retractions: %+v", p)
	}
	gens := a.report.Generations
	if len(gens) < 2 || !gens[len(gens)-1].Wanted || gens[len(gens)-1].ID != a.report.Wanted || gens[len(gens)-1].Epoch == 0 {
		t.Errorf("generations %+v", gens)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(bustest.Context(t))
	var calls []string
	_, err := Wait(ctx, b, func(what string) {
		calls = append(calls, what)
		cancel(enough)
	})
	if !errors.Is(err, enough) || len(calls) != 1 {
		t.Errorf("%v, calls %q", err, calls)
	}
}
