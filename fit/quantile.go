package fit

import "math"

// A column has the finite values of one grid point as keys, which have the order of the values. -0 and 0 are equal, but the key
// of -0 is lower, so no result depends on the order of the input. Before median and quantile, the column must be sorted, or
// [column.selectQuartiles] called.
type column []uint64

const signBit = 1 << 63

// keyOf maps a float64 that is not NaN to an integer with the same order: the sign bit of positive values is set, all bits of
// negative values are inverted.
func keyOf(v float64) uint64 {
	b := math.Float64bits(v)
	return b ^ (uint64(int64(b)>>63) | signBit)
}

// at returns the value at index i.
func (c column) at(i int) float64 {
	k := c[i]
	return math.Float64frombits(k ^ (uint64(int64(^k)>>63) | signBit))
}

// median returns the middle value, or fl(fl(a+b)/2) of the two in the middle, as numpy.median does; NaN if there are no values.
func (c column) median() float64 {
	m := len(c)
	switch {
	case m == 0:
		return math.NaN()
	case m%2 == 1:
		return c.at(m / 2)
	}
	return (c.at(m/2-1) + c.at(m/2)) / 2
}

// quantile returns the quantile q, 0 <= q <= 1, by linear interpolation between the values next to the virtual index vi =
// fl((m-1)*q), as numpy.quantile does by default. If vi >= m-1 it is the last value. Else let i = floor(vi), g = fl(vi-i), a and
// b the values at i and i+1, and d = fl(b-a):
//
//	fl(a + fl(d*g))      g < 0.5
//	fl(b - fl(d*fl(1-g)))  otherwise
//
// It is NaN if there are no values.
func (c column) quantile(q float64) float64 {
	m := len(c)
	if m == 0 {
		return math.NaN()
	}
	i, g := virtualIndex(m, q)
	if i >= m-1 {
		return c.at(m - 1)
	}
	a, b := c.at(i), c.at(i+1)
	d := b - a
	if g < 0.5 {
		return a + float64(d*g)
	}
	return b - float64(d*(1-g))
}

// virtualIndex returns floor(vi) and fl(vi - floor(vi)) of vi = fl((m-1)*q).
func virtualIndex(m int, q float64) (i int, g float64) {
	vi := float64(float64(m-1) * q)
	i = int(vi)
	return i, vi - float64(i)
}
