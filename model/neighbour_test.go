package model

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// naive measures every distance and sorts them.
func naive(m Metric, vectors [][]float32, query []float32, k int) []Neighbour {
	var all []Neighbour
	for i, v := range vectors {
		all = append(all, Neighbour{i, m.Distance(query, v)})
	}
	slices.SortStableFunc(all, func(a, b Neighbour) int { return cmp.Compare(a.Distance, b.Distance) })
	return all[:min(k, len(all))]
}

// feature draws values of very different size, and values that are often equal.
func feature() *rapid.Generator[float32] {
	return rapid.OneOf(
		rapid.Float32Range(-3, 20),
		rapid.SampledFrom([]float32{0, 1, 1 + 1e-7, 1e-30, 2e-20, 3e-20, -1e-38, 1e20, 3e38, -3e38}),
		rapid.Map(rapid.IntRange(0, 3), func(n int) float32 { return float32(n) }),
	)
}

func drawVector(t *rapid.T, dim int, gaps bool) []float32 {
	v := rapid.SliceOfN(feature(), dim, dim).Draw(t, "vector")
	if gaps && rapid.IntRange(0, 3).Draw(t, "has gaps") == 0 {
		for i := range v {
			if rapid.Bool().Draw(t, "gap") {
				v[i] = float32(math.NaN())
			}
		}
	}
	return v
}

// TestNearestIsExact compares with [naive], to the last bit of the distances, with ties and gaps.
func TestNearestIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		metric := rapid.SampledFrom([]Metric{Manhattan, Euclidean}).Draw(t, "metric")
		dim := rapid.IntRange(1, 40).Draw(t, "features")
		gaps := rapid.Bool().Draw(t, "gaps")
		var vectors [][]float32
		for range rapid.IntRange(0, 60).Draw(t, "vectors") {
			vectors = append(vectors, drawVector(t, dim, gaps))
		}
		if len(vectors) > 2 && rapid.Bool().Draw(t, "twins") {
			vectors[len(vectors)-1] = slices.Clone(vectors[0])
		}
		query := drawVector(t, dim, gaps)
		k := rapid.IntRange(1, 70).Draw(t, "k")
		got, err := metric.Nearest(query, vectors, k)
		if want := naive(metric, vectors, query, k); err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
	})
}

// TestNearestOfMany has many rows that are spread, that are very close together, and that are equal.
func TestNearestOfMany(t *testing.T) {
	const rows, dim = 12_295, 64
	rnd := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]func(i int) float32{
		"spread": func(int) float32 { return rnd.Float32() * 10 },
		"close":  func(int) float32 { return 1000 + float32(rnd.IntN(3))/16384 },
		"same":   func(int) float32 { return 7 },
	}
	for kind, value := range kinds {
		vectors := make([][]float32, rows)
		for i := range vectors {
			vectors[i] = make([]float32, dim)
			for j := range vectors[i] {
				vectors[i][j] = value(i)
			}
		}
		for _, metric := range []Metric{Manhattan, Euclidean} {
			for _, k := range []int{1, 5, 600} {
				query := slices.Clone(vectors[rows/2])
				query[3] += 0.25
				got, err := metric.Nearest(query, vectors, k)
				if err != nil {
					t.Fatal(err)
				}
				if want := naive(metric, vectors, query, k); !slices.Equal(got, want) {
					t.Errorf("%s, %s, k=%d: not the naive answer", kind, metric, k)
				}
			}
		}
	}
}

// TestNearestOfInfinities: the difference of two equal infinities is a gap.
func TestNearestOfInfinities(t *testing.T) {
	inf := float32(math.Inf(1))
	vectors := [][]float32{{inf, 1}, {-inf, 2}, {inf, inf}, {3, 4}, {inf, 0}}
	for _, query := range [][]float32{{inf, 1}, {0, inf}, {2, 2}} {
		for _, metric := range []Metric{Manhattan, Euclidean} {
			if got, err := metric.Nearest(query, vectors, 5); err != nil || !slices.Equal(got, naive(metric, vectors, query, 5)) {
				t.Errorf("%s from %v: got %v, %v", metric, query, got, err)
			}
		}
	}
}

func TestNearestRefuses(t *testing.T) {
	if _, err := Manhattan.Nearest([]float32{1, 2}, [][]float32{{1, 2}, {1}}, 1); err == nil {
		t.Error("vectors of two lengths")
	}
	if _, err := Manhattan.Nearest([]float32{1}, [][]float32{{1, 2}}, 1); err == nil {
		t.Error("a query of another length")
	}
	if _, err := Manhattan.Nearest([]float32{1, 2}, [][]float32{{1, 2}}, 0); err == nil {
		t.Error("k = 0")
	}
	if found, err := Manhattan.Nearest([]float32{}, [][]float32{{}, {}, {}, {}}, 9); err != nil || len(found) != 4 || !math.IsInf(found[0].Distance, 1) {
		t.Errorf("vectors without features: %v, %v", found, err)
	}
}
