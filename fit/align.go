package fit

import "math"

// Series is one channel of a whole episode. T has ascending times in seconds since the episode's first label, V the value at
// each; a value that is not finite is a gap. They must have the same length.
type Series struct {
	T, V []float64
	// Counts says that V has the unwrapped counts of a counter, as [Mean] needs them. Otherwise V has the values of a gauge or,
	// for [Linear], the rates of a counter per second.
	Counts bool
	// Unknown are the steps of counts whose increase is not known: indexes k of T, ascending, for the step from k-1 to k. With
	// [Mean], each bin that reaches into such a step is a gap.
	Unknown []int
	// Scale is the factor of each point: the curve is fl(x*Scale), after resampling; 0 means 1.
	Scale float64
}

// Align resamples one episode's channel onto the grid of a curve, slice by slice. The result has p.Total() values and belongs to
// the caller. Its unit is that of V times Scale, or of that per second if V has counts and r is [Mean]. Points without data are gaps; if the series
// has fewer than two finite samples, all are. An unknown r counts as [Linear].
func Align(p Points, r Resample, w Walk, s Series) Curve {
	curve := make(Curve, p.Total())
	curve.fill(p.Slices(w), r, s)
	return curve
}

// fill does what [Align] does, for the slices of an episode. It sets all of c.
func (c Curve) fill(slices [5]Slice, r Resample, s Series) {
	resample := resampleLinear
	switch {
	case r == Mean && s.Counts:
		resample = meanOfCounter
	case r == Mean:
		resample = meanOfGauge
	}
	var unknown []step
	if r == Mean && s.Counts {
		unknown = s.unknownSteps()
	}
	t, v := s.finite()
	rest := c
	for _, slice := range slices {
		points := rest[:slice.Points]
		resample(points, slice.Start, slice.End, t, v)
		dropUnknown(points, slice.Start, slice.End, unknown)
		rest = rest[slice.Points:]
	}
	if s.Scale != 0 && s.Scale != 1 {
		for i := range c {
			c[i] *= s.Scale
		}
	}
}

// unknownSteps returns the steps whose increase is not known.
func (s Series) unknownSteps() []step {
	var steps []step
	for _, k := range s.Unknown {
		if 0 < k && k < len(s.T) {
			steps = append(steps, step{s.T[k-1], s.T[k]})
		}
	}
	return steps
}

// finite returns the samples without gaps: the series' own slices if it has none, else copies.
func (s Series) finite() (t, v []float64) {
	n := min(len(s.T), len(s.V))
	t, v = s.T[:n], s.V[:n]
	for i := range n {
		if isFinite(t[i]+v[i]) || isFinite(t[i]) && isFinite(v[i]) { // a sum is only finite if both are
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
