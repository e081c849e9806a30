package fit

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var nan = math.NaN()

// same reports whether two lists are equal to the last bit; all NaN are equal.
func same(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool {
		return math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
	})
}

// columnCurves returns a curve of one point for each value.
func columnCurves(values ...float64) []Curve {
	curves := make([]Curve, len(values))
	for i, v := range values {
		curves[i] = Curve{v}
	}
	return curves
}

func TestReduceOfOnePoint(t *testing.T) {
	inf := math.Inf(1)
	negativeZero := math.Copysign(0, -1)
	tests := []struct {
		name             string
		values           []float64
		p25, median, p75 float64
		n                int
	}{
		{"none", nil, nan, nan, nan, 0},
		{"only gaps", []float64{nan, nan}, nan, nan, nan, 0},
		{"one", []float64{3}, 3, 3, 3, 1},
		{"one and a gap", []float64{nan, 3}, 3, 3, 3, 1},
		{"two", []float64{2, 1}, 1.25, 1.5, 1.75, 2},
		{"three", []float64{.1, .2, .7}, 0.15000000000000002, .2, 0.44999999999999996, 3},
		{"three and gaps", []float64{nan, .7, .1, nan, .2}, 0.15000000000000002, .2, 0.44999999999999996, 3},
		{"six", []float64{.1, .2, .7, 1.3, 2.9, 3.3}, 0x1.4cccccccccccdp-2, 1.0, 2.5, 6},
		{"five", []float64{5, 4, 3, 2, 1}, 2, 3, 4, 5},
		{"infinities are gaps", []float64{inf, 3, -inf}, 3, 3, 3, 1},
		{"minus zero before zero", []float64{0, negativeZero, 0}, 0, 0, 0, 3},
		{"only minus zero", []float64{negativeZero}, negativeZero, negativeZero, negativeZero, 1},
		{"negative", []float64{-1, -2, 1, 2}, -1.25, 0, 1.25, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			band := Reduce(columnCurves(test.values...), 1)
			got := []float64{band.P25[0], band.Median[0], band.P75[0]}
			if want := []float64{test.p25, test.median, test.p75}; !same(got, want) {
				t.Errorf("p25, median, p75 of %v = %x, want %x", test.values, got, want)
			}
			if band.N[0] != test.n {
				t.Errorf("n = %d, want %d", band.N[0], test.n)
			}
		})
	}
}

func TestReduceOfUnevenCurves(t *testing.T) {
	band := Reduce([]Curve{{1}, {3, 5, 7}, nil}, 2)
	if want := []float64{2, 5}; !same(band.Median, want) {
		t.Errorf("median = %v, want %v", band.Median, want)
	}
	if want := []int{2, 1}; !slices.Equal(band.N, want) {
		t.Errorf("n = %v, want %v", band.N, want)
	}
	if band := Reduce(nil, 0); len(band.Median)+len(band.P25)+len(band.P75)+len(band.N) != 0 {
		t.Errorf("band of nothing = %v", band)
	}
}

// naiveQuantile follows the definition, on sorted values.
func naiveQuantile(sorted []float64, q float64) float64 {
	m := len(sorted)
	if m == 0 {
		return nan
	}
	vi := float64(m-1) * q
	if vi >= float64(m-1) {
		return sorted[m-1]
	}
	floor := math.Floor(vi)
	g := vi - floor
	a, b := sorted[int(floor)], sorted[int(floor)+1]
	d := b - a
	if g < 0.5 {
		product := d * g
		return a + float64(product)
	}
	product := d * (1 - g)
	return b - float64(product)
}

func naiveMedian(sorted []float64) float64 {
	m := len(sorted)
	if m == 0 {
		return nan
	}
	if m%2 == 1 {
		return sorted[m/2]
	}
	return (sorted[m/2-1] + sorted[m/2]) / 2
}

// drawValue draws values with ties, gaps and extremes.
func drawValue(few bool) *rapid.Generator[float64] {
	if few {
		return rapid.SampledFrom([]float64{0, 1, 2, nan, -1})
	}
	return rapid.OneOf(rapid.Float64Range(-1e30, 1e30), rapid.Float64Range(0, 1), rapid.Just(nan), rapid.Just(0.0))
}

func TestReduceEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 6), rapid.IntRange(0, 300)).Draw(t, "n")
		points := rapid.IntRange(0, 20).Draw(t, "points")
		value := drawValue(rapid.Bool().Draw(t, "few"))
		seed := rapid.Uint64().Draw(t, "seed")

		random := rand.New(rand.NewPCG(seed, 0))
		pool := rapid.SliceOfN(value, 1, 50).Draw(t, "pool")
		curves := make([]Curve, n)
		for i := range curves {
			curves[i] = make(Curve, points)
			for k := range curves[i] {
				curves[i][k] = pool[random.IntN(len(pool))] * float64(1+random.IntN(3))
			}
		}
		before := cloneCurves(curves)
		band := Reduce(curves, points)
		for i := range curves {
			if !same(curves[i], before[i]) {
				t.Fatalf("curve %d was changed", i)
			}
		}
		for k := range points {
			var sorted []float64
			for _, curve := range curves {
				if !math.IsNaN(curve[k]) {
					sorted = append(sorted, curve[k])
				}
			}
			sortTotally(sorted)
			got := []float64{band.P25[k], band.Median[k], band.P75[k]}
			want := []float64{naiveQuantile(sorted, .25), naiveMedian(sorted), naiveQuantile(sorted, .75)}
			if !same(got, want) || band.N[k] != len(sorted) {
				t.Fatalf("point %d of %v = %v, want %v", k, sorted, got, want)
			}
		}
		random.Shuffle(len(curves), func(i, j int) { curves[i], curves[j] = curves[j], curves[i] })
		again := Reduce(curves, points)
		if !same(again.P25, band.P25) || !same(again.Median, band.Median) || !same(again.P75, band.P75) {
			t.Fatal("another order gives another band")
		}
	})
}

