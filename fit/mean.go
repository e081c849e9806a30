package fit

import "math"

// Resampling by means: each point of a curve has the channel's mean over a bin. The len(out) bins of a slice have the edges e[k],
// k = 0 to len(out), which are the grid of len(out)+1 points from lo to hi. A bin that reaches outside the samples is a gap; if
// the slice is shorter than 1e-9 s or there are fewer than two samples, all are.

// meanOfCounter fills out with the mean rate over each bin. t and u are the samples of the unwrapped count, which never falls.
// With C(x) from [interpolate]:
//
//	out[i] = fl(fl(C(e[i+1]) - C(e[i])) / fl(e[i+1]-e[i]))
//
// So the sum of rate times width over a slice is its count.
func meanOfCounter(out []float64, lo, hi float64, t, u []float64) {
	if empty(lo, hi) || len(t) < 2 {
		fillGaps(out)
		return
	}
	from := gridPoint(lo, hi, len(out)+1, 0)
	j := lastNotAfter(t, from)
	countFrom := interpolateFrom(j, t, u, from)
	for i := range out {
		to := gridPoint(lo, hi, len(out)+1, i+1)
		for j+1 < len(t) && t[j+1] <= to { // to only rises
			j++
		}
		countTo := interpolateFrom(j, t, u, to)
		out[i] = (countTo - countFrom) / (to - from)
		from, countFrom = to, countTo
	}
}

// A step is the time from one sample of a counter to the next.
type step struct{ from, to float64 }

// dropUnknown makes gaps of the bins e[i] to e[i+1] from lo to hi that reach into one of the steps, which ascend and do not
// overlap: where e[i] < to and e[i+1] > from.
func dropUnknown(out []float64, lo, hi float64, steps []step) {
	for i := range out {
		from, to := gridPoint(lo, hi, len(out)+1, i), gridPoint(lo, hi, len(out)+1, i+1)
		for len(steps) > 0 && steps[0].to <= from { // from only rises
			steps = steps[1:]
		}
		if len(steps) == 0 {
			return
		}
		if to > steps[0].from {
			out[i] = math.NaN()
		}
	}
}

// meanOfGauge fills out with the time-weighted mean of the polyline through (t, v) over each bin. The samples strictly inside a
// bin divide it into pieces from (t0, v0) to (t1, v1), which are summed from left to right:
//
//	out[i] = fl((Σ fl(fl(fl(v0+v1)/2) * fl(t1-t0))) / fl(e[i+1]-e[i]))
func meanOfGauge(out []float64, lo, hi float64, t, v []float64) {
	if empty(lo, hi) || len(t) < 2 {
		fillGaps(out)
		return
	}
	from := gridPoint(lo, hi, len(out)+1, 0)
	for i := range out {
		to := gridPoint(lo, hi, len(out)+1, i+1)
		out[i] = integrate(t, v, from, to) / (to - from)
		from = to
	}
}

// integrate returns the integral from lo to hi of the polyline through (t, v); NaN if that reaches outside the samples.
func integrate(t, v []float64, lo, hi float64) float64 {
	t0, v0 := lo, interpolate(t, v, lo)
	end := interpolate(t, v, hi)
	if math.IsNaN(v0) || math.IsNaN(end) {
		return math.NaN()
	}
	sum := 0.0
	for j := lastNotAfter(t, lo) + 1; t[j] < hi; j++ {
		sum += float64((v0 + v[j]) / 2 * (t[j] - t0))
		t0, v0 = t[j], v[j]
	}
	return sum + float64((v0+end)/2*(hi-t0))
}
