package fit

import (
	"fmt"
	"math"
)

// Resample names the way from a channel's samples to the points of a slice.
type Resample string

const (
	// Linear takes the polyline through the samples at the points of the grid, as the Python program does.
	Linear Resample = "linear"
	// Mean takes the mean over the bin that a point stands for: it keeps the total of a slice, and nothing overshoots or aliases.
	Mean Resample = "mean"
)

// ParseResample accepts "linear" and "mean".
func ParseResample(text string) (Resample, error) {
	switch r := Resample(text); r {
	case Linear, Mean:
		return r, nil
	}
	return "", fmt.Errorf("resample %s is neither %s nor %s", quote(text), Linear, Mean)
}

// Series is one channel of an episode, over its whole length. T are ascending seconds since the episode's first label, V the value
// at each; a value that is not finite is a gap. They must have the same length.
type Series struct {
	T, V []float64
	// Counts says that V is a counter's unwrapped count, which [Mean] wants of counters. Otherwise V are the points themselves:
	// a gauge's values or, for [Linear], a counter's rates per second.
	Counts bool
}

// Align brings one episode's channel onto the grid of the curve, slice by slice. The result has p.Total() values and belongs to the
// caller. Its unit is that of V, or V per second where V are counts and r is [Mean]. Points without data are gaps: all of them where
// the series has fewer than two finite samples. An unknown r counts as [Linear].
func Align(p Points, r Resample, w Walk, s Series) Curve {
	resample := resampleLinear
	switch {
	case r == Mean && s.Counts:
		resample = meanOfCounter
	case r == Mean:
		resample = meanOfGauge
	}
	t, v := s.finite()
	curve := make(Curve, p.Total())
	rest := curve
	for _, slice := range p.Slices(w) {
		resample(rest[:slice.Points], slice.Start, slice.End, t, v)
		rest = rest[slice.Points:]
	}
	return curve
}

// finite returns the samples without the gaps: the series' own slices where there are none, else copies.
func (s Series) finite() (t, v []float64) {
	n := min(len(s.T), len(s.V))
	t, v = s.T[:n], s.V[:n]
	for i := range n {
		if isFinite(t[i]) && isFinite(v[i]) {
			continue
		}
		keptT, keptV := make([]float64, i, n), make([]float64, i, n)
		copy(keptT, t)
		copy(keptV, v)
		for ; i < n; i++ {
			if isFinite(t[i]) && isFinite(v[i]) {
				keptT, keptV = append(keptT, t[i]), append(keptV, v[i])
			}
		}
		return keptT, keptV
	}
	return t, v
}

func isFinite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }
