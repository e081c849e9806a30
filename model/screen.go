package model

import "math"

// A screen keeps the rows that could be among the k nearest, by their sketches. What it lets go is farther than k others.
type screen struct {
	slack float32
	limit float32    // no row with a greater sketch can be among the k nearest
	least []float32  // the k smallest sketches, a heap with the greatest on top
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
		s.least = append(s.least, about)
		s.up(len(s.least) - 1)
	} else if about < s.least[0] {
		s.least[0] = about
		s.down()
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

func (s *screen) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if s.least[parent] >= s.least[i] {
			return
		}
		s.least[parent], s.least[i] = s.least[i], s.least[parent]
		i = parent
	}
}

func (s *screen) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < len(s.least) && s.least[child+1] > s.least[child] {
			child++
		}
		if child >= len(s.least) || s.least[child] <= s.least[i] {
			return
		}
		s.least[i], s.least[child] = s.least[child], s.least[i]
		i = child
	}
}
