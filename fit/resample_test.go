package fit

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The samples of the test vectors.
var (
	vectorT = []float64{0, .5, 1, 1.5, 2, 2.5, 3}
	vectorV = []float64{.1, .7, .3, 1.9, 2.2, .4, 5.5}
)

func TestResampleLinear(t *testing.T) {
	v, t7 := vectorV, vectorT
	tests := []struct {
		name   string
		lo, hi float64
		t, v   []float64
		want   []float64
	}{
		{"vector", .05, 2.95, t7, v, []float64{0x1.47ae147ae147bp-3, 0x1.eb851eb851eb6p-2, 0x1.e666666666667p+0, 0x1.63d70a3d70a3cp+0, 0x1.3f5c28f5c28f8p+2}},
		{"on the samples", 0, 3, t7, v, v},
		{"outside", -1, 4, t7, v, []float64{nan, .1, v[2], v[4], 5.5, nan}},
		{"one point is the start", .5, 2, t7, v, []float64{.7}},
		{"one point before the first", -.5, 2, t7, v, []float64{nan}},
		{"exactly at the last", 3, 4, t7, v, []float64{5.5, nan}},
		{"just after the last", math.Nextafter(3, 4), 4, t7, v, []float64{nan, nan}},
		{"no length", 1, 1, t7, v, []float64{nan, nan}},
		{"too short", 1, 1 + 9e-10, t7, v, []float64{nan, nan}},
		{"long enough", 0, 1e-9, []float64{0, 1}, []float64{5, 5}, []float64{5, 5}},
		{"turned round", 2, 1, t7, v, []float64{nan, nan}},
		{"no start", nan, 1, t7, v, []float64{nan, nan}},
		{"no end", 1, nan, t7, v, []float64{nan, nan}},
		{"one sample", 0, 1, []float64{.5}, []float64{1}, []float64{nan, nan, nan}},
		{"no sample", 0, 1, nil, nil, []float64{nan, nan}},
		{"no point", 0, 1, t7, v, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := make([]float64, len(test.want))
			resampleLinear(got, test.lo, test.hi, test.t, test.v)
			if !same(got, test.want) {
				t.Errorf("got %x, want %x", got, test.want)
			}
		})
	}
}

