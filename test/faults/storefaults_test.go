//go:build faults

package faults

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// withFaultyStore replaces the workers by workers with a faulty store, calls do, and
// brings the first ones back. The store begins with the fault that is named.
func (f *fleet) withFaultyStore(storeFault, says string, do func()) {
	self, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	real := f.workers[0].path
	f.storeFault(storeFault, says, true)
	f.swap(self, roleEnv+"="+roleWorker)
	do()
	f.storeFault(storeFault, "", false)
	if os.Remove(f.storeFaultFile(storeFault+usedSuffix)) != nil {
		f.t.Errorf("no worker met the fault %q of the store", storeFault)
	}
	f.swap(real)
}

// swap ends the workers and starts another program in place of each.
func (f *fleet) swap(path string, env ...string) {
	for _, w := range f.workers {
		if err := w.stop(); err != nil {
			f.t.Error(err)
		}
		w.path = path
		f.startService(w, env...)
	}
}

// redeliveryStorm sets AckWait far below the time that work takes, and below the time
// after which workers extend the deadline: they go by the AckWait that they set.
func (f *fleet) redeliveryStorm() {
	const tick = 200 * time.Millisecond
	f.withFaultyStore(storeSlow, "400ms", func() {
		f.readAgain()
		first, last := map[string]int64{}, map[string]int64{} // by consumer: each epoch has its own
		for range 6 * time.Second / tick {
			name, again := f.shortenAckWait(bus.EpisodesStream, bus.AlignConsumer)
			if _, known := first[name]; !known {
				first[name] = again
			}
			last[name] = again
			f.shortenAckWait("KV_"+bus.CurvesBucket, bus.ReduceConsumer)
			f.while(tick)
		}
		total := int64(0)
		for name := range last {
			total += last[name] - first[name]
		}
		f.t.Logf("the storm redelivered %d episodes", total)
		if total <= 0 {
			f.t.Error("the storm redelivered nothing")
		}
	})
}

// shortenAckWait shortens AckWait of a consumer, which each worker that starts sets back.
// It returns the consumer's name and how many messages it has redelivered so far. The
// stream has no gaps.
func (f *fleet) shortenAckWait(stream string, consumer func(fit.Generation) string) (name string, again int64) {
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

// readAgain makes workers read archives: it retracts and accepts episodes of the samples.
func (f *fleet) readAgain() {
	for _, p := range f.spec.Profiles {
		for _, c := range f.lowest(string(p.Name), 3) {
			f.receiver.send(c, true, false)
			f.receiver.send(c, false, true)
		}
	}
}

func (f *fleet) slowStore() {
	f.withFaultyStore(storeSlow, f.between(200*time.Millisecond, 2*time.Second).String(), func() {
		f.readAgain()
		f.while(6 * time.Second)
	})
}

func (f *fleet) failingStore() {
	f.withFaultyStore(storeFails, "", func() {
		f.readAgain()
		f.while(4 * time.Second)
		f.storeFault(storeFails, "", false)
		f.while(time.Second)
	})
}

// lateArchives removes some archives, accepts their episodes, and puts the archives back
// while workers still wait for them, or later: then the episodes must be sent again
// from REJECTED.
func (f *fleet) lateArchives() {
	for _, p := range f.spec.Profiles {
		for _, c := range f.lowest(string(p.Name), 2) {
			path := f.archiveOf(c.host, c.episode)
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

// poison makes an episode kill every worker that opens it, until it is in REJECTED. Its
// archive is a damaged one, so that the batch fit rejects it, too. Each epoch would kill
// its readers again, so none should be raised meanwhile.
func (f *fleet) poison() {
	var damaged []claim
	for _, c := range f.receiver.all {
		path := f.archiveOf(c.host, c.episode)
		if info, err := os.Stat(path); err == nil && info.Size() == damagedSize && !f.poisoned[c] {
			damaged = append(damaged, c)
		}
	}
	if len(damaged) == 0 {
		f.t.Log("every damaged episode was poison already")
		return
	}
	sortByRank(f.spec, damaged) // one beyond the sample would never be opened
	victim := damaged[0]
	f.poisoned[victim] = true
	f.withFaultyStore(storePoison, victim.episode, func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var restarting sync.WaitGroup
		for _, w := range f.workers {
			restarting.Go(func() { f.restartWhenDead(ctx, w) })
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
		restarting.Wait()
	})
}

// restartWhenDead starts a worker again whenever it dies, as an orchestrator does.
func (f *fleet) restartWhenDead(ctx context.Context, w *daemon) {
	for {
		w.expectDeath()
		select {
		case <-w.gone():
			f.startService(w, roleEnv+"="+roleWorker)
		case <-ctx.Done():
			return
		}
	}
}
