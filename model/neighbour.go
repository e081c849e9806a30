package model

import (
	"fmt"
	"math"
	"slices"
)

// A Neighbour is one of several vectors: its number, from 0, and its distance from a query.
type Neighbour struct {
	Number   int
	Distance float64 // sqrt(Σ(x-y)² / p) over p features
}

// Nearest returns the k vectors nearest to the query, or all if there are fewer: the nearest first, and of equally near ones the
// one with the lower number. It measures every vector, in float64 from the first feature to the last. A vector with a gap or an
// infinity is at distance +Inf. It is an error if a vector has another length than the query, or if k is below 1. Nothing is
// kept; the result belongs to the caller.
func Nearest(query []float32, vectors [][]float32, k int) ([]Neighbour, error) {
	if err := checkSearch(len(query), vectors, k); err != nil {
		return nil, err
	}
	nearest := make([]Neighbour, 0, min(k, len(vectors)))
	for number, distance := range distances(query, vectors) {
		nearest = insert(nearest, Neighbour{number, distance}, k)
	}
	return nearest, nil
}

func checkSearch(dim int, vectors [][]float32, k int) error {
	if k < 1 {
		return fmt.Errorf("find the nearest: k is %d, it must be at least 1", k)
	}
	for i, v := range vectors {
		if len(v) != dim {
			return fmt.Errorf("find the nearest: vector %d has %d features, the query %d", i, len(v), dim)
		}
	}
	return nil
}

// insert inserts a neighbour into the k nearest so far, if it is one of them. Its number must be higher than theirs.
func insert(nearest []Neighbour, n Neighbour, k int) []Neighbour {
	if len(nearest) == k && n.Distance >= nearest[k-1].Distance {
		return nearest
	}
	at := len(nearest)
	for at > 0 && nearest[at-1].Distance > n.Distance {
		at--
	}
	return slices.Insert(nearest[:min(len(nearest), k-1)], at, n)
}

// distances returns the distance of each vector; all must have the query's length.
//
// It measures four vectors at a time. Each sum is that of [distance], term by term, so it is the same to the last bit; but a
// processor adds to four sums in the time in which it would wait for one.
func distances(query []float32, vectors [][]float32) []float64 {
	all := make([]float64, len(vectors))
	measured := 0
	for ; measured+4 <= len(vectors); measured += 4 {
		for i, sum := range sums([4][]float32(vectors[measured:measured+4]), query) {
			all[measured+i] = perFeature(sum, len(query))
		}
	}
	for ; measured < len(vectors); measured++ {
		all[measured] = distance(query, vectors[measured])
	}
	return all
}

// sums returns Σ(x-y)² for each of four vectors of the query's length.
func sums(vectors [4][]float32, query []float32) (sums [4]float64) {
	a, b, c, d := vectors[0][:len(query)], vectors[1][:len(query)], vectors[2][:len(query)], vectors[3][:len(query)]
	var sumA, sumB, sumC, sumD float64
	for i, v := range query {
		sumA += squared(v, a[i])
		sumB += squared(v, b[i])
		sumC += squared(v, c[i])
		sumD += squared(v, d[i])
	}
	return [4]float64{sumA, sumB, sumC, sumD}
}

// distance returns the distance of two vectors of one length.
func distance(x, y []float32) float64 {
	sum := 0.0
	for i, v := range x {
		sum += squared(v, y[i])
	}
	return perFeature(sum, len(x))
}

func squared(a, b float32) float64 {
	d := float64(a) - float64(b)
	return float64(d * d)
}

// perFeature returns the distance for a sum of squares over n features.
func perFeature(sum float64, n int) float64 {
	if n == 0 || sum != sum {
		return math.Inf(1)
	}
	return math.Sqrt(sum / float64(n))
}
