//go:build faults

package faults

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cis490/profiles/bus"
)

func (f *fleet) clockJumps() {
	// Times before 2001 would be read as left out, and messages of the log could not be told apart.
	for _, skew := range []time.Duration{-20 * 365 * 24 * time.Hour, 30 * 365 * 24 * time.Hour, -time.Hour, 0} {
		f.receiver.mu.Lock()
		f.receiver.skew = skew
		f.receiver.mu.Unlock()
		f.while(time.Second)
	}
}

// lowest returns the accepted claims of a profile with the lowest ranks: they are in the
// sample.
func (f *fleet) lowest(profile string, n int) []claim {
	all := f.receiver.of(profile, true)
	sortByRank(f.spec, all)
	return all[:min(n, len(all))]
}

// flapping chooses two profiles, and of each more episodes of low rank than a sample has
// with its reserve. The receiver accepts and retracts them again and again, so that the
// epoch must be raised again and again.
func (f *fleet) flapping() []claim {
	var all []claim
	for _, i := range f.rand.Perm(6)[:2] {
		profile := string(f.spec.Profiles[i].Name)
		of := slices.DeleteFunc(slices.Clone(f.receiver.all), func(c claim) bool { return c.profile != profile })
		sortByRank(f.spec, of)
		all = append(all, of[:target*3/2]...)
	}
	return all
}

// retract retracts more episodes of one profile than are in reserve, so that the epoch
// must be raised. Then it accepts and retracts the same episodes in random order.
func (f *fleet) retract() {
	profile := string(pick(f, f.spec.Profiles[:6]).Name)
	var before bus.Generation
	wanted := func(ctx context.Context) (err error) { before, err = f.wanted(ctx); return err }
	f.must("the generation", time.Minute, func(ctx context.Context) error { return ask(ctx, wanted) })
	low := f.lowest(profile, target)
	for _, c := range low[:min(len(low), target*3/4)] {
		f.receiver.send(c, true, f.rand.IntN(3) == 0)
	}
	f.must("another epoch", time.Minute, func(ctx context.Context) error {
		return ask(ctx, func(ctx context.Context) error {
			gen, err := f.wanted(ctx)
			if err == nil && gen.Epoch <= before.Epoch {
				err = fmt.Errorf("still epoch %d", gen.Epoch)
			}
			return err
		})
	})
	var sending sync.WaitGroup
	for range 3 {
		order := f.rand.Perm(len(low) * 3)
		backs := f.rand.Perm(len(low) * 3)
		sending.Go(func() {
			for i, k := range order {
				f.receiver.send(low[k%len(low)], backs[i]%2 == 0, false)
			}
		})
	}
	f.while(f.between(50*time.Millisecond, 500*time.Millisecond))
	pick(f, f.workers).kill()
	sending.Wait()
	for _, c := range low { // leave enough of them accepted for the next rounds
		if f.rand.IntN(4) != 0 {
			f.receiver.send(c, false, false)
		}
	}
}

// twoGenerations rolls out another spec, worker by worker, so that workers of both run at
// the same time.
func (f *fleet) twoGenerations() {
	f.wantSpec(int(f.spec.Revision)+1, target+f.rand.IntN(5))
	f.while(f.between(100*time.Millisecond, time.Second))
	for _, w := range f.workers {
		if err := w.stop(); err != nil {
			f.t.Error(err)
		}
		f.startService(w)
		f.while(f.between(500*time.Millisecond, 2*time.Second))
	}
}