func TestGrid(t *testing.T) {
	tiny := math.SmallestNonzeroFloat64
	tests := []struct {
		name   string
		lo, hi float64
		want   []float64
	}{
		{"one point", 3, 9, []float64{3}},
		{"two points", 3, 9, []float64{3, 9}},
		{"thirds", 0, 1, []float64{0, 1 / 3.0, 2 / 3.0, 1}},
		{"vector", .1, .7, []float64{0x1.999999999999ap-4, 0x1.0p-2, 0x1.999999999999ap-2, 0x1.1999999999999p-1, 0x1.6666666666666p-1}},
		{"no length", 2, 2, []float64{2, 2, 2}},
		{"step underflows to 0", 0, tiny, []float64{0, 0, 0, tiny, tiny}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := make([]float64, len(test.want))
			for i := range got {
				got[i] = gridPoint(test.lo, test.hi, len(got), i)
			}
			if !same(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// Samples are always finite. Other values still give what numpy gives: if the value computed from the left is NaN, it is computed
// from the right.
func TestInterpolateOfInfinities(t *testing.T) {
	tiny, inf := math.SmallestNonzeroFloat64, math.Inf(1)
	if got := interpolate([]float64{0, 2}, []float64{-inf, 1}, 1); !math.IsInf(got, -1) {
		t.Errorf("between -Inf and 1: %g, want -Inf", got)
	}
	times, values := []float64{0, 4 * tiny}, []float64{1, 2}
	for _, test := range []struct{ x, want float64 }{{0, 1}, {tiny, inf}, {4 * tiny, 2}} {
		if got := interpolate(times, values, test.x); got != test.want {
			t.Errorf("at %g: %g, want %g", test.x, got, test.want)
		}
	}
	if got := interpolate(vectorT, vectorV, nan); !math.IsNaN(got) {
		t.Errorf("at NaN: %g", got)
	}
}

// rounded computes by the definitions: each operation exactly, then rounded once to 53 bits. So it does not depend on how a
// compiler or a processor combines operations.
type rounded struct{ *big.Float }

func fl(x float64) rounded { return rounded{big.NewFloat(x)} }

func blank() *big.Float { return new(big.Float).SetPrec(53).SetMode(big.ToNearestEven) }

func (a rounded) plus(b rounded) rounded  { return rounded{blank().Add(a.Float, b.Float)} }
func (a rounded) minus(b rounded) rounded { return rounded{blank().Sub(a.Float, b.Float)} }
func (a rounded) times(b rounded) rounded { return rounded{blank().Mul(a.Float, b.Float)} }
func (a rounded) over(b rounded) rounded  { return rounded{blank().Quo(a.Float, b.Float)} }
func (a rounded) value() float64 {
	v, _ := a.Float64()
	return v
}

func naiveGrid(lo, hi float64, n int) []float64 {
	if n == 1 {
		return []float64{lo}
	}
	step := fl(hi).minus(fl(lo)).over(fl(float64(n - 1)))
	grid := make([]float64, n)
	for i := range grid {
		grid[i] = fl(float64(i)).times(step).plus(fl(lo)).value()
	}
	grid[n-1] = hi
	return grid
}

func naiveInterpolate(t, v []float64, x float64) float64 {
	if x < t[0] || x > t[len(t)-1] {
		return nan
	}
	for j := range t {
		if t[j] == x {
			return v[j]
		}
		if t[j] < x && x < t[j+1] {
			slope := fl(v[j+1]).minus(fl(v[j])).over(fl(t[j+1]).minus(fl(t[j])))
			return slope.times(fl(x).minus(fl(t[j]))).plus(fl(v[j])).value()
		}
	}
	panic("not reached")
}

// drawSamples draws ascending times and values. They are not so small that results are subnormal, which rounded does not compute.
func drawSamples(t *rapid.T, value *rapid.Generator[float64]) (times, values []float64) {
	n := rapid.IntRange(2, 40).Draw(t, "samples")
	at := rapid.Float64Range(-1, 1).Draw(t, "start")
	for range n {
		times = append(times, at)
		v := value.Draw(t, "value")
		if math.Abs(v) < 1e-200 {
			v = 0
		}
		values = append(values, v)
		at += rapid.Float64Range(1e-6, .3).Draw(t, "interval")
	}
	return times, values
}

// drawSlice draws a slice, which often begins or ends at the time of a sample.
func drawSlice(t *rapid.T, times []float64) (lo, hi float64) {
	edge := rapid.OneOf(rapid.SampledFrom(times), rapid.Float64Range(-2, 10))
	lo, hi = edge.Draw(t, "lo"), edge.Draw(t, "hi")
	return min(lo, hi), max(lo, hi)
}

func TestResampleLinearEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times, values := drawSamples(t, rapid.OneOf(rapid.Float64Range(-1e30, 1e30), rapid.Float64Range(-10, 10)))
		lo, hi := drawSlice(t, times)
		got := make([]float64, rapid.IntRange(1, 50).Draw(t, "points"))
		resampleLinear(got, lo, hi, times, values)

		want := make([]float64, len(got))
		for i, x := range naiveGrid(lo, hi, len(got)) {
			want[i] = nan
			if hi-lo >= 1e-9 {
				want[i] = naiveInterpolate(times, values, x)
			}
		}
		if !same(got, want) {
			t.Fatalf("got %x\nwant %x", got, want)
		}
	})
}

func TestGridAscends(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Float64Range(-1e12, 1e12).Draw(t, "lo")
		hi := lo + rapid.Float64Range(0, 1e6).Draw(t, "length")
		n := rapid.IntRange(1, 2_000).Draw(t, "n")
		grid := make([]float64, n)
		for i := range grid {
			grid[i] = gridPoint(lo, hi, n, i)
		}
		if !slices.IsSorted(grid) || grid[0] != lo || n > 1 && grid[n-1] != hi {
			t.Fatalf("grid of %d from %g to %g: %v", n, lo, hi, grid)
		}
	})
}

// TestLastNotAfter has times at, between and outside samples; several samples may have one time.
func TestLastNotAfter(t *testing.T) {
	for n := range 20 {
		for every := 1; every <= 3; every++ {
			times := make([]float64, n)
			for i := range times {
				times[i] = float64(i / every)
			}
			for x := -0.5; x <= float64(n)+1; x += 0.5 {
				want := -1
				for j, at := range times {
					if at <= x {
						want = j
					}
				}
				if got := lastNotAfter(times, x); got != want {
					t.Fatalf("last of %v not after %v is %d, want %d", times, x, got, want)
				}
			}
		}
	}
}
