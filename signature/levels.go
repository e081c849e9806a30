package signature

import (
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// LevelsOf returns the level curve of an episode's channel: in each slice, the values sorted from the greatest to the least. It
// shows how high the values are and for how much of the slice, but not when. In hydrology this is the duration curve (Vogel and
// Fennessey, 1994), applied to each slice. values has points.Total() values; the result is new.
//
// If m of a slice's n values are no gaps, point k has the value at index floor((2k+1)m / 2n) of the m sorted ones, so that it is
// exceeded for the same part of the known time. If m = 0, all points are gaps.
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
