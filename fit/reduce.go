package fit

import "math"

const (
	lowerQuartile = 0.25
	upperQuartile = 0.75
)

// Band is the pointwise median and quartiles of a set of curves. The four slices have one value for each point and belong to the
// caller.
type Band struct {
	Median, P25, P75 []float64 // NaN where no curve has a value
	N                []int     // how many curves have a value there
}

// blockColumns is how many grid points are gathered in one pass over the curves: as many float64 as two cache lines hold,
// which processors fetch together.
const blockColumns = 16

// Reduce returns the band of the curves over so many points. Gaps and infinities are left out; a shorter curve has gaps at its end,
// and what a longer one has beyond the points is not looked at. The result does not depend on the order of the curves, which are
// neither changed nor kept.
func Reduce(curves []Curve, points int) Band {
	band := Band{
		Median: make([]float64, points),
		P25:    make([]float64, points),
		P75:    make([]float64, points),
		N:      make([]int, points),
	}
	keys := make([]uint64, blockColumns*len(curves))
	for start := 0; start < points; start += blockColumns {
		width := min(blockColumns, points-start)
		var columns [blockColumns]column
		for k := range width {
			columns[k] = keys[k*len(curves) : (k+1)*len(curves)]
		}
		lengths := gatherBlock(&columns, curves, start, width)
		for k := range width {
			c := columns[k][:lengths[k]]
			c.place()
			at := start + k
			band.Median[at] = c.median()
			band.P25[at] = c.quantile(lowerQuartile)
			band.P75[at] = c.quantile(upperQuartile)
			band.N[at] = len(c)
		}
	}
	return band
}

// gatherBlock puts the finite values of the curves at the points start to start+width-1 into the columns, and returns how many there
// are of each.
func gatherBlock(columns *[blockColumns]column, curves []Curve, start, width int) (lengths [blockColumns]int) {
	for _, curve := range curves {
		if start >= len(curve) {
			continue
		}
		for k, v := range curve[start:min(start+width, len(curve))] {
			if math.Abs(v) <= math.MaxFloat64 { // finite
				columns[k][lengths[k]] = keyOf(v)
				lengths[k]++
			}
		}
	}
	return lengths
}
