package model

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// An Index finds the nearest of many vectors, exactly: it looks at all of them. A first pass in float32 with SIMD leaves those that
// could be among the nearest, given how wrong float32 sums can be; these are measured anew by [Metric.Distance] in float64.
// So the answer is that of a loop in float64, at the speed of memory.
type Index struct {
	metric  Metric
	dim     int
	rows    []float32 // those without gaps, one after the other
	numbers []int32   // which of the vectors these are
	gappy   []int32   // the vectors with gaps: measured by float64 alone
	vectors [][]float32
}

// A Neighbour is a vector of an index: its number, from 0, and its distance.
type Neighbour struct {
	Number   int
	Distance float64
}

// NewIndex makes an index of vectors, which must have one length, at least 1. It copies those without gaps and keeps the others.
func NewIndex(metric Metric, vectors [][]float32) (*Index, error) {
	x := &Index{metric: metric}
	if len(vectors) > 0 {
		x.dim = len(vectors[0])
	}
	full := 0
	for i, v := range vectors {
		if len(v) != x.dim || x.dim == 0 {
			return nil, fmt.Errorf("index vectors: number %d has %d features, the first has %d; all must have the same, at least 1", i, len(v), x.dim)
		}
		if whole(v) {
			full++
		}
	}
	x.rows, x.numbers, x.vectors = make([]float32, 0, full*x.dim), make([]int32, 0, full), make([][]float32, len(vectors))
	for i, v := range vectors {
		if whole(v) {
			x.rows = append(x.rows, v...)
			x.numbers = append(x.numbers, int32(i))
			v = x.rows[len(x.rows)-x.dim:]
		} else {
			x.gappy = append(x.gappy, int32(i))
		}
		x.vectors[i] = v
	}
	return x, nil
}

// whole tells whether a vector has no gaps and no infinities, of which sketches could tell nothing.
func whole(v []float32) bool {
	for _, f := range v {
		if f-f != 0 {
			return false
		}
	}
	return true
}

// Len is the number of vectors.
func (x *Index) Len() int { return len(x.vectors) }

// Nearest returns the k nearest vectors, or all where there are fewer: the nearest first, of equally near ones the one of lower
// number. It is an error if the query has another length than the vectors, or if k is below 1.
func (x *Index) Nearest(query []float32, k int) ([]Neighbour, error) {
	all, err := x.NearestOfEach([][]float32{query}, k)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// NearestOfEach does the same for many queries in one pass over the vectors, on all cores.
func (x *Index) NearestOfEach(queries [][]float32, k int) ([][]Neighbour, error) {
	if k < 1 {
		return nil, fmt.Errorf("find the nearest: k is %d, it must be at least 1", k)
	}
	for i, q := range queries {
		if len(q) != x.dim && x.Len() > 0 {
			return nil, fmt.Errorf("find the nearest: query %d has %d features, the vectors have %d", i, len(q), x.dim)
		}
	}
	k = min(k, x.Len())
	found := make([][]Neighbour, len(queries))
	var quick []int // queries without gaps
	for i, q := range queries {
		if whole(q) {
			quick = append(quick, i)
			continue
		}
		for n := range x.vectors {
			found[i] = append(found[i], x.neighbour(q, n))
		}
	}
	for _, part := range x.screenAll(queries, quick, k) {
		for j, i := range quick {
			for _, n := range part[j].standing() {
				found[i] = append(found[i], x.neighbour(queries[i], int(x.numbers[n])))
			}
		}
	}
	for _, i := range quick {
		for _, n := range x.gappy {
			found[i] = append(found[i], x.neighbour(queries[i], int(n)))
		}
	}
	for i, f := range found {
		slices.SortFunc(f, func(a, b Neighbour) int {
			return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.Number, b.Number))
		})
		found[i] = slices.Clip(f[:k])
	}
	return found, nil
}

func (x *Index) neighbour(query []float32, number int) Neighbour {
	return Neighbour{number, x.metric.Distance(query, x.vectors[number])}
}

const (
	// blockRows rows are held against every query before the next ones: they and one query lie in the first-level cache.
	blockRows = 16
	// fewRows are looked at by one goroutine.
	fewRows = 4096
)

// screenAll passes over the rows on all cores and returns each part's screens, one a query.
func (x *Index) screenAll(queries [][]float32, quick []int, k int) [][]screen {
	rows := len(x.numbers)
	parts := min(runtime.GOMAXPROCS(0), (rows+fewRows-1)/fewRows)
	if parts == 0 || len(quick) == 0 {
		return nil
	}
	screens := make([][]screen, parts)
	pass := func(part int) {
		own := make([]screen, len(quick))
		for j := range own {
			own[j] = newScreen(k, slack(x.dim))
		}
		end := (part + 1) * rows / parts
		for from := part * rows / parts; from < end; from += blockRows {
			for j, i := range quick {
				x.screen(&own[j], queries[i], from, min(from+blockRows, end))
			}
		}
		screens[part] = own
	}
	var others sync.WaitGroup
	for part := 1; part < parts; part++ {
		others.Go(func() { pass(part) })
	}
	pass(0)
	others.Wait()
	return screens
}

// screen shows the rows from..end to a query's screen.
func (x *Index) screen(s *screen, query []float32, from, end int) {
	sketch := x.metric.sketch()
	for n := from; n < end; n++ {
		row := x.rows[n*x.dim : (n+1)*x.dim]
		about := sketch(row, query)
		if about-about != 0 { // it overflowed, or its root was lost to a number too small to be normal
			about = x.metric.slowSketch(row, query)
		}
		if about <= s.limit {
			s.take(int32(n), about)
		}
	}
}
