// Package model classifies episodes: from the signature of an episode it decides which profile the episode has, and it measures
// how often such an answer is right. docs/MODEL.md explains the methods.
//
//	Layout    what a vector consists of; makes the vector of a signature
//	Metric    the distance of two vectors, with gaps, and the k nearest of many
//	Model     examples of profiles; classifies by nearest envelope or by k nearest neighbours
//	Verdict   an answer: profile, distance, runners-up, what decided; or none of these
//	Evaluate  measures how often a model is right about episodes that are not among its examples
//
// There is no input, output, clock or randomness. Results do not depend on the order of the examples, and are equal on all
// machines. A [Model] never changes once made, and may be used concurrently. Vectors that are passed in are kept and must not be
// changed.
//
// A gap, a feature without data, is NaN.
package model
