package worker_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
	"github.com/cis490/profiles/store"
	"github.com/cis490/profiles/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const recorded = "../examples/recorded"

// A fleet is a server, a store, and workers that use both.
type fleet struct {
	t        *testing.T
	mode     client.TopologyMode // of the workers
	nats     string              // the URL of NATS for the workers; empty: that of srv
	domain   string              // NATS_JS_DOMAIN of the workers
	patience time.Duration       // of the workers; 0: 200 ms
	srv      *bustest.Server
	bus      *bus.Bus
	store    episode.Store
	spec     *fit.Spec

	checkEvery time.Duration // of the workers; 0: 1 s
}

func newFleet(t *testing.T, spec *fit.Spec, store episode.Store) *fleet {
	srv := bustest.Start(t)
	return &fleet{t: t, srv: srv, bus: srv.Topology(), store: store, spec: spec}
}

var openRecorded = sync.OnceValues(func() (*store.Dir, error) { return store.OpenDir(filepath.Join(recorded, "store")) })

// recordedStore is one store for all tests, or [entryOf] would read its archives again
// for each of them.
func recordedStore(t *testing.T) episode.Store {
	archives, err := openRecorded()
	if err != nil {
		t.Fatal(err)
	}
	return archives
}

// entries caches the results of [entryOf]. Tests compute the batch again and again while
// they wait, and reading all archives takes a second under the race detector.
var entries sync.Map

// expect makes the workers expect the topology, and creates what they need.
func (f *fleet) expect() {
	f.t.Helper()
	f.mode = client.TopologyExpect
	ctx := bustest.Context(f.t)
	gen, _, end := bustest.Curves(f.t, f.bus, f.spec)
	end()
	if err := f.bus.EnsureConsumers(ctx, gen, time.Second, time.Second); err != nil {
		f.t.Fatal(err)
	}
}

// entryOf returns what an archive gives under the default spec, whatever its target.
func (f *fleet) entryOf(ref episode.Ref, channel string) fit.Entry {
	f.t.Helper()
	type key struct {
		store   episode.Store
		ref     episode.Ref
		channel string
	}
	k := key{f.store, ref, channel}
	if entry, ok := entries.Load(k); ok {
		return entry.(fit.Entry)
	}
	fitter, err := align.New(f.spec, episode.Limits{})
	if err != nil {
		f.t.Fatal(err)
	}
	entry, err := fitter.Entry(f.t.Context(), f.store, ref, channel)
	if reason, ok := align.ReasonOf(err); ok {
		entry = align.Without(ref, reason, "")
	} else if err != nil {
		f.t.Fatal(err)
	}
	entry.Seq = 1
	entries.Store(k, entry)
	return entry
}

// A running worker.
type running struct {
	worker   *worker.Worker
	registry *prometheus.Registry
	stop     func()        // stops it and waits
	waitsFor func() string // the reason why it is not ready
	log      lines
	kill     func() // closes its connection: nothing that it still does reaches NATS
}

// lines are what a worker has logged.
type lines struct {
	mu   sync.Mutex
	text []byte
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, line...)
	return len(line), nil
}

// count returns how often a text was logged.
func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.text, []byte(text))
}

func (f *fleet) start() *running {
	f.t.Helper()
	cfg := worker.Config{
		Concurrency: 2, AckWait: time.Second, ReduceWait: time.Second,
		Patience: cmp.Or(f.patience, 200*time.Millisecond), CheckEvery: cmp.Or(f.checkEvery, time.Second), DrainTime: 5 * time.Second,
	}
	r := &running{registry: prometheus.NewRegistry()}
	log := slog.New(slog.NewTextHandler(io.MultiWriter(f.t.Output(), &r.log), nil))
	nc, err := bus.Connect(client.Config{URL: cmp.Or(f.nats, f.srv.URL()), JSDomain: f.domain, Topology: f.mode}, log)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(nc.Close)
	w, err := worker.New(cfg, worker.Deps{Bus: nc, Store: f.store, Spec: f.spec, Log: log, Registry: r.registry})
	if err != nil {
		f.t.Fatal(err)
	}
	r.worker = w
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.Run(ctx)
	}()
	r.stop = func() { cancel(); <-ended }
	r.waitsFor = func() string { return fmt.Sprint(w.Ready()) }
	r.kill = func() { nc.Close(); r.stop() }
	f.t.Cleanup(r.stop)
	return r
}

// count returns the sum of a counter of one worker over the series with some labels, each
// "name=value".
func (r *running) count(t *testing.T, name string, labels ...string) int {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetName()+"="+l.GetValue())
			}
			if f.GetName() == name && (len(labels) == 0 || slices.Equal(have, labels)) {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return int(sum)
}

// rows are the recorded validation rows that are accepted.
func rows(t *testing.T) []bus.Notice {
	t.Helper()
	var out []bus.Notice
	for row, err := range dataset.OpenValidation(filepath.Join(recorded, "validation.parquet"), fit.DefaultValidation()) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Status == "accepted" {
			out = append(out, bus.Notice{Episode: row.EpisodeID, Host: row.HostID, Profile: row.Profile})
		}
	}
	return out
}

var sendings atomic.Int64

