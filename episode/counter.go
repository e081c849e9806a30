package episode

import (
	"math"
	"slices"
)

// A counter finds out which samples of a counter count. Its samples are its numbers from 0 to 1e30.
// The step to a sample goes from the sample before it. docs/EPISODES.md ("Counters") has the rules
// and the words: fall, return, peak, first zero, H. One counter serves many channels, one after the
// other.
type counter struct {
	samples []number
	grows   bool      // all are integers, and none is below the one before
	times   []float64 // of the samples
	rows    []uint32  // of the samples; empty if each row has one
	astray  []bool    // whether the clock went astray within the step to a sample; empty if nowhere

	steps    []step  // to the samples; empty if all samples count and no step is unknown
	shortest float64 // for rates that are compared: a step's time is at least the median step's
	fastest  float64 // H, if hasH
	hasH     bool

	leftOut               int // samples
	restarts, dips, peaks int
	unknownFalls          int // except where the clock went astray
	events                int // restarts, dips, peaks and unknown falls, except where the clock went astray

	sampleTimes, stepTimes []float64 // memory
}

// A step is what is known about a sample and the step to it.
type step struct {
	back   uint32 // of a fall: index of its return, or 0 if it has none
	toBack bool   // it is the step to a return
	fate   fate
}

// A fate is what becomes of a sample.
type fate uint8

const (
	counts   fate = iota
	leftOut       // it is a gap
	restarts      // it counts from 0
	unknown       // how much the counter grew in the step is not known
)

// isCount reports whether n is a sample of a counter.
func (n number) isCount() bool {
	if n.kind == float {
		x := n.float64()
		return x >= 0 && x <= largest
	}
	return n.kind == positive
}

// load takes the samples from the numbers of a column, which it overwrites. times and astray are
// those of the rows.
func (c *counter) load(numbers []number, times []float64, astray []bool) {
	*c = counter{steps: c.steps[:0], rows: c.rows[:0], astray: c.astray[:0], sampleTimes: c.sampleTimes[:0], stepTimes: c.stepTimes}
	c.samples, c.times = numbers, times
	c.grows = neverFalls(numbers)
	if !c.grows {
		if first := slices.IndexFunc(numbers, func(n number) bool { return !n.isCount() }); first >= 0 {
			c.loadSome(first)
		}
	}
	c.loadAstray(astray)
}

// neverFalls reports whether all numbers are integers, not negative, and none is below the one
// before.
func neverFalls(numbers []number) bool {
	last := uint64(0)
	for _, n := range numbers {
		if n.kind != positive || n.bits < last {
			return false
		}
		last = n.bits
	}
	return true
}

// loadSome takes the samples of a column that has gaps, the first in row first.
func (c *counter) loadSome(first int) {
	numbers, times := c.samples, c.times
	c.samples = numbers[:0]
	c.sampleTimes, c.rows = slices.Grow(c.sampleTimes, len(numbers)), slices.Grow(c.rows, len(numbers))
	for i, n := range numbers {
		if i < first || n.isCount() {
			c.samples = append(c.samples, n)
			c.sampleTimes = append(c.sampleTimes, times[i])
			c.rows = append(c.rows, uint32(i))
		}
	}
	c.times = c.sampleTimes
}

// loadAstray sets astray from that of the rows.
func (c *counter) loadAstray(rows []bool) {
	if !slices.Contains(rows, true) {
		return
	}
	c.astray = slices.Grow(c.astray, len(c.samples))
	next := 0 // row
	for k := range c.samples {
		astray := false
		for ; next <= c.row(k); next++ {
			astray = astray || rows[next]
		}
		c.astray = append(c.astray, astray && k > 0)
	}
}

// row returns the row of sample k.
func (c *counter) row(k int) int {
	if len(c.rows) == 0 {
		return k
	}
	return int(c.rows[k])
}

// fateOf returns the fate of sample k, after judge.
func (c *counter) fateOf(k int) fate {
	if len(c.steps) == 0 {
		return counts
	}
	return c.steps[k].fate
}

func (c *counter) isAstray(k int) bool { return len(c.astray) > 0 && c.astray[k] }

// judge decides the fate of each sample. medianStep returns the time of the median step between
// rows; it is only called if it is needed.
func (c *counter) judge(medianStep func() float64) {
	if c.grows && len(c.astray) == 0 && (!c.startsAtZero() || c.startsSlowly()) {
		return
	}
	n := len(c.samples)
	c.steps = slices.Grow(c.steps, n)[:n]
	clear(c.steps)
	if len(c.rows) == 0 {
		c.shortest = medianStep()
	} else {
		c.stepTimes = appendSteps(c.stepTimes[:0], c.times)
		c.shortest = median(c.stepTimes)
	}
	c.findReturns()
	c.findFastest()
	c.decide()
}

// isPlain reports, after judge, whether each row has a sample, all are integers, and each counts
// and is not below the one before.
func (c *counter) isPlain() bool { return c.grows && len(c.steps) == 0 }

// startsSlowly reports that the step from a first zero is surely not faster than H, for a counter
// that never falls: two later steps are at least as fast even if each of them took as long as the
// longest. It spares most counters that begin at 0 the median.
func (c *counter) startsSlowly() bool {
	longest := 0.0
	for k := 1; k < len(c.times); k++ {
		longest = max(longest, c.times[k]-c.times[k-1])
	}
	first := c.rise(1) / (c.times[1] - c.times[0])
	faster := 0
	for k := 2; k < len(c.samples) && faster < 2; k++ {
		if c.rise(k)/longest >= first {
			faster++
		}
	}
	return faster == 2
}