// sortTotally sorts values, -0 before 0.
func sortTotally(values []float64) {
	slices.SortFunc(values, func(a, b float64) int {
		if a == 0 && b == 0 {
			return cmp.Compare(math.Copysign(1, a), math.Copysign(1, b))
		}
		return cmp.Compare(a, b)
	})
}

func cloneCurves(curves []Curve) []Curve {
	clones := make([]Curve, len(curves))
	for i, curve := range curves {
		clones[i] = slices.Clone(curve)
	}
	return clones
}

// These columns make a simple quickselect slow or wrong.
func TestReduceOfHardColumns(t *testing.T) {
	const m = 5_000
	shapes := map[string]func(i int) float64{
		"all equal":  func(int) float64 { return 7 },
		"ascending":  func(i int) float64 { return float64(i) },
		"descending": func(i int) float64 { return float64(-i) },
		"organ pipe": func(i int) float64 { return float64(min(i, m-i)) },
		"two values": func(i int) float64 { return float64(i % 2) },
		"largest":    func(i int) float64 { return math.MaxFloat64 },
		"saw":        func(i int) float64 { return float64(i % 17) },
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			values := make([]float64, m)
			for i := range values {
				values[i] = shape(i)
			}
			band := Reduce(columnCurves(values...), 1)
			slices.Sort(values)
			got := []float64{band.P25[0], band.Median[0], band.P75[0]}
			want := []float64{naiveQuantile(values, .25), naiveMedian(values), naiveQuantile(values, .75)}
			if name == "largest" {
				want[1] = math.Inf(1) // fl(a+b) overflows, as defined
			}
			if !same(got, want) {
				t.Errorf("p25, median, p75 = %v, want %v", got, want)
			}
		})
	}
}

func TestPlaceGivesUpAndSorts(t *testing.T) {
	c := make(column, 1_000)
	for i := range c {
		c[i] = uint64(i * 7919 % 1_000)
	}
	c.selectAt([]int{500}, 0, 0)
	if !slices.IsSorted(c) {
		t.Error("the column is not sorted once there are no tries left")
	}
}

func TestKeysOrderAsValues(t *testing.T) {
	values := []float64{-math.MaxFloat64, -1, -math.SmallestNonzeroFloat64, math.Copysign(0, -1), 0, math.SmallestNonzeroFloat64, 1, math.MaxFloat64}
	var keys column
	for _, v := range values {
		keys = append(keys, keyOf(v))
	}
	if !slices.IsSorted(keys) {
		t.Errorf("keys %x do not ascend", keys)
	}
	for i, v := range values {
		if got := keys.at(i); math.Float64bits(got) != math.Float64bits(v) {
			t.Errorf("key of %g gives %g back", v, got)
		}
	}
}

func BenchmarkReduce(b *testing.B) {
	const points = 80
	for _, n := range []int{100, 10_000} {
		for _, kind := range []string{"random", "mostly zero"} {
			b.Run(fmt.Sprintf("n=%d/%s", n, kind), func(b *testing.B) {
				random := rand.New(rand.NewPCG(1, 2))
				curves := make([]Curve, n)
				for i := range curves {
					curves[i] = make(Curve, points)
					for k := range curves[i] {
						if kind == "random" || random.IntN(10) == 0 {
							curves[i][k] = random.Float64() * 100
						}
					}
				}
				b.ReportAllocs()
				b.SetBytes(int64(8 * n * points))
				for b.Loop() {
					Reduce(curves, points)
				}
			})
		}
	}
}

// BenchmarkSelect compares selecting with sorting, on so many columns that a processor cannot predict their branches.
func BenchmarkSelect(b *testing.B) {
	for _, n := range []int{10, 30, 60, 100, 1_000, 10_000} {
		random := rand.New(rand.NewPCG(1, 2))
		columns, work := make([]column, 1+100_000/n), make(column, n)
		for i := range columns {
			columns[i] = make(column, n)
			for k := range columns[i] {
				columns[i][k] = keyOf(random.Float64())
			}
		}
		for _, way := range []struct {
			name string
			do   func()
		}{
			{"select", func() { work.selectQuartiles() }},
			{"sort", func() { slices.Sort(work) }},
		} {
			b.Run(fmt.Sprintf("n=%d/%s", n, way.name), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					copy(work, columns[i%len(columns)])
					way.do()
				}
			})
		}
	}
}
