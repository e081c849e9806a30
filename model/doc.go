// Package model classifies episodes: from the signature of an episode it decides which profile the episode has, and it measures
// how often such an answer is right. docs/MODEL.md explains the methods.
//
//	layout.go     the features of a vector; makes the vector of a signature
//	distance.go   the distance of two vectors, with gaps; neighbour.go: the k nearest of many
//	model.go      a Model: examples of profiles
//	class.go      the examples of one profile, their median and fences
//	verdict.go    classifies by nearest envelope or by k nearest neighbours, or as none of these
//	evaluate.go   measures how often a model is right about episodes that are not its examples
//	latency.go    how long a classification takes
//
// There is no input, output, clock or randomness. Results do not depend on the order of the examples, and are equal on all
// machines. A [Model] never changes once made, and may be used concurrently. Vectors that are passed in are kept and must not be
// changed.
//
// A gap, a feature without data, is NaN.
package model
