package worker_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// TestRestores: streams that come back from an older backup, each alone, so that
// they don't fit together any more.
func TestRestores(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	spec.Target = 4
	for name, c := range map[string]struct {
		stream string
		again  bool // whether all workers are other processes, which saw nothing
		more   int  // messages that the log gets before any worker sees it
	}{
		"the curves":                    {stream: "KV_" + bus.CurvesBucket},
		"the curves, under new workers": {stream: "KV_" + bus.CurvesBucket, again: true},
		"the log":                       {stream: bus.EpisodesStream},
		"the log, grown beyond its end": {stream: bus.EpisodesStream, more: 100, again: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, spec, recordedStore(t))
			accepted := rows(t)
			fleet := []*running{f.start(), f.start()}
			for _, n := range accepted[:10] {
				f.send(n)
			}
			f.equal(accepted[:10])
			restore := f.srv.Backup(c.stream)
			f.ready()
			for _, n := range accepted[10:] {
				f.send(n)
			}
			f.becomes(accepted)
			f.settled()

			left := accepted
			if c.again {
				fleet[0].stop()
				fleet[1].stop()
			}
			restore()
			f.ready()
			if c.stream == bus.EpisodesStream {
				// What else is said in the places that were lost.
				left = accepted[:10]
				for i := range c.more {
					n := accepted[10+i%2]
					n.Retracted = i%4 > 1
					f.send(n)
				}
				for _, n := range accepted[10:12] {
					n.Retracted = true
					f.send(n)
				}
			}
			if c.again {
				f.start()
				f.start()
			}
			// The envelopes were not lost, and may be right by chance.
			until(t, func() bool { gen, ok := f.wanted(bustest.Context(t)); return ok && gen.Epoch > 0 })
			f.becomes(left)
		})
	}
}

// TestLogEndIsKnown: a session knows the whole log that it began with, not just
// what is taken back in it, and notices when a restored one lacks its end.
func TestLogEndIsKnown(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	first := f.start()
	accepted := rows(t)[:2]
	for _, n := range accepted {
		f.send(n)
	}
	f.equal(accepted)
	restore := f.srv.Backup(bus.EpisodesStream)
	f.ready()
	for range 3 { // which leave no entry
		f.send(bus.Notice{Host: "h", Episode: "x", Profile: "unknown-profile"})
	}
	f.settled()
	first.stop()

	second := f.start() // is given nothing of the log
	until(t, func() bool { return second.count(t, "profiles_worker_sessions_total") == 1 })
	restore()
	until(t, func() bool { gen, ok := f.wanted(bustest.Context(t)); return ok && gen.Epoch > 0 })
	f.becomes(accepted)
}

// TestLateArchive: of two who read one message the one that finds the archive wins.
func TestLateArchive(t *testing.T) {
	t.Parallel()
	store := &gatedStore{Store: recordedStore(t), opened: make(chan struct{}), gate: make(chan struct{})}
	f := newFleet(t, fit.DefaultSpec(), store)
	f.start()
	n := rows(t)[0]
	f.send(n)
	<-store.opened

	// Another worker, which had found nothing, says so first.
	ctx := bustest.Context(t)
	gen, ok := f.wanted(ctx)
	if !ok {
		t.Fatal("no generation")
	}
	curves, err := f.bus.OpenCurves(ctx, gen.ID, f.spec)
	if err != nil {
		t.Fatal(err)
	}
	following, stop := context.WithCancel(ctx)
	stop()
	_ = curves.Run(following)
	profile, rank := fit.ProfileName(n.Profile), f.spec.Rank(n.Host, n.Episode)
	missing := fit.Entry{Seq: 1, Host: n.Host, Episode: n.Episode, State: fit.StateReason, Reason: fit.ReasonMissing}
	if err := bustest.PutEntry(ctx, curves, bus.EntryID{Profile: profile, Rank: rank}, missing, 0, time.Time{}); err != nil {
		t.Fatal(err)
	}
	close(store.gate)
	f.becomes([]bus.Notice{n})
}

// gatedStore opens nothing before its gate is closed.
type gatedStore struct {
	episode.Store
	once         sync.Once
	opened, gate chan struct{}
}

func (s *gatedStore) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	s.once.Do(func() { close(s.opened) })
	select {
	case <-s.gate:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.Store.Open(ctx, ref)
}