// startsAtZero reports whether the first sample is 0, and the second is more.
func (c *counter) startsAtZero() bool {
	return len(c.samples) > 1 && c.samples[0].float64() == 0 && c.samples[0].less(c.samples[1])
}

// falls reports whether sample k is below the one before it.
func (c *counter) falls(k int) bool { return k > 0 && c.samples[k].less(c.samples[k-1]) }

// isPeak reports whether sample k is above the next one, and the next is not below the one before.
func (c *counter) isPeak(k int) bool {
	return k > 0 && k+1 < len(c.samples) && c.falls(k+1) && !c.samples[k+1].less(c.samples[k-1])
}

// findReturns finds the return of each fall: the first later sample at or above the sample before
// the fall, if the step to it is of more than half of the fall's depth. The falls whose return may
// still come are linked by their back, the latest first. The samples before them fall from one to
// the next, so a sample that is at or above one of them is so for all later ones.
func (c *counter) findReturns() {
	latest := 0 // of the falls that wait; 0 is never a fall
	for k := 1; k < len(c.samples); k++ {
		for latest > 0 && !c.samples[k].less(c.samples[latest-1]) {
			fall := &c.steps[latest]
			depth := c.samples[latest-1].minus(c.samples[latest])
			latest, fall.back = int(fall.back), 0
			if 2*c.rise(k) > depth {
				fall.back = uint32(k)
				c.steps[k].toBack = true
			}
		}
		if c.falls(k) {
			c.steps[k].back = uint32(latest)
			latest = k
		}
	}
	for latest > 0 {
		fall := &c.steps[latest]
		latest, fall.back = int(fall.back), 0
	}
}

// rise returns by how much sample k is above the one before it.
func (c *counter) rise(k int) float64 { return c.samples[k].minus(c.samples[k-1]) }

// rate returns the rate of an increase in the step to sample k, to be compared with others.
func (c *counter) rate(increase float64, k int) float64 {
	return increase / max(c.times[k]-c.times[k-1], c.shortest)
}

// findFastest sets H: the highest rate of the steps that are not suspect. If the highest is more
// than ten times the second highest, it is the second highest.
func (c *counter) findFastest() {
	var rates highestTwo
	for k := 1; k < len(c.samples); k++ {
		if c.falls(k) || c.steps[k].toBack || c.isPeak(k) || k == 1 && c.samples[0].float64() == 0 || c.isAstray(k) {
			continue
		}
		rates.add(c.rate(c.rise(k), k))
	}
	c.fastest, c.hasH = rates.highest, rates.n > 0
	if rates.n > 1 && rates.isFar() {
		c.fastest = rates.second
	}
}

// isFaster reports whether an increase in the step to sample k is faster than H. If there is no H,
// nothing is.
func (c *counter) isFaster(increase float64, k int) bool {
	return c.hasH && c.rate(increase, k) > c.fastest
}

// decide sets the fates, in one pass.
func (c *counter) decide() {
	last := -1 // the last sample that is not left out
	back := 0  // samples before this one are left out: it is the return of a dip
	event, astray := false, false
	for k := range c.samples {
		astray = astray || c.isAstray(k)
		fate := c.fate(k, last, back)
		c.steps[k].fate = fate
		if fate == leftOut {
			c.leftOut++
			if k >= back {
				event = true
				back = c.leaveOut(k, last)
			}
			continue
		}
		switch {
		case astray && last >= 0:
			c.steps[k].fate = unknown
		case !astray && (event || fate != counts):
			c.events++
			switch fate {
			case restarts:
				c.restarts++
			case unknown:
				c.unknownFalls++
			}
		}
		last, event, astray = k, false, false
	}
}

// fate returns the fate of sample k, if the clock did not go astray. last is the last sample before
// it that is not left out, or -1.
func (c *counter) fate(k, last, back int) fate {
	switch {
	case k < back:
		return leftOut
	case k == 0 && c.startsAtZero() && c.isFaster(c.rise(1), 1):
		return leftOut
	case last >= 0 && last == k-1 && c.isPeak(k) && c.isFaster(c.rise(k), k):
		return leftOut
	case last < 0 || !c.samples[k].less(c.samples[last]):
		return counts
	}
	to := int(c.steps[k].back)
	switch {
	case c.hasH && !c.isFaster(c.samples[k].float64(), k) && !(to > 0 && c.isFaster(c.rise(to), to)):
		return restarts
	case to > 0:
		return leftOut
	}
	return unknown
}

// leaveOut counts what begins at sample k, which is left out: a dip, a peak or a first zero. It
// returns the return of a dip, or else the next sample.
func (c *counter) leaveOut(k, last int) (back int) {
	if last >= 0 && c.samples[k].less(c.samples[last]) {
		c.dips++
		return int(c.steps[k].back)
	}
	c.peaks++
	return k + 1
}

// A total adds up what a counter has grown: U of docs/NUMERICS.md, section 4. As long as all counts
// are integers, the sum is exact, and then rounded once.
type total struct {
	last   number // the count before, or a gap
	exact  wide
	sum    float64 // U
	floats bool    // a count was not an integer
}

// add takes the next count and its fate, which is not leftOut. It returns the increase; NaN if it
// is not known, or if there was no count before.
func (t *total) add(n number, f fate) (increase float64) {
	last := t.last
	t.last = n
	t.floats = t.floats || !n.isInteger()
	switch {
	case last.kind == gap || f == unknown:
		return math.NaN()
	case f == restarts:
		last = number{kind: positive}
	}
	if !t.floats {
		grown := n.wide().minus(last.wide())
		t.exact = t.exact.plus(grown)
		t.sum = t.exact.float64()
		return grown.float64()
	}
	increase = n.minus(last)
	t.sum += increase
	return increase
}
