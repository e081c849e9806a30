// Package fit owns the numbers: from the phases and the channel of an episode to a [Curve], from many curves to an [Envelope],
// and the rule that says which episodes an envelope is made of.
//
//	Spec     what is fitted: profiles, target, seed, point counts; its Generation
//	Align    one episode: Walk and Series to a Curve, slice by slice
//	Rank     an episode's place in the drawing
//	Signature an episode in several channels
//	Entry    what is known of one episode; Join merges two states of it
//	Sample   the entries of one profile: threshold, members, digest
//	Reduce   curves to a Band: pointwise median and quartiles
//	Envelope a band with what it was made of; Normalised for display
//	Choice   the drawing of numpy.random.Generator.choice, for comparison with the Python program
//
// The package computes and does nothing else: no input or output, clock, randomness, goroutine or global that changes. Functions
// are pure and may be called concurrently; inputs are never reordered or kept unless their comment says so. A [Sample] is the one
// type that changes and is not safe for concurrent use.
//
// # Arithmetic
//
// Results are equal to the last bit on every machine and equal to those of numpy on x86-64. Everything is float64 until a cast to
// float32 that comes last. In comments fl(…) is one IEEE 754 rounding to nearest even. The language lets a compiler fuse x*y + z into
// one rounding (arm64 does), so each product that feeds a sum is written float64(x*y) + z, which the language defines to round.
//
// A gap, a point without data, is NaN in memory and null in JSON.
package fit

// codeVersion is part of every [Generation]. It must be raised whenever a golden changes: then workers of the new code never mix
// their curves with those of the old.
const codeVersion = 2
