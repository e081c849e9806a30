package worker_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/dataset"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/synth"
	"github.com/cis490/profiles/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const recorded = "../examples/recorded"

// A fleet is a server, a store and workers on them.
type fleet struct {
	t        *testing.T
	mode     bus.TopologyMode // of the workers
	patience time.Duration    // of the workers; 0: 200 ms
	srv      *bustest.Server
	bus      *bus.Bus
	store    episode.Store
	spec     *fit.Spec
}

func newFleet(t *testing.T, spec *fit.Spec, store episode.Store) *fleet {
	srv := bustest.Start(t)
	return &fleet{t: t, srv: srv, bus: srv.Topology(), store: store, spec: spec}
}

func recordedStore(t *testing.T) episode.Store {
	store, err := episode.OpenDir(filepath.Join(recorded, "store"))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// A running worker.
type running struct {
	registry *prometheus.Registry
	stop     func() // ends it in order and waits
	kill     func() // cuts it off: nothing that it still does gets out
}

func (f *fleet) start() *running {
	f.t.Helper()
	cfg := worker.Config{
		Concurrency: 2, AckWait: time.Second, ReduceWait: time.Second,
		Patience: cmp.Or(f.patience, 200*time.Millisecond), CheckEvery: time.Second, DrainTime: 5 * time.Second,
	}
	r := &running{registry: prometheus.NewRegistry()}
	nc, err := bus.Connect(bus.Config{URL: f.srv.URL(), Topology: f.mode}, bustest.Log(f.t))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(nc.Close)
	w, err := worker.New(cfg, worker.Deps{Bus: nc, Store: f.store, Spec: f.spec, Log: bustest.Log(f.t), Registry: r.registry})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.Run(ctx)
	}()
	r.stop = func() { cancel(); <-ended }
	r.kill = func() { nc.Close(); r.stop() }
	f.t.Cleanup(r.stop)
	return r
}

// count adds up a counter of one worker; labels as "name=value".
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
	for row, err := range dataset.OpenValidation(filepath.Join(recorded, "validation.parquet")) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Status == "accepted" {
			out = append(out, bus.Notice{Episode: row.EpisodeID, Host: row.HostID, Profile: row.Profile})
		}
	}
	return out
}

var sendings int64

// send publishes a notice as a deliberate sending of its own.
func (f *fleet) send(n bus.Notice) {
	f.t.Helper()
	sendings++
	n.At = time.Now().Add(time.Duration(sendings))
	if _, err := f.bus.Publish(bustest.Context(f.t), n); err != nil {
		f.t.Fatal(err)
	}
}

// batch computes the envelopes of what is accepted, straight from the store.
func (f *fleet) batch(accepted []bus.Notice) map[fit.ProfileName]fit.Envelope {
	f.t.Helper()
	fitter := align.Fitter{Spec: f.spec, Limits: episode.DefaultLimits()}
	out := map[fit.ProfileName]fit.Envelope{}
	for _, p := range f.spec.Profiles {
		channel, err := episode.ParseChannelName(p.Channel)
		if err != nil {
			f.t.Fatal(err)
		}
		sample := fit.NewSample(f.spec.Target)
		for _, n := range accepted {
			if n.Profile != string(p.Name) {
				continue
			}
			ref, err := episode.ParseRef(n.Host, n.Episode)
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
			sample.Put(f.spec.Rank(n.Host, n.Episode), entry)
		}
		if sample.Attempted() > 0 {
			out[p.Name] = sample.Envelope(f.spec.Points.Total())
		}
	}
	return out
}

// settled waits until the wanted generation has nothing left to do and returns it.
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

// equal holds the live envelopes against the batch's, value for value, once the
// system has settled.
func (f *fleet) equal(accepted []bus.Notice) {
	f.t.Helper()
	gen := f.settled()
	for _, d := range f.differences(gen, accepted) {
		f.t.Error(d)
	}
}

// same tells whether the live envelopes of this moment equal the batch's.
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

func TestLiveEqualsBatch(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		for _, target := range []int{100, 3} {
			t.Run(fmt.Sprintf("%d workers, target %d", workers, target), func(t *testing.T) {
				spec := fit.DefaultSpec()
				spec.Target = target
				f := newFleet(t, spec, recordedStore(t))
				for range workers {
					f.start()
				}
				accepted := rows(t)
				sent := append(append([]bus.Notice{}, accepted...), accepted[:20]...)
				rand.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })
				for _, n := range sent {
					f.send(n)
				}
				f.equal(accepted)
			})
		}
	}
}

