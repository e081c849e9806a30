package fit

import "math"

// Series is one channel of a whole episode. T has ascending times in seconds since the episode's first label, V the value at
// each; a value that is not finite is a gap. They must have the same length.
type Series struct {
	T, V []float64
	// Counts says that V has the unwrapped counts of a counter, as [Mean] needs them. Otherwise V has the values of a gauge or,
	// for [Linear], the rates of a counter per second.
	Counts bool
}

// Align resamples one episode's channel onto the grid of a curve, slice by slice. The result has p.Total() values and belongs to
// the caller. Its unit is that of V, or V per second if V has counts and r is [Mean]. Points without data are gaps; if the series
// has fewer than two finite samples, all are. An unknown r counts as [Linear].
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

// finite returns the samples without gaps: the series' own slices if it has none, else copies.
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
