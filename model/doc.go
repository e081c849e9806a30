// Package model tells from an episode's signature which profile it is of, and how well it can tell.
//
//	Layout   what a vector is made of; Vector makes one of a signature
//	Distance between two vectors, with gaps
//	Index    the k nearest of many vectors, exactly: brute force in float32, settled in float64
//	Model    examples by profile; Classify by nearest envelope or by k nearest neighbours
//	Verdict  an answer: profile, distance, runners-up, what decided, or none of these
//	Evaluate how often a model is right about episodes that it was not fitted on
//
// The package computes and does nothing else: no input or output, no clock, nothing random. Results don't depend on the order of
// the examples, and what is the same in two machines' inputs is the same in their answers. A [Model] and an [Index] never change
// once made and may be used concurrently; vectors handed in are kept and must not be changed.
//
// A gap, a feature without data, is NaN.
package model
