// Package signature computes the figures of a profile's sample that stand beside its envelope: activity at any time of a phase,
// how far the envelope can be trusted, and whether hosts differ. docs/SIGNATURES.md explains each figure and names its source.
//
//	Member    one episode of the sample
//	Of        makes a Summary of the members
//	Band      pointwise median, quartiles, mean, and the exact interval of the median
//	Levels    the values of a slice sorted, so that the time of a burst does not matter
//	Phase     bursts, total and share of one slice
//	Trust     the deepest episode, and those outside the functional boxplot
//	Hosts     an envelope for each host, and whether hosts differ
//	Snapshot  an envelope at a moment, kept to compare later ones with (drift.go): Due says when
//	          another is to be kept, Drift how far the envelope has moved since
//
// There is no input, output, clock or randomness. Functions are pure and may be called concurrently; inputs are neither changed
// nor kept. The order of the members does not matter: sums are taken in an order given by the values, so results are equal to the
// last bit. A gap is NaN in memory and null in JSON.
//
// The p-value of the test between hosts needs the incomplete gamma function, which is gonum's (mathext.GammaIncRegComp).
package signature
