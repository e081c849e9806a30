package model

import "math"

// priorSpread is t: the standard deviation that hosts add to each feature, beside the scatter of the examples. A feature is the
// logarithm of a rate, so a host that no example has may differ by half.
var priorSpread = math.Log(1.5)

// A space measures how far vectors are from each other. With the pooled scatter S of the classes and the prior t:
//
//	L L' = S + t² I        S = Σ (x-m_c)(x-m_c)' / (n-K)
//	d² = r' (S + t² I)^-1 r / p = |L^-1 r|² / p
//
// for a difference r of vectors of p features. S is 0 if n, the number of vectors, is not above K, the number of classes. For
// the features [Reference] L is I.
type space struct{ l lower }

// newSpace makes the space of vectors with these features. parts are the moments of the classes, which are added in their order.
func newSpace(features Features, parts []moments, dim int) space {
	if features == Reference {
		return space{newLower(dim).covariance(0, 1)}
	}
	within, n, classes := newLower(dim), 0, 0
	for _, part := range parts {
		if part.n > 0 {
			within.add(part.scatter)
			n += part.n
			classes++
		}
	}
	return space{within.covariance(float64(n-classes), priorSpread).cholesky()}
}

// whiten returns L^-1 x. Distances between whitened vectors are Euclidean.
func (s space) whiten(x []float64) []float64 { return s.l.solve(x) }

// length returns the d of a difference.
func (s space) length(difference []float64) float64 {
	sum := 0.0
	for _, z := range s.whiten(difference) {
		sum += float64(z * z)
	}
	return math.Sqrt(sum / float64(len(difference)))
}

// parts returns the part of each feature in d² of a difference r: r_f ((S + t² I)^-1 r)_f / p. They add up to d².
func (s space) parts(difference []float64) []float64 {
	parts := s.l.solveTransposed(s.whiten(difference))
	for f, r := range difference {
		parts[f] = float64(parts[f]*r) / float64(len(difference))
	}
	return parts
}

// difference returns x - mean.
func difference(x []float32, mean []float64) []float64 {
	d := make([]float64, len(x))
	for f, v := range x {
		d[f] = float64(v) - mean[f]
	}
	return d
}
