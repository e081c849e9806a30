// Package signature computes the figures of a profile's sample besides its envelope: activity at any time of a phase,
// how far the envelope can be trusted, and whether hosts differ. docs/SIGNATURES.md explains each figure and names its source.
//
//	signature.go  Of makes a Summary of the members of a sample
//	band.go       pointwise median, quartiles, mean, and the exact interval of the median
//	levels.go     the values of a slice sorted, so that the time of a burst does not matter
//	phase.go      bursts, total and share of one slice
//	trust.go      the deepest episode, and those outside the functional boxplot
//	hosts.go      an envelope for each host, and whether hosts differ
//	drift.go      snapshots: Due says when to take one, Drift how far the envelope has moved
//	value.go      numbers whose JSON has null for a gap
//
// There is no input, output, clock or randomness. Functions are pure and may be called concurrently; inputs are neither changed
// nor kept. The order of the members does not matter: sums are taken in an order given by the values, so results are equal to the
// last bit. A gap is NaN in memory and null in JSON.
//
// The p-value of the test between hosts needs the incomplete gamma function, which is gonum's (mathext.GammaIncRegComp).
package signature
