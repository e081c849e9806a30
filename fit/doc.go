// Package fit computes envelopes: it turns the phases and the channel of an episode into a [Curve], and many curves into an
// [Envelope], and it decides which episodes an envelope is made of. docs/NUMERICS.md has all rules.
//
//	Spec       what is fitted: profiles, target, seed, points; its Generation
//	Align      turns the Walk and the Series of one episode into a Curve, slice by slice
//	Rank       an episode's position in the random order of sampling
//	Signature  one episode in several channels
//	Entry      what is stored about one episode: a curve, a Reason, or a retraction; Join merges two entries
//	Sample     the entries of one profile: threshold, members, digest
//	Reduce     turns curves into a Band: pointwise median and quartiles (reduce.go, quantile.go)
//	Envelope   a band and the numbers of its sample; Normalised for display
//	Choice     draws as numpy.random.Generator.choice, for comparison with the Python program
//
// There is no input, output, clock, randomness, goroutine or changing global. Functions are pure and may be called concurrently;
// inputs are neither reordered nor kept unless their comment says so. A [Sample] is the only type that changes, and is not safe
// for concurrent use.
//
// # Arithmetic
//
// Results are equal to the last bit on every machine, and to those of numpy on x86-64. All values are float64; a conversion to
// float32 comes last. In comments, fl(…) is one IEEE 754 rounding to nearest even. Go allows a compiler to compute x*y + z with
// one rounding (on arm64 it does), so a product in a sum is written float64(x*y) + z, for which Go requires two.
//
// A gap, a point without data, is NaN in memory and null in JSON.
package fit

// codeVersion is part of every [Generation]. Raise it if a golden changes, so that curves of the new code are never mixed with
// those of the old code.
const codeVersion = 2
