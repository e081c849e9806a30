package gc

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/command/status"
	"github.com/cis490/profiles/command/synth"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/wait"
	"github.com/cis490/profiles/worker"
)

// episodes is the number of episodes in the synthetic store.
const episodes = 40

func specOf(revision int64, target int) *fit.Spec {
	spec := fit.DefaultSpec()
	spec.Revision, spec.Target, spec.Profiles = revision, target, spec.Profiles[:1]
	return spec
}

// work starts a worker; stop ends it.
func (s *system) work(spec *fit.Spec) (stop func()) {
	s.t.Helper()
	store, err := synth.NewStore(synth.New(1), episodes, string(profile))
	s.must(err)
	w, err := worker.New(worker.Config{Patience: time.Millisecond}, worker.Deps{
		Bus: s.srv.Connect(), Store: store, Spec: spec, Log: bustest.Log(s.t), Registry: prometheus.NewRegistry(),
	})
	s.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	g.Go(func() error { return w.Run(ctx) })
	stop = func() { cancel(); _ = g.Wait() }
	s.t.Cleanup(stop)
	for w.Ready() != nil {
		s.must(wait.For(s.ctx, time.Millisecond))
	}
	return stop
}

func (s *system) accept(i int) {
	s.t.Helper()
	host, id := synth.New(1).Ref(string(profile), i)
	_, err := s.bus.Publish(s.ctx, bus.Notice{Host: host, Episode: id, Profile: string(profile), At: time.Now()})
	s.must(err)
}

// latest waits for the first generation of a spec and returns the latest one.
func (s *system) latest(spec *fit.Spec) bus.Generation {
	s.t.Helper()
	for {
		specs, err := s.bus.ReadSpecs(s.ctx)
		s.must(err)
		for _, g := range specs.All() {
			if g.Spec.Target == spec.Target {
				g, _ = specs.Latest(g.Base)
				return g
			}
		}
	}
}

// equal waits until the latest generation of a spec has caught up and its envelope
// equals that of a batch fit of the first n episodes.
func (s *system) equal(spec *fit.Spec, n int) bus.Generation {
	s.t.Helper()
	rows, err := roster.Read(func(yield func(dataset.ValidationRow, error) bool) {
		for i := range n {
			host, id := synth.New(1).Ref(string(profile), i)
			if !yield(dataset.ValidationRow{HostID: host, EpisodeID: id, Profile: string(profile), Accepted: true}, nil) {
				return
			}
		}
	}, spec.Seed)
	s.must(err)
	store, err := synth.NewStore(synth.New(1), episodes, string(profile))
	s.must(err)
	want, err := batch.Fit(s.ctx, batch.Config{Spec: spec, Signatures: true}, store, rows)
	s.must(err)
	for {
		gen := s.latest(spec)
		caught, err := s.bus.CaughtUp(s.ctx, gen.ID)
		s.must(err)
		have, _, err := s.bus.ReadEnvelope(s.ctx, gen.ID, profile)
		s.must(err)
		if caught && reflect.DeepEqual(have.Envelope, want[0].Envelope) {
			return gen
		}
		if wait.For(s.ctx, 10*time.Millisecond) != nil {
			s.t.Fatalf("generation %s caught up: %t; it has used %d, want %d", gen.ID, caught, have.Used, want[0].Envelope.Used)
		}
	}
}

// TestBesideWorkers: a generation with workers is never removed. It is removed
// after they ended, and a worker that returns begins the next epoch.
func TestBesideWorkers(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	before, after := specOf(1, 5), specOf(2, 7)
	stop := s.work(before)
	s.work(after)
	accepted := 0
	for ; accepted < 20; accepted++ {
		s.accept(accepted)
		if accepted%4 > 0 {
			continue
		}
		for _, g := range s.collect(Collector{}) {
			if g.Fate != Kept {
				t.Fatalf("%+v", g)
			}
		}
	}
	old, wanted := s.equal(before, accepted), s.equal(after, accepted)
	stop()

	// The worker of the other spec continues while the old generation is removed.
	for ; accepted < 30; accepted++ {
		s.accept(accepted)
	}
	got := s.collect(Collector{})
	if g := got[old.ID]; g.Fate != Removed || g.Holding.Entries == 0 || g.Holding.Envelopes == 0 {
		t.Errorf("%+v", g)
	}
	s.isGone(old, false)
	if again := s.equal(after, accepted); again.ID != wanted.ID {
		t.Errorf("the wanted generation %s became %s", wanted.ID, again.ID)
	}

	// A worker of the old spec comes back.
	s.work(before)
	anew := s.equal(before, accepted)
	if anew.ID == old.ID || anew.Epoch != old.Epoch+1 || anew.Base != old.Base {
		t.Errorf("%s at epoch %d after %s at %d", anew.ID, anew.Epoch, old.ID, old.Epoch)
	}
	if r, err := status.Collect(s.ctx, s.bus); err != nil || r.Wanted != wanted.ID {
		t.Errorf("%s is wanted, %v", r.Wanted, err)
	}
}

// TestRemovedUnderWorkers: if a generation is removed while workers use it, they
// begin the next epoch and no episode is lost.
func TestRemovedUnderWorkers(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	spec := specOf(1, 5)
	s.work(spec)
	s.work(spec)
	accepted := 0
	for round := range 5 {
		for ; accepted < 8*(round+1); accepted++ {
			s.accept(accepted)
			if accepted%8 == 3+round {
				gen := s.latest(spec)
				s.must(s.bus.Remove(s.ctx, gen.ID))
				if round%2 == 0 {
					if _, err := s.bus.Unregister(s.ctx, gen); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	gen := s.equal(spec, accepted)
	if gen.Epoch < 2 {
		t.Errorf("only epoch %d: too few removals for this test", gen.Epoch)
	}
	for id, g := range s.collect(Collector{}) {
		if (g.Fate == Kept) != (id == gen.ID) {
			t.Errorf("%+v", g)
		}
	}
}
