//go:build faults

package faults

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/fit"
)

// TestFaults injects every fault once, in an order that the seed determines.
func TestFaults(t *testing.T) {
	f := newFleet(t)
	f.run(f.asked(func(fault) bool { return true }))
}

// TestBrief injects only some faults, which take little time.
func TestBrief(t *testing.T) {
	f := newFleet(t)
	f.run(f.asked(func(x fault) bool { return x.brief }))
}

// TestSoak injects random faults, one after the other, for PROFILES_FAULT_TIME.
func TestSoak(t *testing.T) {
	if soak == 0 {
		t.Skip("PROFILES_FAULT_TIME is not set: make fault-soak sets it")
	}
	f := newFleet(t)
	all := f.asked(func(fault) bool { return true })
	began := time.Now()
	f.runWhile(func() (fault, bool) { return pick(f, all), time.Since(began) < soak && !t.Failed() })
}

// asked returns the faults of a kind that this machine can inject and that
// PROFILES_FAULT_ONLY selects.
func (f *fleet) asked(kind func(fault) bool) []fault {
	all, err := choose(only, slices.DeleteFunc(faults(), func(x fault) bool { return x.disks && !f.cluster.disks || !kind(x) }))
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

// choose returns the faults whose names contain one of the parts. Each part must occur
// in at least one name.
func choose(parts string, all []fault) ([]fault, error) {
	var chosen, known []string
	for _, x := range all {
		known = append(known, x.name)
	}
	for part := range strings.SplitSeq(parts, ",") {
		named := slices.DeleteFunc(slices.Clone(known), func(name string) bool { return !strings.Contains(name, part) })
		if len(named) == 0 {
			return nil, fmt.Errorf("PROFILES_FAULT_ONLY has %q, which is part of none of these names:\n%s", part, strings.Join(known, "\n"))
		}
		chosen = append(chosen, named...)
	}
	return slices.DeleteFunc(all, func(x fault) bool { return !slices.Contains(chosen, x.name) }), nil
}

func TestChoose(t *testing.T) {
	all := []fault{{name: "nothing"}, {name: "slow store"}, {name: "failing store"}}
	for parts, want := range map[string]int{"": 3, "store": 2, "store,nothing": 3, "slow": 1, "disk": 0, "slow,disk": 0, "slow,": 3} {
		chosen, err := choose(parts, slices.Clone(all))
		if len(chosen) != want || (err == nil) != (want > 0) {
			t.Errorf("%q chooses %d, want %d (%v)", parts, len(chosen), want, err)
		}
	}
}

// run injects faults in an order that the seed determines.
func (f *fleet) run(all []fault) {
	f.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	f.runWhile(func() (fault, bool) {
		if len(all) == 0 || f.t.Failed() {
			return fault{}, false
		}
		next := all[0]
		all = all[1:]
		return next, true
	})
}

// runWhile injects one fault after the other. After each it waits until the system is
// at rest and checks the invariants.
func (f *fleet) runWhile(next func() (fault, bool)) {
	table := newTable()
	defer func() {
		f.t.Logf("seed %d, patience %d, the race detector in daemons: %v\n%s", seed, patience, race, table)
	}()
	f.fillSamples()
	for n := 1; ; n++ {
		x, more := next()
		if !more {
			break
		}
		began := time.Now()
		r := &round{fleet: f, held: table.held}
		var flapping []claim
		if n%2 == 0 && !x.neverWithFlapping {
			flapping = f.flapping()
		}
		f.receiver.begin(f.rand.Uint64(), flapping)
		x.inject(f)
		f.heal()
		injected := time.Now()
		f.receiver.end()
		r.checkAll()
		table.add(x.name, len(flapping) > 0, injected.Sub(began), time.Since(injected), r.wrong)
		f.t.Logf("%s, with %d flapping episodes: injected in %.1fs, at rest and checked in %.1fs", x.name, len(flapping), injected.Sub(began).Seconds(), time.Since(injected).Seconds())
		for _, w := range r.wrong {
			f.t.Errorf("after %q: %s", x.name, w)
		}
	}
	table.episodes(f.receiver.total, f.fates)
	table.dropped, table.stored, table.envelopes = f.observers.dropped, f.observers.compared, f.history.compared
	f.finish(table)
}

// fillSamples accepts every episode once, so that samples are full and have thresholds
// before the first fault.
func (f *fleet) fillSamples() {
	for _, c := range f.receiver.all {
		f.receiver.send(c, false, false)
	}
}

// finish ends every process and checks its goroutines, memory and log.
func (f *fleet) finish(table *table) {
	for _, s := range f.services() {
		n, err := s.goroutines()
		if err != nil {
			f.t.Error(err)
		}
		if output, err := os.ReadFile(s.log); err != nil || bytes.Contains(output, []byte("DATA RACE")) {
			f.t.Errorf("%s has a data race (%v): see %s", s.name, err, s.log)
		}
		if n > goroutinesMost {
			f.t.Errorf("%s has %d goroutines", s.name, n)
		}
		table.process(s.name, s.measure(), n)
	}
	for _, n := range f.cluster.nodes {
		if err := n.stop(); err != nil {
			f.t.Error(err)
		}
		table.process(n.name, n.measure(), 0)
	}
}

func sortByRank(spec *fit.Spec, all []claim) {
	slices.SortFunc(all, func(a, b claim) int {
		return spec.Rank(a.host, a.episode).Compare(spec.Rank(b.host, b.episode))
	})
}
