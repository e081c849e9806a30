package fit

import "math"

const (
	lowerQuartile = 0.25
	upperQuartile = 0.75
)

// Band has the pointwise median and quartiles of a set of curves. The slices have one value for each point and belong to the
// caller.
type Band struct {
	Median, P25, P75 []float64 // NaN if no curve has a value there
	N                []int     // how many curves have a value there
}

// blockColumns is how many grid points are gathered in one pass over the curves: the float64 of two cache lines, which processors
// load together.
const blockColumns = 16

// Reduce returns the band of the curves with the given number of points. Gaps and infinities are left out. A shorter curve has
// gaps at its end; the further points of a longer one are ignored. The order of the curves does not matter. They are neither
// changed nor kept.
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
			c.selectQuartiles()
			at := start + k
			band.Median[at] = c.median()
			band.P25[at] = c.quantile(lowerQuartile)
			band.P75[at] = c.quantile(upperQuartile)
			band.N[at] = len(c)
		}
	}
	return band
}

// gatherBlock puts the finite values of the curves at the points start to start+width-1 into the columns, and returns how many
// each column has.
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
