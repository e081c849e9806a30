package signature

import (
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// LevelsOf returns an episode's level curve of one channel: slice by slice the values sorted from the greatest to the least. So what
// counts is how high and for how much of the slice a channel is active, not at which moment. It is the duration curve of hydrology
// (Vogel and Fennessey, 1994) on each slice.
//
// Where m of a slice's n values are no gaps, point k holds the one at index floor((2k+1)m / 2n) of the sorted m: the value that is
// exceeded for the same part of what is known. m = 0: gaps.
func LevelsOf(values []float64, points fit.Points) []float64 {
	levels := make([]float64, points.Total())
	for _, span := range points.Spans() {
		known := make([]float64, 0, span.Points)
		for _, v := range values[span.Start : span.Start+span.Points] {
			if finite(v) {
				known = append(known, v)
			}
		}
		sorted(known)
		slices.Reverse(known)
		for k := range span.Points {
			level := math.NaN()
			if m := len(known); m > 0 {
				level = known[(2*k+1)*m/(2*span.Points)]
			}
			levels[span.Start+k] = level
		}
	}
	return levels
}
