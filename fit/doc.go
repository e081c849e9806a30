// Package fit computes envelopes: it turns the phases and the channel of an episode into a [Curve], and many curves into an
// [Envelope], and it decides which episodes an envelope is made of. docs/NUMERICS.md has all rules.
//
// A fit:
//
//	spec.go        the Spec: profiles, target, seed, points; specyaml.go: reads it from YAML
//	generation.go  the id of a spec at work, a hash of all that curves depend on
//	format.go      the part of a spec that says how archives are written; formatcheck.go: what is valid; formatyaml.go: reads it
//	               from YAML; channel.go: counters, gauges and units
//
// From an episode to a curve:
//
//	points.go      how many points each slice has
//	walk.go        the phases of an episode, and the time of each slice
//	align.go       Align: the Series of an episode, slice by slice, into a Curve (curve.go)
//	resample.go    values on the points of a slice, linear; mean.go: conservative
//	signature.go   the same for several channels: the Signature of one episode
//	reason.go      why an episode has no curve; quality.go: what is wrong with a recording that gives one
//
// Which episodes an envelope is made of:
//
//	rank.go        an episode's place in the random order of sampling
//	entry.go       the stored state of one episode, and Join of two; entryjson.go: its JSON
//	sample.go      the entries of one profile: members, reserve, threshold, digest
//	choice.go      draws as numpy.random.Generator.choice, to compare with the Python program
//
// From curves to an envelope:
//
//	reduce.go      pointwise median and quartiles of many curves: a Band
//	quantile.go    quantiles of the values of one point; select.go: finds them without sorting
//	envelope.go    a band and the numbers of its sample; Normalised: scaled to 0..1
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
const codeVersion = 4
