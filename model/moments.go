package model

// moments are the number, the mean and the scatter sum (x-mean)(x-mean)' of vectors without gaps.
type moments struct {
	n       int
	mean    []float64
	scatter lower
}

// momentsOf returns the moments of vectors, which are added in their order.
func momentsOf(vectors [][]float32, dim int) moments {
	m := moments{len(vectors), make([]float64, dim), newLower(dim)}
	for _, v := range vectors {
		for f, x := range v {
			m.mean[f] += float64(x)
		}
	}
	divide(m.mean, m.n)
	d := make([]float64, dim)
	for _, v := range vectors {
		for f, x := range v {
			d[f] = float64(x) - m.mean[f]
		}
		m.scatter.addSquare(1, d)
	}
	return m
}

// join returns the moments of all vectors of the parts together: the scatter within the parts and that of their means.
func join(parts []moments, dim int) moments {
	m := moments{0, make([]float64, dim), newLower(dim)}
	for _, part := range parts {
		m.n += part.n
		for f, x := range part.mean {
			m.mean[f] += float64(float64(part.n) * x)
		}
	}
	divide(m.mean, m.n)
	d := make([]float64, dim)
	for _, part := range parts {
		for f, x := range part.mean {
			d[f] = x - m.mean[f]
		}
		m.scatter.add(part.scatter)
		m.scatter.addSquare(float64(part.n), d)
	}
	return m
}

// without returns the moments without one of the vectors, in time that does not grow with their number. There must be another one.
//
//	mean - (x-mean)/(n-1)        scatter - n/(n-1) (x-mean)(x-mean)'
func (m moments) without(x []float32) moments {
	r := moments{m.n - 1, make([]float64, len(m.mean)), newLower(len(m.mean))}
	d := difference(x, m.mean)
	for f, mean := range m.mean {
		r.mean[f] = mean - d[f]/float64(r.n)
	}
	r.scatter.add(m.scatter)
	r.scatter.addSquare(-float64(m.n)/float64(r.n), d)
	return r
}

func divide(sums []float64, n int) {
	if n == 0 {
		return
	}
	for f := range sums {
		sums[f] /= float64(n)
	}
}

// restricted returns the moments of some features.
func (m moments) restricted(kept []int) moments {
	r := moments{m.n, make([]float64, len(kept)), m.scatter.restricted(kept)}
	for i, f := range kept {
		r.mean[i] = m.mean[f]
	}
	return r
}
