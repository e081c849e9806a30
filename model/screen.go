package model

import (
	"container/heap"
	"math"
)

// A screen keeps the rows that could be among the k nearest, by their sketches. What it lets go is farther than k others.
type screen struct {
	slack float32
	limit float32    // no row with a greater sketch can be among the k nearest
	least greatest   // the k smallest sketches
	seen  []sketched // rows below the limit as it was when they were seen
	full  int        // how many seen are looked through again
	k     int
}

type sketched struct {
	row   int32
	about float32
}

func newScreen(k int, slack float32) screen {
	return screen{k: k, slack: slack, limit: float32(math.Inf(1)), full: 2*k + 1024}
}

// take keeps a row whose sketch is not above the limit.
func (s *screen) take(row int32, about float32) {
	s.seen = append(s.seen, sketched{row, about})
	if len(s.least) < s.k {
		heap.Push(&s.least, about)
	} else if about < s.least[0] {
		s.least[0] = about
		heap.Fix(&s.least, 0)
	}
	if len(s.least) == s.k {
		s.limit = s.least[0]*s.slack + faint
	}
	if len(s.seen) > s.full {
		s.prune()
		s.full = max(s.full, 2*len(s.seen)) // equal rows all stay
	}
}

// prune lets go of rows that the limit has passed by since.
func (s *screen) prune() {
	kept := s.seen[:0]
	for _, e := range s.seen {
		if e.about <= s.limit {
			kept = append(kept, e)
		}
	}
	s.seen = kept
}

// standing returns the rows that are left.
func (s *screen) standing() []int32 {
	s.prune()
	rows := make([]int32, len(s.seen))
	for i, e := range s.seen {
		rows[i] = e.row
	}
	return rows
}

// greatest is a heap that has the greatest on top; see container/heap.
type greatest []float32

func (g greatest) Len() int           { return len(g) }
func (g greatest) Less(i, j int) bool { return g[i] > g[j] }
func (g greatest) Swap(i, j int)      { g[i], g[j] = g[j], g[i] }
func (g *greatest) Push(x any)        { *g = append(*g, x.(float32)) }
func (g *greatest) Pop() any          { panic("model: nothing is ever taken from the heap") }
