package signature

import (
	"math"
	"time"
)

// Snapshot is an envelope at a moment: the medians of the curve, and the median level curve of each channel.
type Snapshot struct {
	At       time.Time `json:"at"`
	Accepted Value     `json:"accepted"` // usable episodes that were accepted until then, estimated (fit.Sample.Accepted)
	Median   Row       `json:"median"`
	Levels   []Row     `json:"levels"`
}

// Snapshot returns the snapshot of a summary. It shares the summary's rows.
func (s Summary) Snapshot(at time.Time, accepted float64) Snapshot {
	snap := Snapshot{At: at, Accepted: Value(accepted), Median: s.Curve.Median}
	for _, c := range s.Channels {
		snap.Levels = append(snap.Levels, c.Levels.Median)
	}
	return snap
}

// Drift is how far an envelope is from an earlier one.
type Drift struct {
	At       time.Time `json:"at"`       // of the earlier one
	Accepted Value     `json:"accepted"` // of the earlier one
	// Distance is the mean over channels and points of |ln(1+a) - ln(1+b)|, where a and b are the two level curves. It is about
	// the relative change of the rates: 0.1 for a tenth. Points where one has a gap or is below 0 are left out; NaN if no point
	// remains.
	Distance Value `json:"distance"`
	// Outside is the part of the points where the earlier median of the curve lies outside the interval of the present median;
	// NaN if no point has an interval.
	Outside Value `json:"outside"`
}

// DriftFrom compares a summary with an earlier snapshot of the same channels and points.
func (s Summary) DriftFrom(then Snapshot) Drift {
	return Drift{At: then.At, Accepted: then.Accepted, Distance: levelDistance(s.Channels, then.Levels), Outside: outsideInterval(s.Curve, then.Median)}
}

// levelDistance returns [Drift].Distance.
func levelDistance(channels []Channel, earlier []Row) Value {
	sum, n := 0.0, 0
	for i, c := range channels[:min(len(channels), len(earlier))] {
		levels := c.Levels.Median
		for at, b := range earlier[i][:min(len(earlier[i]), len(levels))] {
			if a := levels[at]; a >= 0 && b >= 0 {
				sum += math.Abs(math.Log1p(a) - math.Log1p(b))
				n++
			}
		}
	}
	return Value(sum / float64(n)) // 0/0 is NaN
}

// outsideInterval returns [Drift].Outside.
func outsideInterval(curve Band, earlier Row) Value {
	outside, known := 0, 0
	for at, median := range earlier[:min(len(earlier), len(curve.Low))] {
		if math.IsNaN(curve.Low[at]) || math.IsNaN(median) {
			continue
		}
		known++
		if median < curve.Low[at] || median > curve.High[at] {
			outside++
		}
	}
	return Value(float64(outside) / float64(known)) // 0/0 is NaN
}

// maxSnapshots is the greatest number of snapshots that are kept.
const maxSnapshots = 64

// Due reports whether a snapshot should be taken: there is none yet, the last one is a day old, or the accepted episodes have
// doubled since. It is also due if the last one is dated more than a day ahead: the clock that dated it was wrong.
func Due(earlier []Snapshot, now time.Time, accepted float64) bool {
	if len(earlier) == 0 {
		return true
	}
	last := earlier[len(earlier)-1]
	return now.Sub(last.At).Abs() >= 24*time.Hour || accepted >= 2*float64(last.Accepted)
}

// Keep returns the earlier snapshots and a new one. If they are more than 64, it removes the oldest of those that were taken
// because a day had passed. It keeps the first one, and those that were taken because the episodes had doubled. The slice is new.
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
