package signature

import (
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// Band describes the values of a sample at each point. Its slices have one value for each point.
type Band struct {
	Median Row `json:"median"` // by the envelope's rules (fit.Reduce); NaN if no episode has a value
	P25    Row `json:"p25"`
	P75    Row `json:"p75"`
	Mean   Row `json:"mean"` // the sum of the values, from the least to the greatest, divided by their number
	// Low and High bound the median of all episodes that could be in the sample, with a probability of at least [Confidence]
	// ([MedianInterval]); NaN if fewer than six episodes have a value.
	Low  Row   `json:"low"`
	High Row   `json:"high"`
	N    []int `json:"n"` // episodes that have a value there
}

// BandOf returns the band of rows with the given number of points. Gaps and infinities are left out; a shorter row has gaps at
// its end. The slices belong to the caller.
func BandOf(rows [][]float64, points int) Band {
	curves := make([]fit.Curve, len(rows))
	for i, row := range rows {
		curves[i] = row
	}
	reduced := fit.Reduce(curves, points)
	b := Band{Median: reduced.Median, P25: reduced.P25, P75: reduced.P75, N: reduced.N,
		Mean: make(Row, points), Low: make(Row, points), High: make(Row, points)}
	for at := range points {
		column := columnOf(rows, at)
		b.Mean[at] = mean(column)
		b.Low[at], b.High[at] = math.NaN(), math.NaN()
		if lower, _ := MedianInterval(len(column)); lower > 0 {
			b.Low[at], b.High[at] = column[lower-1], column[len(column)-lower]
		}
	}
	return b
}

// columnOf returns the finite values of the rows at a point, from the least to the greatest.
func columnOf(rows [][]float64, at int) []float64 {
	column := make([]float64, 0, len(rows))
	for _, row := range rows {
		if at < len(row) && finite(row[at]) {
			column = append(column, row[at])
		}
	}
	return sorted(column)
}

// sorted sorts values in place and returns them. -0 becomes 0: they are equal, so sorting alone would leave them in the order of
// the input.
func sorted(values []float64) []float64 {
	for i, v := range values {
		if v == 0 {
			values[i] = 0
		}
	}
	slices.Sort(values)
	return values
}

func finite(v float64) bool { return math.Abs(v) <= math.MaxFloat64 }

// mean returns the mean of sorted values; NaN if there is no value.
func mean(sorted []float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, v := range sorted {
		sum += v
	}
	return sum / float64(len(sorted))
}

// median sorts the values in place and returns their median: the middle one, or fl(fl(a+b)/2) of the two in the middle; NaN if
// there is no value.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	sorted(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

// Confidence is the least coverage of [MedianInterval].
const Confidence = 0.95

// MedianInterval returns which two of n independent values bound the median of their distribution: the lower-th least and the
// lower-th greatest, where lower is the largest number whose coverage is at least [Confidence],
//
//	coverage = P(lower <= B <= n-lower) = Σ_{j=lower}^{n-lower} C(n,j)/2^n    B binomial(n, 1/2)
//
// It is exact for every continuous distribution; if values are equal, the coverage is higher. For n = 100 they are the 40th and
// the 61st value, with 0.9648. Below n = 6 there is no such pair: lower is 0 and coverage NaN. (Conover, Practical Nonparametric
// Statistics, 3.2.)
func MedianInterval(n int) (lower int, coverage float64) {
	if n < 1 {
		return 0, math.NaN()
	}
	// Begin in the middle: p = C(n, n/2)/2^n as a product. Each further term follows from the ratio to the one before.
	low := n / 2
	p := 1.0
	for i := 1; i <= low; i++ {
		p *= float64(2*i-1) / float64(2*i)
	}
	if n%2 == 1 {
		p *= float64(n) / float64(n+1)
	}
	pair := 2 * p // of a term on each side
	sum := p
	if n%2 == 1 {
		sum = pair
	}
	for low > 0 && sum < Confidence {
		pair = float64(pair * (float64(low) / float64(n-low+1)))
		low--
		sum += pair
	}
	if low == 0 {
		return 0, math.NaN()
	}
	return low, sum
}
