package signature

import (
	"math"
	"time"
)

// Snapshot is what an envelope was at a moment: the medians of the curve, and the median level curve of each channel.
type Snapshot struct {
	At       time.Time `json:"at"`
	Accepted Value     `json:"accepted"` // usable episodes accepted by then, as the sample estimated (fit.Sample.Accepted)
	Median   Row       `json:"median"`
	Levels   []Row     `json:"levels"`
}

// Snapshot takes one of a summary. It shares the summary's rows.
func (s Summary) Snapshot(at time.Time, accepted float64) Snapshot {
	snap := Snapshot{At: at, Accepted: Value(accepted), Median: s.Curve.Median}
	for _, c := range s.Channels {
		snap.Levels = append(snap.Levels, c.Levels.Median)
	}
	return snap
}

// Drift is how far an envelope is from an earlier one.
type Drift struct {
	At       time.Time `json:"at"` // of the earlier one
	Accepted Value     `json:"accepted"`
	// Distance is the mean over channels and points of |ln(1+a) - ln(1+b)|, a and b the two level curves: about the part by which
	// rates have changed, 0.1 for a tenth. Points where either has a gap or lies below 0 are left out; NaN where none remains.
	Distance Value `json:"distance"`
	// Outside is the part of the points that have an interval at which the earlier median of the curve lies outside it; NaN where none has.
	Outside Value `json:"outside"`
}

// DriftFrom compares a summary with an earlier snapshot of the same channels and points.
func (s Summary) DriftFrom(then Snapshot) Drift {
	d := Drift{At: then.At, Accepted: then.Accepted}
	sum, n := 0.0, 0
	for i, c := range s.Channels {
		if i >= len(then.Levels) {
			break
		}
		for at, a := range c.Levels.Median {
			if at < len(then.Levels[i]) && a >= 0 && then.Levels[i][at] >= 0 {
				sum += math.Abs(math.Log1p(a) - math.Log1p(then.Levels[i][at]))
				n++
			}
		}
	}
	outside, known := 0, 0
	for at, low := range s.Curve.Low {
		if at >= len(then.Median) || math.IsNaN(low) || math.IsNaN(then.Median[at]) {
			continue
		}
		known++
		if then.Median[at] < low || then.Median[at] > s.Curve.High[at] {
			outside++
		}
	}
	d.Distance, d.Outside = Value(sum/float64(n)), Value(float64(outside)/float64(known)) // 0/0 is NaN
	return d
}

// maxSnapshots is how many are kept.
const maxSnapshots = 64

// Due reports whether a snapshot should be taken: there is none, the last one is a day old, or the accepted episodes have doubled since. One that
// is dated more than a day ahead was so by a clock that was wrong, and keeps nobody waiting.
func Due(earlier []Snapshot, now time.Time, accepted float64) bool {
	if len(earlier) == 0 {
		return true
	}
	last := earlier[len(earlier)-1]
	return now.Sub(last.At).Abs() >= 24*time.Hour || accepted >= 2*float64(last.Accepted)
}

// Keep adds a snapshot to earlier ones. Of more than 64 the daily ones go first, the oldest of them first; the doublings stay, and so
// does the first.
func Keep(earlier []Snapshot, s Snapshot) []Snapshot {
	kept := append(append([]Snapshot(nil), earlier...), s)
	for len(kept) > maxSnapshots {
		out := 1
		for i := 1; i+1 < len(kept); i++ {
			if kept[i].Accepted < 2*kept[i-1].Accepted {
				out = i
				break
			}
		}
		kept = append(kept[:out], kept[out+1:]...)
	}
	return kept
}
