package fit

import (
	"fmt"
	"slices"
)

// Points has the number of points of each of the five slices, in the order of the curve. A slice of 0 points is left out of the
// curve; infected_running must have two at least. The zero value is not valid.
type Points struct {
	CleanLead       int `json:"clean_lead"`
	Armed           int `json:"armed"`
	Infecting       int `json:"infecting"`
	InfectedRunning int `json:"infected_running"`
	CleanTail       int `json:"clean_tail"`
}

// The five slices of a curve, in order.
const (
	SliceCleanLead       = "clean_lead"
	SliceArmed           = "armed"
	SliceInfecting       = "infecting"
	SliceInfectedRunning = "infected_running"
	SliceCleanTail       = "clean_tail"
)

const (
	sliceCount = 5
	running    = 3 // the index of infected_running
	// maxPoints bounds the points of a curve, and so the memory that a spec can ask for. (The server's message limit is lower: at
	// its default of 1 MiB it allows some 7,000 points, see [Spec.MessageBytes].)
	maxPoints = 100_000
)

// DefaultPoints returns 10/5/10/40/15: the 80 points of the Python program.
func DefaultPoints() Points {
	return Points{CleanLead: 10, Armed: 5, Infecting: 10, InfectedRunning: 40, CleanTail: 15}
}

// ScalePoints divides n points among the slices in the proportions of [DefaultPoints], by the largest-remainder method: slice i
// of weight w[i] gets floor(w[i]*n/80), and each remaining point goes to the slice with the largest remainder, on a tie to the
// earlier one. Then each empty slice takes one point from the slice that has most, on a tie from the earlier one. It is an error
// if n is below 5, the number of slices, or above 100,000.
func ScalePoints(n int) (Points, error) {
	if n < sliceCount || n > maxPoints {
		return Points{}, fmt.Errorf("scale points: %d is not from %d to %d", n, sliceCount, maxPoints)
	}
	weights := DefaultPoints().Counts()
	total := DefaultPoints().Total()

	var counts, remainders [sliceCount]int
	left := n
	for i, w := range weights {
		counts[i], remainders[i] = w*n/total, w*n%total
		left -= counts[i]
	}
	for ; left > 0; left-- {
		i := largest(remainders)
		counts[i]++
		remainders[i] = -1
	}
	for i := range counts {
		if counts[i] == 0 {
			counts[largest(counts)]--
			counts[i] = 1
		}
	}
	return pointsOf(counts), nil
}

// largest returns the index of the largest value, the first on a tie.
func largest(values [sliceCount]int) int {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return best
}

func pointsOf(c [sliceCount]int) Points {
	return Points{CleanLead: c[0], Armed: c[1], Infecting: c[2], InfectedRunning: c[3], CleanTail: c[4]}
}

// Counts returns the five counts in the order of the curve.
func (p Points) Counts() [5]int {
	return [5]int{p.CleanLead, p.Armed, p.Infecting, p.InfectedRunning, p.CleanTail}
}

// Total returns the number of points of a curve.
func (p Points) Total() int {
	total := 0
	for _, n := range p.Counts() {
		total += n
	}
	return total
}

// A Span is the part of a curve that one slice fills: the points Start to Start+Points-1.
type Span struct {
	Name   string `json:"name"`
	Start  int    `json:"start"`
	Points int    `json:"points"`
}

// Spans returns the spans of the five slices. That of a slice which is left out has no points.
func (p Points) Spans() [5]Span {
	names := sliceNames()
	var spans [5]Span
	start := 0
	for i, n := range p.Counts() {
		spans[i] = Span{Name: names[i], Start: start, Points: n}
		start += n
	}
	return spans
}

// FilledSpans returns the spans of the slices that are not left out.
func (p Points) FilledSpans() []Span {
	spans := p.Spans()
	return slices.DeleteFunc(spans[:], func(s Span) bool { return s.Points == 0 })
}

func sliceNames() [sliceCount]string {
	return [sliceCount]string{SliceCleanLead, SliceArmed, SliceInfecting, SliceInfectedRunning, SliceCleanTail}
}

// check returns an error that names the first count out of range, or the total if that is above 100,000. infected_running has 2
// points at least, except that the five points of [ScalePoints] are one for each slice.
func (p Points) check(field string) error {
	names := sliceNames()
	fewest := [sliceCount]int{running: 2}
	if p == (Points{1, 1, 1, 1, 1}) {
		fewest[running] = 1
	}
	total := 0
	for i, n := range p.Counts() {
		if n < fewest[i] || n > maxPoints {
			return &fieldError{field + "." + names[i], fmt.Errorf("%d is not from %d to %d", n, fewest[i], maxPoints)}
		}
		total += n
	}
	if total > maxPoints {
		return &fieldError{field, fmt.Errorf("%d points in all are above %d", total, maxPoints)}
	}
	return nil
}
