package worker_test

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// TestRestores: each stream alone is restored from an older backup, so that the streams
// don't fit together any more.
func TestRestores(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	spec.Target = 4
	for name, c := range map[string]struct {
		stream string
		again  bool // all workers are new processes, which have seen nothing
		more   int  // messages that the log gets before any worker sees the restored one
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
				// Other messages at the lost sequences.
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
				fleet = []*running{f.start(), f.start()}
			}
			// The envelopes were not lost, and may be right by chance.
			until(t, func() bool { gen, ok := f.wanted(bustest.Context(t)); return ok && gen.Epoch > 0 })
			f.becomes(left)
			const other = "the log has another message than the one that an entry was made from"
			if c.more > 0 && fleet[0].log.count(other)+fleet[1].log.count(other) == 0 {
				t.Errorf("no worker logged %q", other)
			}
		})
	}
}

// TestLogEndIsKnown: a session knows the end of the log that it began with, not only its
// last retraction, and notices when a restored log lacks that end.
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
	for range 3 { // they leave no entry
		f.send(bus.Notice{Host: "h", Episode: "x", Profile: "unknown-profile"})
	}
	f.settled()
	first.stop()

	second := f.start() // no message is delivered to it
	until(t, func() bool { return second.count(t, "profiles_worker_sessions_total") == 1 })
	restore()
	until(t, func() bool { gen, ok := f.wanted(bustest.Context(t)); return ok && gen.Epoch > 0 })
	f.becomes(accepted)
	for _, said := range []string{"the log ends before messages that were read from it", "read the log again"} {
		if second.log.count(said) == 0 {
			t.Errorf("the log does not say %q", said)
		}
	}
}

// TestLateArchive: when two workers have one message, the one that finds the archive wins.
func TestLateArchive(t *testing.T) {
	t.Parallel()
	store := &gatedStore{Store: recordedStore(t), opened: make(chan struct{}), gate: make(chan struct{})}
	f := newFleet(t, fit.DefaultSpec(), store)
	f.start()
	n := rows(t)[0]
	f.send(n)
	<-store.opened

	// Another worker found no archive, and writes its entry first.
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

// gatedStore opens no archive before its channel is closed. It refuses the first try, because
// only later tries may take as long as they need.
type gatedStore struct {
	episode.Store
	tries        atomic.Int32
	opened, gate chan struct{}
}

func (s *gatedStore) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	switch s.tries.Add(1) {
	case 1:
		return nil, episode.ErrRefused
	case 2:
		close(s.opened)
	}
	select {
	case <-s.gate:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.Store.Open(ctx, ref)
}
