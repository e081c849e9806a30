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
func naive(vectors [][]float32, query []float32, k int) []Neighbour {
	var all []Neighbour
	for i, v := range vectors {
		all = append(all, Neighbour{i, distance(query, v)})
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
		dim := rapid.IntRange(1, 40).Draw(t, "features")
		gaps := rapid.Bool().Draw(t, "gaps")
		var vectors, queries [][]float32
		for range rapid.IntRange(0, 60).Draw(t, "vectors") {
			vectors = append(vectors, drawVector(t, dim, gaps))
		}
		if len(vectors) > 2 && rapid.Bool().Draw(t, "twins") {
			vectors[len(vectors)-1] = slices.Clone(vectors[0])
		}
		for range rapid.IntRange(1, 9).Draw(t, "queries") {
			queries = append(queries, drawVector(t, dim, gaps))
		}
		k := rapid.IntRange(1, 70).Draw(t, "k")
		compareNearest(t, vectors, queries, k)
	})
}

// compareNearest compares single queries and a batch of them with [naive].
func compareNearest(t interface{ Fatalf(string, ...any) }, vectors, queries [][]float32, k int) {
	batch, err := NearestOfEach(queries, vectors, k)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for i, query := range queries {
		want := naive(vectors, query, k)
		if got, err := Nearest(query, vectors, k); err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
		if !slices.Equal(batch[i], want) {
			t.Fatalf("query %d of a batch: got %v, want %v", i, batch[i], want)
		}
	}
}

// TestNearestOfMany has many rows that are spread, that are very close together, that are equal, and that are of very different
// size.
func TestNearestOfMany(t *testing.T) {
	const rows, dim = 5_003, 65
	rnd := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]func(i int) float32{
		"spread": func(int) float32 { return rnd.Float32() * 10 },
		"close":  func(int) float32 { return 1000 + float32(rnd.IntN(3))/16384 },
		"same":   func(int) float32 { return 7 },
		"sizes":  func(i int) float32 { return rnd.Float32() * float32(math.Pow(10, float64(i%40-20))) },
	}
	for kind, value := range kinds {
		vectors := make([][]float32, rows)
		for i := range vectors {
			vectors[i] = make([]float32, dim)
			for j := range vectors[i] {
				vectors[i][j] = value(i)
			}
		}
		var queries [][]float32
		for i := range 5 {
			query := slices.Clone(vectors[rows/(i+2)])
			query[3] += 0.25
			queries = append(queries, query)
		}
		for _, k := range []int{1, 5, 600} {
			t.Run(kind, func(t *testing.T) { compareNearest(t, vectors, queries, k) })
		}
	}
}

// TestNearestOfInfinities: a vector with an infinity, and one with a gap, is farther away than all others.
func TestNearestOfInfinities(t *testing.T) {
	inf := float32(math.Inf(1))
	vectors := [][]float32{{inf, 1}, {-inf, 2}, {inf, inf}, {3, 4}, {nan, 0}, {1, 1}}
	compareNearest(t, vectors, [][]float32{{inf, 1}, {0, inf}, {2, 2}, {nan, 2}}, 6)
	if found, err := Nearest([]float32{2, 2}, vectors, 1); err != nil || found[0].Number != 5 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestNearestRefuses(t *testing.T) {
	for _, c := range []struct {
		query   []float32
		vectors [][]float32
		k       int
	}{{[]float32{1, 2}, [][]float32{{1, 2}, {1}}, 1}, {[]float32{1}, [][]float32{{1, 2}}, 1}, {[]float32{1}, [][]float32{{1}}, 0}} {
		if _, err := Nearest(c.query, c.vectors, c.k); err == nil {
			t.Errorf("%v takes %v", c.vectors, c.query)
		}
		if _, err := NearestOfEach([][]float32{c.query}, c.vectors, c.k); err == nil {
			t.Errorf("a batch: %v takes %v", c.vectors, c.query)
		}
	}
	if _, err := NearestOfEach([][]float32{{1}, {1, 2}}, [][]float32{{1}}, 1); err == nil {
		t.Error("queries of two lengths")
	}
	if found, err := Nearest([]float32{}, [][]float32{{}, {}, {}, {}}, 9); err != nil || len(found) != 4 || !math.IsInf(found[0].Distance, 1) {
		t.Errorf("vectors without features: %v, %v", found, err)
	}
}
