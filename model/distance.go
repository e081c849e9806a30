package model

import (
	"fmt"
	"math"

	"github.com/viterin/vek/vek32"
)

// A Metric says how far apart two vectors are. With S the features that both have, |S| of them:
//
//	manhattan   Σ|x-y| / |S|
//	euclidean   sqrt(Σ(x-y)² / |S|)
//
// Both are per feature, so that a distance over few features compares with one over all. With gaps the second is
// scikit-learn's nan_euclidean_distances, but for the constant sqrt(dimension).
type Metric string

// The metrics.
const (
	Manhattan Metric = "manhattan"
	Euclidean Metric = "euclidean"
)

// ParseMetric accepts the name of a metric.
func ParseMetric(text string) (Metric, error) {
	switch m := Metric(text); m {
	case Manhattan, Euclidean:
		return m, nil
	}
	return "", fmt.Errorf("metric %q is neither %s nor %s", text, Manhattan, Euclidean)
}

// Distance is how far apart x and y are, summed in float64 from the first feature to the last. It is +Inf where they have no
// feature in common. Features beyond the shorter of the two are gaps.
func (m Metric) Distance(x, y []float32) float64 {
	sum, n := 0.0, 0
	y = y[:min(len(x), len(y))]
	for i, b := range y {
		part := m.part(x[i], b)
		if part == part {
			sum += part
			n++
		}
	}
	if n == 0 {
		return math.Inf(1)
	}
	return m.whole(sum, n)
}

// part is what one feature adds; NaN where either is a gap.
func (m Metric) part(a, b float32) float64 {
	d := float64(a) - float64(b)
	if m == Euclidean {
		return float64(d * d)
	}
	return math.Abs(d)
}

// whole is the distance that n features add up to.
func (m Metric) whole(sum float64, n int) float64 {
	if m == Euclidean {
		return math.Sqrt(sum / float64(n))
	}
	return sum / float64(n)
}

// sketch is a quick float32 figure that grows with the distance of two vectors without gaps: the plain sum, or its root.
func (m Metric) sketch() func(x, y []float32) float32 {
	if m == Euclidean {
		return vek32.Distance
	}
	return vek32.ManhattanDistance
}

// slowSketch is the same figure by way of float64, +Inf where no float32 can hold it.
func (m Metric) slowSketch(x, y []float32) float32 {
	n := float64(len(x))
	if m == Euclidean {
		n = math.Sqrt(n)
	}
	return float32(m.Distance(x, y) * n)
}

// slack bounds how wrong sketches of so many features can be: where the true figures of two vectors are a <= b, their sketches
// are s(a) <= s(b)*slack. A float32 sum of n terms that are not negative is within n*u of itself (u = 2^-24, N. Higham,
// Accuracy and Stability of Numerical Algorithms, 4.2), whatever its order; each term is within 3u, a root adds one.
func slack(features int) float32 {
	e := float64(features+8) * (1.0 / (1 << 24))
	return float32((1+e)/(1-e)) * (1 + 1.0/(1<<22))
}

// faint is below what squares may lose by underflow, as a distance.
const faint = 1e-15