// send publishes a notice with a message id of its own.
func (f *fleet) send(n bus.Notice) {
	f.t.Helper()
	n.At = time.Now().Add(time.Duration(sendings.Add(1)))
	if _, err := f.bus.Publish(bustest.Context(f.t), n); err != nil {
		f.t.Fatal(err)
	}
}

// batch computes the envelopes of the accepted episodes directly from the store.
func (f *fleet) batch(accepted []bus.Notice) map[fit.ProfileName]fit.Envelope {
	f.t.Helper()
	out := map[fit.ProfileName]fit.Envelope{}
	for p, sample := range f.samples(accepted) {
		out[p] = sample.Envelope(f.spec.Points.Total())
	}
	return out
}

// samples returns the samples of all profiles of the spec, also empty ones.
func (f *fleet) samples(accepted []bus.Notice) map[fit.ProfileName]*fit.Sample {
	f.t.Helper()
	out := map[fit.ProfileName]*fit.Sample{}
	for _, p := range f.spec.Profiles {
		sample := fit.NewSample(f.spec.Target)
		for _, n := range accepted {
			if n.Profile != string(p.Name) {
				continue
			}
			ref, err := episode.ParseRef(n.Host, n.Episode)
			if err != nil {
				f.t.Fatal(err)
			}
			sample.Put(f.spec.Rank(n.Host, n.Episode), f.entryOf(ref, p.Channel))
		}
		out[p.Name] = sample
	}
	return out
}

// settled waits until the wanted generation has nothing left to do, and returns it.
func (f *fleet) settled() bus.Generation {
	f.t.Helper()
	ctx := bustest.Context(f.t)
	for {
		if gen, ok := f.wanted(ctx); ok {
			caught, err := f.bus.CaughtUp(ctx, gen.ID)
			if err != nil {
				f.t.Fatal(err)
			}
			if again, _ := f.wanted(ctx); caught && again.ID == gen.ID {
				return gen
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			f.t.Fatal("it did not settle in time")
		}
	}
}

func (f *fleet) wanted(ctx context.Context) (bus.Generation, bool) {
	f.t.Helper()
	specs, err := f.bus.OpenSpecs(ctx)
	if err != nil {
		return bus.Generation{}, false // the bucket may be gone for the moment
	}
	run, stop := context.WithCancel(ctx)
	stop()
	_ = specs.Run(run)
	return specs.Wanted()
}

// equal compares the live envelopes with those of the batch, value for value, when the
// system has nothing left to do. Then it compares the signatures, which come later.
func (f *fleet) equal(accepted []bus.Notice) {
	f.t.Helper()
	gen := f.settled()
	for _, d := range f.differences(gen, accepted) {
		f.t.Error(d)
	}
	for p, sample := range f.samples(accepted) {
		want := f.text(signature.Of(f.spec, signature.MembersOf(sample)))
		until(f.t, func() bool {
			have, whole, err := signatures.Read(bustest.Context(f.t), f.bus, gen.ID, p)
			if err != nil {
				f.t.Fatal(err)
			}
			if !whole {
				return sample.Attempted() == 0
			}
			return have.Digest == sample.Digest() && f.text(have.Summary) == want
		})
	}
}

func (f *fleet) text(s signature.Summary) string {
	f.t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

// becomes waits until the live envelopes equal those of the batch. If they never do, it
// reports the differences.
func (f *fleet) becomes(accepted []bus.Notice) {
	f.t.Helper()
	ctx := bustest.Context(f.t)
	for !f.same(accepted) {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			gen, _ := f.wanted(bustest.Context(f.t))
			align, reduce, err := f.bus.Lags(bustest.Context(f.t), gen.ID)
			f.t.Logf("wanted: %s of epoch %d; align lag %+v, reduce lag %+v, %v", gen.ID, gen.Epoch, align, reduce, err)
			for _, d := range f.differences(gen, accepted) {
				f.t.Error(d)
			}
			f.t.Fatal("waited in vain")
		}
	}
}

// same reports whether the live envelopes equal those of the batch at this moment.
func (f *fleet) same(accepted []bus.Notice) bool {
	f.t.Helper()
	gen, ok := f.wanted(bustest.Context(f.t))
	return ok && len(f.differences(gen, accepted)) == 0
}

func (f *fleet) differences(gen bus.Generation, accepted []bus.Notice) []string {
	f.t.Helper()
	var out []string
	for p, want := range f.batch(accepted) {
		have, ok, err := f.bus.ReadEnvelope(bustest.Context(f.t), gen.ID, p)
		if err == nil && !ok && want.Attempted == 0 {
			continue // nothing was stored
		}
		if err != nil || !ok {
			out = append(out, fmt.Sprintf("%s: no envelope: %v", p, err))
			continue
		}
		if !reflect.DeepEqual(have.Envelope, want) {
			out = append(out, fmt.Sprintf("%s: live %d/%d complete %v, batch %d/%d complete %v, or values differ", p,
				have.Used, have.Attempted, have.Complete, want.Used, want.Attempted, want.Complete))
		}
	}
	return out
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	ctx := bustest.Context(t)
	for !ok() {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			t.Fatal("waited in vain")
		}
	}
}
