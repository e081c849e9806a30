package model

import "math"

// A lower is the lower triangle of a square matrix, row by row: that of a symmetric matrix, or a triangular matrix. All sums in
// this file go from the first index to the last, and no product is fused with a sum (float64(x*y)). So every processor gets the
// same bits, which BLAS does not promise.
type lower struct {
	dim    int
	values []float64
}

func newLower(dim int) lower { return lower{dim, make([]float64, dim*(dim+1)/2)} }

// row returns the i+1 values of row i.
func (m lower) row(i int) []float64 { return m.values[i*(i+1)/2 : (i+1)*(i+2)/2] }

// add adds another matrix.
func (m lower) add(other lower) {
	for i, v := range other.values {
		m.values[i] += v
	}
}

// addSquare adds weight * d d'.
func (m lower) addSquare(weight float64, d []float64) {
	for i, a := range d {
		a = float64(weight * a)
		for j, b := range d[:i+1] {
			m.row(i)[j] += float64(a * b)
		}
	}
}

// covariance returns m / divisor + t² I; t² I if divisor is not above 0.
func (m lower) covariance(divisor, t float64) lower {
	c := newLower(m.dim)
	if divisor > 0 {
		for i, v := range m.values {
			c.values[i] = v / divisor
		}
	}
	for i := range m.dim {
		c.row(i)[i] += float64(t * t)
	}
	return c
}

// cholesky returns the L with L L' = m, which must be positive definite.
func (m lower) cholesky() lower {
	l := newLower(m.dim)
	for i := range m.dim {
		row := l.row(i)
		for j := range i + 1 {
			sum := m.row(i)[j]
			for k, v := range l.row(j)[:j] {
				sum -= float64(row[k] * v)
			}
			if i == j {
				row[j] = math.Sqrt(sum)
			} else {
				row[j] = sum / l.row(j)[j]
			}
		}
	}
	return l
}

// solve returns the z with m z = x, of a triangular m.
func (m lower) solve(x []float64) []float64 {
	z := make([]float64, m.dim)
	for i := range z {
		row, sum := m.row(i), x[i]
		for k, v := range z[:i] {
			sum -= float64(row[k] * v)
		}
		z[i] = sum / row[i]
	}
	return z
}

// solveTransposed returns the y with m' y = z, of a triangular m.
func (m lower) solveTransposed(z []float64) []float64 {
	y := make([]float64, m.dim)
	for i := m.dim - 1; i >= 0; i-- {
		sum := z[i]
		for k := i + 1; k < m.dim; k++ {
			sum -= float64(m.row(k)[i] * y[k])
		}
		y[i] = sum / m.row(i)[i]
	}
	return y
}

// restricted returns the rows and columns of the features that are kept.
func (m lower) restricted(kept []int) lower {
	r := newLower(len(kept))
	for i, from := range kept {
		for j, to := range kept[:i+1] {
			r.row(i)[j] = m.row(from)[to]
		}
	}
	return r
}
