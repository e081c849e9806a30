// Package model classifies episodes: from the signature of an episode it decides which profile the episode has, and it measures
// how often such an answer is right. docs/MODEL.md explains the methods.
//
//	layout.go     the vectors of a model; feature.go: how they are made of a signature
//	moments.go    number, mean and scatter of vectors; cholesky.go: triangular matrices
//	space.go      the distance of two vectors, given the scatter of the examples and a prior on hosts
//	class.go      the examples of one profile, by host
//	limit.go      the distances beyond which an episode does not have a profile
//	model.go      a Model: examples of profiles
//	verdict.go    classifies by the nearest mean or by the k nearest neighbours, or as none of these; part.go: what decided, and what is too far
//	neighbour.go  the k nearest of many vectors; batch.go: of many queries at once
//	labels.go     finds episodes with a wrong label
//	evaluate.go   measures how often a model is right about episodes that are not its examples
//	sampled.go    the models of the members of samples, as workers and fits make and measure them
//	latency.go    how long a classification takes
//
// There is no input, output, clock or randomness. Results do not depend on the order of the examples: each sum is of sorted
// terms, without fused products, so it is equal on all machines. A [Model] never changes once made, and may be used concurrently.
// Vectors that are passed in are kept and must not be changed.
//
// A gap, a feature without data, is NaN.
package model