// TestRetractions mixes accepting, retracting and accepting again, and more of
// it than the sample has in reserve.
func TestRetractions(t *testing.T) {
	spec := fit.DefaultSpec()
	spec.Target = 3
	f := newFleet(t, spec, recordedStore(t))
	f.start()
	f.start()
	accepted := rows(t)
	for _, n := range accepted {
		f.send(n)
	}
	f.equal(accepted)

	rng := rand.New(rand.NewPCG(7, 7))
	state := map[string]bool{}
	for _, n := range accepted {
		state[n.Key()] = true
	}
	for range 200 {
		n := accepted[rng.IntN(len(accepted))]
		n.Retracted = rng.IntN(2) == 0
		state[n.Key()] = !n.Retracted
		f.send(n)
	}
	var left []bus.Notice
	for _, n := range accepted {
		if state[n.Key()] {
			left = append(left, n)
		}
	}
	f.equal(left)
}

// TestTopologyExpected: somebody else makes streams and consumers, but a raised
// epoch is the workers' own affair.
func TestTopologyExpected(t *testing.T) {
	spec := fit.DefaultSpec()
	spec.Target = 3
	f := &fleet{t: t, srv: bustest.Start(t), mode: bus.TopologyExpect, store: recordedStore(t), spec: spec}
	f.start()
	ctx := bustest.Context(t)
	f.bus = f.srv.Topology()
	specs, err := f.bus.SpecsNow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	gen, err := f.bus.Present(ctx, specs, spec, episode.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.bus.Register(ctx, gen); err != nil {
		t.Fatal(err)
	}
	if err := f.bus.EnsureConsumers(ctx, gen, time.Second, time.Second); err != nil {
		t.Fatal(err)
	}
	accepted := rows(t)
	for _, n := range accepted {
		f.send(n)
	}
	f.equal(accepted)
	left := accepted[len(accepted)*3/4:]
	for _, n := range accepted[:len(accepted)*3/4] {
		n.Retracted = true
		f.send(n)
	}
	f.equal(left)
	if now, _ := f.wanted(ctx); now.Epoch == 0 {
		t.Error("no epoch was raised: this shows nothing")
	}
}

// TestWorkersDieAtRandom kills workers in the middle of their work, again and
// again, and others take over.
func TestWorkersDieAtRandom(t *testing.T) {
	spec := fit.DefaultSpec()
	spec.Target = 4
	f := newFleet(t, spec, recordedStore(t))
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	fleet := []*running{f.start(), f.start(), f.start()}
	accepted := rows(t)
	for round := range 6 {
		rng.Shuffle(len(accepted), func(i, j int) { accepted[i], accepted[j] = accepted[j], accepted[i] })
		for _, n := range accepted {
			f.send(n)
			if rng.IntN(20) == 0 {
				i := rng.IntN(len(fleet))
				fleet[i].kill()
				fleet[i] = f.start()
			}
		}
		t.Logf("round %d", round)
	}
	f.equal(accepted)
}

// TestLookBeforeYouLeap: envelopes come incrementally up to N and are complete
// from then on, and then only episodes below the threshold cost an archive.
func TestLookBeforeYouLeap(t *testing.T) {
	const episodes, target = 300, 8
	spec := fit.DefaultSpec()
	spec.Target = target
	profile := spec.Profiles[0].Name
	g := synth.New(3)
	store, err := synth.NewStore(g, episodes, string(profile))
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, spec, store)
	w := f.start()

	naive := fit.NewSample(target) // what a reader that opens one after the other keeps
	opened := 0
	for i := range episodes {
		host, id := g.Ref(string(profile), i)
		n := bus.Notice{Host: host, Episode: id, Profile: string(profile)}
		rank := spec.Rank(host, id)
		if naive.Needed(rank) {
			opened++
			naive.Put(rank, fit.Entry{Seq: 1, Host: host, Episode: id, State: fit.StateCurve, Curve: fit.Curve{1}})
		}
		f.send(n)
		until(t, func() bool { return w.count(t, "profiles_episodes_total") == i+1 })
		if i > 2*target && i%50 != 0 {
			continue
		}
		gen := f.settled()
		env, ok, err := f.bus.ReadEnvelope(bustest.Context(t), gen.ID, profile)
		if err != nil || !ok {
			t.Fatalf("after %d episodes: no envelope: %v", i+1, err)
		}
		if used := min(i+1, target); env.Used != used || env.Complete != (used == target) {
			t.Fatalf("after %d episodes: used %d, complete %v", i+1, env.Used, env.Complete)
		}
	}
	if got := w.count(t, "profiles_archives_opened_total"); got != opened {
		t.Errorf("%d archives were opened, want %d", got, opened)
	}
	skipped := w.count(t, "profiles_episodes_total", "outcome=skipped")
	if skipped != episodes-opened || skipped < episodes/2 {
		t.Errorf("%d of %d were skipped, %d opened", skipped, episodes, opened)
	}
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

// TestStoppedWorker: a worker that stops in the middle hands back what it has.
func TestStoppedWorker(t *testing.T) {
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	accepted := rows(t)
	doomed := &failingStore{Store: f.store, dead: make(chan struct{})}
	doomed.after.Store(5)
	f.store = doomed
	w := f.start()
	for _, n := range accepted {
		f.send(n)
	}
	<-doomed.dead
	w.stop()
	f.store = doomed.Store
	f.start()
	f.equal(accepted)
}

// failingStore hangs from its nth archive on until the reader gives up.
type failingStore struct {
	episode.Store
	after atomic.Int32 // archives that open
	dead  chan struct{}
}

func (s *failingStore) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	left := s.after.Add(-1)
	if left == 0 {
		close(s.dead)
	}
	if left <= 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Store.Open(ctx, ref)
}

