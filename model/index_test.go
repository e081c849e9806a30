package model

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// naive is the oracle: every distance in float64, sorted.
func naive(m Metric, vectors [][]float32, query []float32, k int) []Neighbour {
	var all []Neighbour
	for i, v := range vectors {
		all = append(all, Neighbour{i, m.Distance(query, v)})
	}
	slices.SortStableFunc(all, func(a, b Neighbour) int { return cmp.Compare(a.Distance, b.Distance) })
	return all[:min(k, len(all))]
}

// feature draws values that are hard on float32 sums: of any size, equal ones, gaps.
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

// TestNearestIsExact: the answer is that of the loop in float64, distances and order included, whatever the metric, k, gaps and ties.
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
		x, err := NewIndex(metric, vectors)
		if err != nil {
			t.Fatal(err)
		}
		var queries [][]float32
		for range rapid.IntRange(1, 5).Draw(t, "queries") {
			queries = append(queries, drawVector(t, dim, gaps))
		}
		k := rapid.IntRange(1, 70).Draw(t, "k")
		got, err := x.NearestOfEach(queries, k)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range queries {
			if want := naive(metric, vectors, q, k); !slices.Equal(got[i], want) {
				t.Fatalf("query %d: got %v, want %v", i, got[i], want)
			}
			alone, err := x.Nearest(q, k)
			if err != nil || !slices.Equal(alone, got[i]) {
				t.Fatalf("query %d alone: got %v, %v, want %v", i, alone, err, got[i])
			}
		}
	})
}

// TestNearestOfMany takes more rows than one goroutine looks at, rows that lie closer together than float32 sums can tell, and rows
// that are all the same.
func TestNearestOfMany(t *testing.T) {
	const rows, dim = 3*fewRows + 7, 64
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
			x, err := NewIndex(metric, vectors)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range []int{1, 5, 600} {
				query := slices.Clone(vectors[rows/2])
				query[3] += 0.25
				got, err := x.Nearest(query, k)
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

func TestIndexRefuses(t *testing.T) {
	if _, err := NewIndex(Manhattan, [][]float32{{1, 2}, {1}}); err == nil {
		t.Error("vectors of two lengths")
	}
	if _, err := NewIndex(Manhattan, [][]float32{{}}); err == nil {
		t.Error("vectors without features")
	}
	x, err := NewIndex(Manhattan, [][]float32{{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Nearest([]float32{1}, 1); err == nil {
		t.Error("a query of another length")
	}
	if _, err := x.Nearest([]float32{1, 2}, 0); err == nil {
		t.Error("k = 0")
	}
}

// TestSlack: no sketch is so wrong that the limit could pass by a row.
func TestSlack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.IntRange(1, 600).Draw(t, "features")
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var v [3][]float32
		for i := range v {
			for range dim {
				v[i] = append(v[i], float32(rnd.NormFloat64()*math.Exp2(float64(rnd.IntN(20)))))
			}
		}
		for _, m := range []Metric{Manhattan, Euclidean} {
			near, far := 1, 2
			if m.Distance(v[0], v[1]) > m.Distance(v[0], v[2]) {
				near, far = 2, 1
			}
			if a, b := m.sketch()(v[0], v[near]), m.sketch()(v[0], v[far]); a > b*slack(dim) {
				t.Fatalf("%s: %v > %v * %v", m, a, b, slack(dim))
			}
		}
	})
}
