//go:build faults

package faults

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// moody replaces the workers by such whose store has moods, this one for a start,
// and brings the others back after do.
func (f *fleet) moody(mood, says string, do func()) {
	self, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	real := f.workers[0].path
	f.mood(mood, says, true)
	f.swap(self, roleEnv+"="+roleWorker)
	do()
	f.mood(mood, "", false)
	if os.Remove(f.moodFile(mood+feltMark)) != nil {
		f.t.Errorf("no worker felt that the store was in the mood %q", mood)
	}
	f.swap(real)
}

// swap ends the workers and starts others in their place.
func (f *fleet) swap(path string, env ...string) {
	for _, w := range f.workers {
		if err := w.stop(); err != nil {
			f.t.Error(err)
		}
		w.path = path
		f.startService(w, env...)
	}
}

// storm makes the server deliver again much earlier than the work takes, and than
// workers say that they are at it: they go by the wait that they made it with.
func (f *fleet) storm() {
	const tick = 200 * time.Millisecond
	f.moody(moodSlow, "400ms", func() {
		f.reread()
		first, last := map[string]int64{}, map[string]int64{} // by consumer: each epoch has its own
		for range 6 * time.Second / tick {
			name, again := f.hasten(bus.EpisodesStream, bus.AlignConsumer)
			if _, known := first[name]; !known {
				first[name] = again
			}
			last[name] = again
			f.hasten("KV_"+bus.CurvesBucket, bus.ReduceConsumer)
			f.while(tick)
		}
		total := int64(0)
		for name := range last {
			total += last[name] - first[name]
		}
		f.t.Logf("the storm: %d episodes were delivered again", total)
		if total <= 0 {
			f.t.Error("there was no storm")
		}
	})
}

// hasten sets AckWait of a consumer, which each worker that begins sets back. It
// returns the consumer's name and how many messages it has delivered again so far,
// of a stream that has no gaps.
func (f *fleet) hasten(stream string, consumer func(fit.Generation) string) (name string, again int64) {
	const wait = 100 * time.Millisecond
	f.must("a shorter AckWait", time.Minute, func(ctx context.Context) error {
		return ask(ctx, func(ctx context.Context) error {
			gen, err := f.wanted(ctx)
			if err != nil {
				return err
			}
			name = consumer(gen.ID)
			c, err := f.js.Consumer(ctx, stream, name)
			if err != nil {
				return err
			}
			if cfg := c.CachedInfo().Config; cfg.AckWait != wait {
				cfg.AckWait = wait
				if c, err = f.js.UpdateConsumer(ctx, stream, cfg); err != nil {
					return err
				}
			}
			d := c.CachedInfo().Delivered
			again = int64(d.Consumer) - int64(d.Stream)
			return nil
		})
	})
	return name, again
}

// reread sends episodes that must be read: those that were taken back and come
// again.
func (f *fleet) reread() {
	for _, p := range f.spec.Profiles {
		for _, c := range f.lowest(string(p.Name), 3) {
			f.receiver.send(c, true, false)
			f.receiver.send(c, false, true)
		}
	}
}

func (f *fleet) slowStore() {
	f.moody(moodSlow, f.between(200*time.Millisecond, 2*time.Second).String(), func() {
		f.reread()
		f.while(6 * time.Second)
	})
}

func (f *fleet) failingStore() {
	f.moody(moodFails, "", func() {
		f.reread()
		f.while(4 * time.Second)
		f.mood(moodFails, "", false)
		f.while(time.Second)
	})
}

// lateArchives takes some archives away, has their episodes accepted, and puts
// them back while they are waited for, or later: then they have to be sent again
// from REJECTED.
func (f *fleet) lateArchives() {
	for _, p := range f.spec.Profiles {
		for _, c := range f.lowest(string(p.Name), 2) {
			path := filepath.Join(f.storeDir(), c.host, c.episode+".tar.zst")
			if os.Rename(path, path+".away") != nil {
				continue // missing for good
			}
			f.receiver.send(c, true, false)
			f.receiver.send(c, false, false)
			defer func() { _ = os.Rename(path+".away", path) }()
		}
	}
	f.while(f.between(100*time.Millisecond, 3*time.Second))
	f.missed = true
}

// poison lets an episode kill whoever opens it, until it is in REJECTED. Its
// archive is a damaged one, so that a fit counts it as what it comes to. Each
// epoch kills its readers anew, so none should be raised meanwhile.
func (f *fleet) poison() {
	var damaged []claim
	for _, c := range f.receiver.all {
		path := filepath.Join(f.storeDir(), c.host, c.episode+".tar.zst")
		if info, err := os.Stat(path); err == nil && info.Size() == damagedSize && !f.poisoned[c] {
			damaged = append(damaged, c)
		}
	}
	if len(damaged) == 0 {
		f.t.Log("every damaged episode has been poison once")
		return
	}
	slicesSortByRank(f.spec, damaged) // one beyond the sample would never be opened
	victim := damaged[0]
	f.poisoned[victim] = true
	f.moody(moodPoison, victim.episode, func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var nursing sync.WaitGroup
		for _, w := range f.workers {
			nursing.Go(func() { f.nurse(ctx, w) })
		}
		f.receiver.send(victim, true, false)
		f.receiver.send(victim, false, false)
		f.must("the poison in REJECTED", 90*time.Second, func(ctx context.Context) error {
			return ask(ctx, func(ctx context.Context) error {
				found := false
				err := f.bus.ReadRejected(ctx, func(r bus.Rejected) error {
					found = found || claimOf(r.Notice) == victim && r.Reason == fit.ReasonFatal
					return nil
				})
				if err == nil && !found {
					err = errors.New("not yet")
				}
				return err
			})
		})
		cancel()
		nursing.Wait()
	})
}

// nurse starts a worker again whenever it dies, as an orchestrator does.
func (f *fleet) nurse(ctx context.Context, w *daemon) {
	for {
		w.doom()
		select {
		case <-w.gone():
			f.startService(w, roleEnv+"="+roleWorker)
		case <-ctx.Done():
			return
		}
	}
}
