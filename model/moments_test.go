package model

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestMomentsWithout compares the moments without a vector with those of the others, computed anew.
func TestMomentsWithout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var vectors [][]float32
		for range rapid.IntRange(2, 20).Draw(t, "vectors") {
			vectors = append(vectors, drawLogs(t, false))
		}
		i := rapid.IntRange(0, len(vectors)-1).Draw(t, "left out")
		got := momentsOf(vectors, 3).without(vectors[i])
		want := momentsOf(slices.Concat(vectors[:i], vectors[i+1:]), 3)
		if got.n != want.n {
			t.Fatalf("%d vectors, want %d", got.n, want.n)
		}
		for f, mean := range want.mean {
			if math.Abs(got.mean[f]-mean) > 1e-12*100 {
				t.Fatalf("mean %v, want %v", got.mean, want.mean)
			}
		}
		for k, v := range want.scatter.values {
			if math.Abs(got.scatter.values[k]-v) > 1e-12*100*100*float64(len(vectors)) {
				t.Fatalf("scatter %v, want %v", got.scatter.values, want.scatter.values)
			}
		}
	})
}
