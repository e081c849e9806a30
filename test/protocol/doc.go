// Package protocol holds a model of how envelopes are kept: the log, the
// consumers, lagging views, the buckets with their compare-and-set, and workers
// that may die between any two steps. It is made of tests only. They explore
// what can happen, in every order where the scope is small and at random where
// it is not, and hold the envelope at the end against the batch fit. Each rule
// of the protocol is a switch, and with one of them off a test must find what
// goes wrong. The arithmetic of samples and entries is package fit's own.
// docs/RELIABILITY.md says what the model covers and what it leaves out.
package protocol