// TestLosses: whatever NATS loses, the services notice, and publishing again
// what is accepted rebuilds what the log does not.
func TestLosses(t *testing.T) {
	spec := fit.DefaultSpec()
	spec.Target = 4
	for _, c := range []struct {
		name string
		lose func(*fleet)
		emit bool // whether the log is among what is lost
	}{
		{"everything", func(f *fleet) { f.srv.Wipe() }, true},
		{"the log", func(f *fleet) { f.drop(bus.EpisodesStream) }, true},
		{"the curves", func(f *fleet) { f.drop("KV_" + bus.CurvesBucket) }, false},
		{"the envelopes", func(f *fleet) { f.drop("KV_" + bus.EnvelopesBucket) }, false},
		{"the specs", func(f *fleet) { f.drop("KV_" + bus.SpecsBucket) }, false},
		{"nothing but the connection", func(f *fleet) { f.srv.Restart() }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFleet(t, spec, recordedStore(t))
			f.start()
			f.start()
			accepted := rows(t)
			for _, n := range accepted {
				f.send(n)
			}
			f.equal(accepted)
			c.lose(f)
			left := accepted
			if c.emit {
				// Less than before: what is void must not count.
				left = accepted[:len(accepted)/2]
				f.ready()
				for _, n := range left {
					f.send(n)
				}
			}
			until(t, func() bool { return f.same(left) })
		})
	}
}

// drop deletes a stream under everybody.
func (f *fleet) drop(stream string) {
	f.t.Helper()
	if err := f.srv.JetStream().DeleteStream(bustest.Context(f.t), stream); err != nil {
		f.t.Fatal(err)
	}
}

// ready waits until the topology is there again.
func (f *fleet) ready() {
	f.t.Helper()
	until(f.t, func() bool { return f.bus.EnsureTopology(bustest.Context(f.t)) == nil })
}

// TestManyMissing: archives that are waited for don't keep others out.
func TestManyMissing(t *testing.T) {
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	f.patience = 10 * time.Minute
	f.start()
	err := f.bus.PublishAll(bustest.Context(t), func(yield func(bus.Notice) bool) {
		for i := range 1500 { // more than all workers together may hold
			if !yield(bus.Notice{Host: "h", Episode: fmt.Sprint("absent-", i), Profile: "io-walk", At: time.Unix(0, int64(i))}) {
				return
			}
		}
	}, func(bus.Notice) {})
	if err != nil {
		t.Fatal(err)
	}
	there := rows(t)[0]
	f.send(there)
	until(t, func() bool {
		gen, ok := f.wanted(bustest.Context(t))
		if !ok {
			return false
		}
		env, ok, err := f.bus.ReadEnvelope(bustest.Context(t), gen.ID, fit.ProfileName(there.Profile))
		return err == nil && ok && env.Used == 1
	})
}

func TestRejected(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "h"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "h", "broken.tar.zst"), []byte("no zstd"), 0o644); err != nil {
		t.Fatal(err)
	}
	store, err := episode.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, fit.DefaultSpec(), store)
	f.start()
	f.send(bus.Notice{Host: "h", Episode: "broken", Profile: "io-walk"})
	f.send(bus.Notice{Host: "h", Episode: "absent", Profile: "io-walk"})
	f.send(bus.Notice{Host: "../h", Episode: "x", Profile: "io-walk"})
	f.send(bus.Notice{Host: "h", Episode: "x", Profile: "unknown-profile"})
	js := f.srv.JetStream()
	for _, bad := range []string{"", "x", "[]", `{"episode_id": 1}`, "{", `"text"`} {
		if _, err := js.Publish(t.Context(), bus.SubjectAccepted, []byte(bad)); err != nil {
			t.Fatal(err)
		}
	}
	f.settled()
	var reasons []string
	err = f.bus.Rejected(bustest.Context(t), func(r bus.Rejected) error {
		reasons = append(reasons, r.Reason)
		if r.Detail == "" {
			t.Errorf("%s without a detail", r.Reason)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range reasons {
		got[r]++
	}
	if want := map[string]int{"corrupt": 1, "missing": 1, "malformed": 7}; !reflect.DeepEqual(got, want) {
		t.Errorf("rejected %v, want %v (%s)", got, want, strings.Join(reasons, " "))
	}
}
