package fit

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestMeanOfCounter(t *testing.T) {
	times, counts := []float64{0, 1, 2, 4}, []float64{0, 10, 10, 40}
	tests := []struct {
		name   string
		lo, hi float64
		t, u   []float64
		want   []float64
	}{
		{"whole", 0, 4, times, counts, []float64{10, 0, 15, 15}},
		{"one bin", 0, 4, times, counts, []float64{10}},
		{"halves of intervals", .5, 2.5, times, counts, []float64{5, 7.5}},
		{"reaches before the first", -1, 1, times, counts, []float64{nan, 10}},
		{"reaches after the last", 2, 6, times, counts, []float64{15, nan}},
		{"too short", 1, 1 + 9e-10, times, counts, []float64{nan, nan}},
		{"turned round", 2, 1, times, counts, []float64{nan}},
		{"no end", 2, nan, times, counts, []float64{nan}},
		{"one sample", 0, 1, []float64{0}, []float64{0}, []float64{nan}},
		{"no point", 0, 4, times, counts, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := make([]float64, len(test.want))
			meanOfCounter(got, test.lo, test.hi, test.t, test.u)
			if !same(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestMeanOfGauge(t *testing.T) {
	times, values := []float64{0, 1, 2, 4}, []float64{0, 2, 2, 6}
	tests := []struct {
		name   string
		lo, hi float64
		t, v   []float64
		want   []float64
	}{
		{"whole", 0, 4, times, values, []float64{1, 2, 3, 5}},
		{"one bin", 0, 4, times, values, []float64{11.0 / 4}},
		{"inside one interval", 2.5, 3.5, times, values, []float64{4}},
		{"edges between samples", .5, 2.5, times, values, []float64{1.75, 2.25}},
		{"reaches before the first", -1, 1, times, values, []float64{nan, 1}},
		{"reaches after the last", 2, 6, times, values, []float64{4, nan}},
		{"too short", 1, 1 + 9e-10, times, values, []float64{nan, nan}},
		{"no start", nan, 1, times, values, []float64{nan}},
		{"one sample", 0, 1, []float64{0}, []float64{0}, []float64{nan}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := make([]float64, len(test.want))
			meanOfGauge(got, test.lo, test.hi, test.t, test.v)
			if !same(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestMeanOfCounterEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times, increases := drawSamples(t, rapid.Float64Range(0, 1e9))
		counts := make([]float64, len(times))
		for i := 1; i < len(counts); i++ {
			counts[i] = math.Round(counts[i-1] + increases[i])
		}
		lo, hi := drawSlice(t, times)
		got := make([]float64, rapid.IntRange(1, 50).Draw(t, "points"))
		meanOfCounter(got, lo, hi, times, counts)

		edges := naiveGrid(lo, hi, len(got)+1)
		want := make([]float64, len(got))
		for i := range want {
			c0, c1 := naiveInterpolate(times, counts, edges[i]), naiveInterpolate(times, counts, edges[i+1])
			want[i] = nan
			if hi-lo >= 1e-9 && !math.IsNaN(c0) && !math.IsNaN(c1) {
				want[i] = fl(c1).minus(fl(c0)).over(fl(edges[i+1]).minus(fl(edges[i]))).value()
			}
		}
		if !same(got, want) {
			t.Fatalf("got %x\nwant %x", got, want)
		}
	})
}

// The sum over the bins of a slice is its count, apart from rounding.
func TestMeanOfCounterKeepsTheTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times, increases := drawSamples(t, rapid.Float64Range(0, 100))
		counts := make([]float64, len(times))
		for i := 1; i < len(counts); i++ {
			counts[i] = counts[i-1] + increases[i]
		}
		bins := make([]float64, rapid.IntRange(1, 50).Draw(t, "points"))
		lo, hi := times[0], times[len(times)-1]
		meanOfCounter(bins, lo, hi, times, counts)
		total := 0.0
		for _, rate := range bins {
			total += rate * (hi - lo) / float64(len(bins))
		}
		if want := counts[len(counts)-1]; math.Abs(total-want) > 1e-6*(1+want) {
			t.Fatalf("the sum over the bins is %g, the count %g", total, want)
		}
	})
}

func TestMeanOfGaugeEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times, values := drawSamples(t, rapid.OneOf(rapid.Float64Range(-1e30, 1e30), rapid.Float64Range(-10, 10)))
		lo, hi := drawSlice(t, times)
		got := make([]float64, rapid.IntRange(1, 50).Draw(t, "points"))
		meanOfGauge(got, lo, hi, times, values)

		edges := naiveGrid(lo, hi, len(got)+1)
		want := make([]float64, len(got))
		for i := range want {
			want[i] = nan
			if hi-lo >= 1e-9 {
				want[i] = naiveBinMean(times, values, edges[i], edges[i+1])
			}
		}
		if !same(got, want) {
			t.Fatalf("got %x\nwant %x", got, want)
		}
	})
}

func naiveBinMean(times, values []float64, lo, hi float64) float64 {
	cutsT, cutsV := []float64{lo}, []float64{naiveInterpolate(times, values, lo)}
	for i, t := range times {
		if lo < t && t < hi {
			cutsT, cutsV = append(cutsT, t), append(cutsV, values[i])
		}
	}
	cutsT, cutsV = append(cutsT, hi), append(cutsV, naiveInterpolate(times, values, hi))
	if math.IsNaN(cutsV[0]) || math.IsNaN(cutsV[len(cutsV)-1]) || lo == hi {
		return nan
	}
	sum := rounded{new(big.Float).SetPrec(53)}
	for i := range len(cutsT) - 1 {
		height := fl(cutsV[i]).plus(fl(cutsV[i+1])).over(fl(2))
		sum = sum.plus(height.times(fl(cutsT[i+1]).minus(fl(cutsT[i]))))
	}
	return sum.over(fl(hi).minus(fl(lo))).value()
}
