package model

import (
	"fmt"
	"math"
)

// A Metric defines the distance of two vectors x and y. S is the set of the |S| features that both have:
//
//	manhattan   Σ|x-y| / |S|
//	euclidean   sqrt(Σ(x-y)² / |S|)
//
// Both are per feature, so a distance over few features can be compared with one over all. Euclidean is scikit-learn's
// nan_euclidean_distances divided by the root of the dimension.
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

// Distance returns the distance of x and y, summed in float64 from the first feature to the last. It is +Inf if they have no
// feature in common. If one is shorter, its missing features are gaps.
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

// part returns the summand of one feature; NaN if either value is a gap.
func (m Metric) part(a, b float32) float64 {
	if m == Euclidean {
		return squared(a, b)
	}
	return absolute(a, b)
}

func squared(a, b float32) float64 {
	d := float64(a) - float64(b)
	return float64(d * d)
}

func absolute(a, b float32) float64 { return math.Abs(float64(a) - float64(b)) }

// whole returns the distance for a sum over n features.
func (m Metric) whole(sum float64, n int) float64 {
	if m == Euclidean {
		return math.Sqrt(sum / float64(n))
	}
	return sum / float64(n)
}
