package worker_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/command/synth"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
)

func TestLiveEqualsBatch(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 2, 5} {
		for _, target := range []int{100, 3} {
			t.Run(fmt.Sprintf("%d workers, target %d", workers, target), func(t *testing.T) {
				t.Parallel()
				if testing.Short() && (workers == 2) == (target == 100) {
					t.Skip("the short tests have one target for each number of workers; make test-all has both")
				}
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

// TestRetractions accepts, retracts and accepts again in any order, more episodes than the
// sample has in reserve. All episodes of two profiles are retracted.
func TestRetractions(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	spec.Target = 3
	f := newFleet(t, spec, recordedStore(t))
	workers := []*running{f.start(), f.start()}
	accepted := rows(t)
	state := map[string]bool{}
	send := func(n bus.Notice, retracted bool) {
		t.Helper()
		n.Retracted = retracted
		state[n.Key()] = !retracted
		f.send(n)
	}
	of := func(profile fit.Profile) []bus.Notice {
		return slices.DeleteFunc(slices.Clone(accepted), func(n bus.Notice) bool { return n.Profile != string(profile.Name) })
	}

	// All episodes of the first are retracted before its sample is full.
	few := of(spec.Profiles[0])[:2]
	if f.samples(few)[spec.Profiles[0].Name].Used() == 0 {
		t.Fatal("none of the two is usable: this shows nothing")
	}
	for _, n := range few {
		send(n, false)
	}
	f.equal(few)
	for _, n := range few {
		send(n, true)
	}
	f.equal(nil)
	gen := f.settled()
	env, there, err := f.bus.ReadEnvelope(bustest.Context(t), gen.ID, spec.Profiles[0].Name)
	if err != nil || !there || env.Used != 0 || gen.Epoch != 0 {
		t.Errorf("epoch %d, %d used of an envelope: %t, %v", gen.Epoch, env.Used, there, err)
	}

	for _, n := range accepted {
		send(n, false)
	}
	f.equal(accepted)
	rng := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		send(accepted[rng.IntN(len(accepted))], rng.IntN(2) == 0)
	}
	// All episodes of the second are retracted, both read and skipped ones.
	for _, n := range of(spec.Profiles[1]) {
		send(n, true)
	}
	var left []bus.Notice
	for _, n := range accepted {
		if state[n.Key()] {
			left = append(left, n)
		}
	}
	f.equal(left)
	if now := f.settled(); now.Epoch == 0 {
		t.Error("no epoch was raised, though more was taken back than is in reserve")
	}
	for _, said := range []string{"more episodes were retracted than the sample has in reserve", "read the log again"} {
		if workers[0].log.count(said)+workers[1].log.count(said) == 0 {
			t.Errorf("no worker logged %q", said)
		}
	}
}

// TestShortAndEmpty: all episodes of the lowest ranks were retracted, there is no envelope,
// and no put is pending. The skipped episodes must be read all the same.
func TestShortAndEmpty(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	spec.Target = 3 // and one in reserve
	f := newFleet(t, spec, recordedStore(t))
	ctx := bustest.Context(t)
	gen, curves, end := bustest.Curves(t, f.bus, spec)
	defer end()
	if err := f.bus.EnsureConsumers(ctx, gen, time.Second, time.Second); err != nil {
		t.Fatal(err)
	}
	profile := spec.Profiles[0].Name
	all := slices.DeleteFunc(rows(t), func(n bus.Notice) bool { return n.Profile != string(profile) })
	rank := func(n bus.Notice) fit.Rank { return spec.Rank(n.Host, n.Episode) }
	slices.SortFunc(all, func(a, b bus.Notice) int { return rank(a).Compare(rank(b)) })
	low, left := all[:4], all[4:]
	if f.samples(left)[profile].Used() == 0 {
		t.Fatal("nothing usable is left: this shows nothing")
	}
	for _, n := range all {
		f.send(n)
	}
	for i, n := range low {
		n.Retracted = true
		f.send(n)
		entry := fit.Entry{Seq: uint64(len(all) + i + 1), Host: n.Host, Episode: n.Episode, State: fit.StateRetracted, HadCurve: true}
		if err := bustest.PutEntry(ctx, curves, bus.EntryID{Profile: profile, Rank: rank(n)}, entry, 0, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	f.passOver(gen, len(low))
	f.start()
	until(t, func() bool { now, ok := f.wanted(ctx); return ok && now.Epoch > gen.Epoch })
	f.becomes(left)
}

// passOver acknowledges the next n puts of a generation without reducing them.
func (f *fleet) passOver(gen bus.Generation, n int) {
	f.t.Helper()
	ctx := bustest.Context(f.t)
	cons, err := f.srv.JetStream().Consumer(ctx, "KV_"+bus.CurvesBucket, bus.ReduceConsumer(gen.ID))
	if err != nil {
		f.t.Fatal(err)
	}
	for range n {
		put, err := cons.Next()
		if err == nil {
			err = put.DoubleAck(ctx)
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
}

// TestTopologyExpected: with TOPOLOGY=expect workers create no streams and consumers, except
// the consumers of an epoch that they raise.
func TestTopologyExpected(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	spec.Target = 3
	f := &fleet{t: t, srv: bustest.Start(t), mode: client.TopologyExpect, store: recordedStore(t), spec: spec}
	f.start()
	ctx := bustest.Context(t)
	f.bus = f.srv.Topology()
	specs, err := f.bus.ReadSpecs(ctx)
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

	// A missing stream that is not created again does not keep envelopes from being mended.
	js := f.srv.JetStream()
	if err := js.DeleteStream(ctx, bus.SuspectsStream); err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(ctx, bus.EnvelopesBucket)
	if err != nil {
		t.Fatal(err)
	}
	now, _ := f.wanted(ctx)
	profile := fit.ProfileName(left[0].Profile)
	if err := kv.Delete(ctx, string(now.ID)+"."+string(profile)); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		_, there, err := f.bus.ReadEnvelope(ctx, now.ID, profile)
		return err == nil && there
	})
	f.equal(left)
}

// TestWorkersDieAtRandom kills workers in the middle of their work again and again. Other
// workers take over.
func TestWorkersDieAtRandom(t *testing.T) {
	t.Parallel()
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

// TestOnlyNeededArchivesAreOpened: envelopes grow up to N episodes and are complete from
// then on. After that only archives of episodes below the threshold are opened.
func TestOnlyNeededArchivesAreOpened(t *testing.T) {
	t.Parallel()
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

	naive := fit.NewSample(target) // of a worker that reads the episodes one by one
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

// TestStoppedWorker: a worker that is stopped during its work hands its messages back.
func TestStoppedWorker(t *testing.T) {
	t.Parallel()
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

// failingStore hangs from its nth archive on until the reader's context ends.
type failingStore struct {
	episode.Store
	after atomic.Int32 // archives that it still opens
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

func TestRejected(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "h"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "h", "broken.tar.zst"), []byte("no zstd"), 0o644); err != nil {
		t.Fatal(err)
	}
	archives, err := store.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, fit.DefaultSpec(), archives)
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
	got := map[fit.Reason]int{}
	err = f.bus.ReadRejected(bustest.Context(t), func(r bus.Rejected) error {
		got[r.Reason]++
		if r.Detail == "" {
			t.Errorf("%s without a detail", r.Reason)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[fit.Reason]int{"corrupt": 1, "missing": 1, "malformed": 7}; !reflect.DeepEqual(got, want) {
		t.Errorf("rejected %v, want %v", got, want)
	}
}
