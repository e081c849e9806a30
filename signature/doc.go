// Package signature owns what is said of a sample beside its envelope: activity that needs no common clock, how far the envelope can
// be trusted, and whether hosts differ. docs/SIGNATURES.md explains each figure and has its source.
//
//	Member    one episode of the sample
//	Of        the members to a Summary
//	Band      pointwise median, quartiles, mean, and the exact interval of the median
//	Levels    a slice's values sorted, so that bursts at any moment add up
//	Phase     bursts, total and share of one slice
//	Trust     the deepest episode, and those outside the functional boxplot
//	Hosts     an envelope a host, and whether hosts differ
//	Snapshot  an envelope at a moment, to tell the drift from
//
// The package computes and does nothing else. Functions are pure, take nothing from the order of the members, and may be called
// concurrently; inputs are neither changed nor kept. All sums are taken in an order that the values give, so that results are equal to
// the last bit whatever the order. A gap is NaN in memory and null in JSON.
package signature
