package model

import (
	"fmt"
	"slices"
)

// A Neighbour is one of several vectors: its number, from 0, and its distance from a query.
type Neighbour struct {
	Number   int
	Distance float64
}

// Nearest returns the k vectors nearest to the query, or all if there are fewer: the nearest first, and of equally near ones the
// one with the lower number. It measures every vector, by [Metric.Distance]. It is an error if a vector has another length than
// the query, or if k is below 1. Nothing is kept; the result belongs to the caller.
func (m Metric) Nearest(query []float32, vectors [][]float32, k int) ([]Neighbour, error) {
	if k < 1 {
		return nil, fmt.Errorf("find the nearest: k is %d, it must be at least 1", k)
	}
	for i, v := range vectors {
		if len(v) != len(query) {
			return nil, fmt.Errorf("find the nearest: vector %d has %d features, the query %d", i, len(v), len(query))
		}
	}
	nearest := make([]Neighbour, 0, min(k, len(vectors)))
	for number, distance := range m.distances(query, vectors) {
		nearest = insert(nearest, Neighbour{number, distance}, k)
	}
	return nearest, nil
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
// It measures four vectors at a time. Each sum is that of [Metric.Distance], term by term, so it is the same to the last bit; but
// a processor adds to four sums in the time in which it would wait for one: classifying by 600 examples takes 0.2 ms of CPU time
// instead of 0.4 (BenchmarkClassify).
func (m Metric) distances(query []float32, vectors [][]float32) []float64 {
	distances := make([]float64, len(vectors))
	measured := 0
	for ; measured+4 <= len(vectors) && len(query) > 0; measured += 4 {
		for i, sum := range m.sums([4][]float32(vectors[measured:measured+4]), query) {
			if sum == sum {
				distances[measured+i] = m.whole(sum, len(query))
			} else { // a gap
				distances[measured+i] = m.Distance(query, vectors[measured+i])
			}
		}
	}
	for ; measured < len(vectors); measured++ {
		distances[measured] = m.Distance(query, vectors[measured])
	}
	return distances
}

// sums returns the sum over the features ([Metric.part]) for each of four vectors of the query's length; NaN if it has a gap.
func (m Metric) sums(vectors [4][]float32, query []float32) (sums [4]float64) {
	a, b, c, d := vectors[0][:len(query)], vectors[1][:len(query)], vectors[2][:len(query)], vectors[3][:len(query)]
	var sumA, sumB, sumC, sumD float64
	if m == Euclidean {
		for i, v := range query {
			sumA += squared(v, a[i])
			sumB += squared(v, b[i])
			sumC += squared(v, c[i])
			sumD += squared(v, d[i])
		}
	} else {
		for i, v := range query {
			sumA += absolute(v, a[i])
			sumB += absolute(v, b[i])
			sumC += absolute(v, c[i])
			sumD += absolute(v, d[i])
		}
	}
	return [4]float64{sumA, sumB, sumC, sumD}
}
