package fit

import (
	"fmt"
	"math"
	"sort"
)

// Resample names the rule by which the samples of a channel give the points of a slice.
type Resample string

const (
	// Linear interpolates between the samples at the points of the grid, as the Python program does.
	Linear Resample = "linear"
	// Mean takes the mean over the bin of a point. It keeps the total of a slice.
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

// shortestSlice is the length in seconds below which a slice has no data.
const shortestSlice = 1e-9

// empty reports whether a slice from lo to hi is too short, ends before it starts, or is bounded by NaN.
func empty(lo, hi float64) bool { return !(hi-lo >= shortestSlice) }

// gridPoint returns x[i] of n evenly spaced points from lo to hi, both included, as numpy.linspace does:
//
//	step = fl(fl(hi-lo)/(n-1))
//	x[i] = fl(fl(i*step)+lo), x[n-1] = hi
//
// For n = 1 it is lo. If step is 0 (hi = lo, or their distance is too small to be divided), it is
// x[i] = fl(fl(fl(i/(n-1))*fl(hi-lo))+lo).
func gridPoint(lo, hi float64, n, i int) float64 {
	if n == 1 {
		return lo
	}
	if i == n-1 {
		return hi
	}
	parts := float64(n - 1)
	step := (hi - lo) / parts
	if step == 0 {
		return float64(float64(i)/parts*(hi-lo)) + lo
	}
	return float64(float64(i)*step) + lo
}

// interpolate returns the value at x of the polyline through (t[i], v[i]), as numpy.interp does. t must ascend, and all values
// must be finite. Before the first and after the last sample it is NaN. Else let j be the largest index with t[j] <= x. If j is
// the last index or t[j] = x, it is v[j]; otherwise
//
//	s = fl(fl(v[j+1]-v[j]) / fl(t[j+1]-t[j]))
//	r = fl(fl(s*fl(x-t[j])) + v[j])
//
// If r is NaN, which takes an overflow, it is fl(fl(s*fl(x-t[j+1])) + v[j+1]).
func interpolate(t, v []float64, x float64) float64 {
	return interpolateFrom(lastNotAfter(t, x), t, v, x)
}

// interpolateFrom is interpolate for a known j.
func interpolateFrom(j int, t, v []float64, x float64) float64 {
	if j < 0 || x > t[len(t)-1] || math.IsNaN(x) {
		return math.NaN()
	}
	if j == len(t)-1 || t[j] == x {
		return v[j]
	}
	s := (v[j+1] - v[j]) / (t[j+1] - t[j])
	r := float64(s*(x-t[j])) + v[j]
	if math.IsNaN(r) {
		r = float64(s*(x-t[j+1])) + v[j+1]
	}
	return r
}

// lastNotAfter returns the largest index j such that t[j] <= x, or -1.
func lastNotAfter(t []float64, x float64) int {
	return sort.Search(len(t), func(i int) bool { return t[i] > x }) - 1
}

// resampleLinear fills out with the values of the polyline through (t, v) at len(out) points from lo to hi. Points outside the
// samples are gaps; if the slice is shorter than 1e-9 s or there are fewer than two samples, all are.
func resampleLinear(out []float64, lo, hi float64, t, v []float64) {
	if empty(lo, hi) || len(t) < 2 {
		fillGaps(out)
		return
	}
	j := lastNotAfter(t, lo)
	for i := range out {
		x := gridPoint(lo, hi, len(out), i)
		for j+1 < len(t) && t[j+1] <= x { // x only rises
			j++
		}
		out[i] = interpolateFrom(j, t, v, x)
	}
}

func fillGaps(out []float64) {
	for i := range out {
		out[i] = math.NaN()
	}
}
