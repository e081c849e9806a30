// Package protocol is a model of how envelopes are kept up to date: the log, the
// consumers, lagging views, the buckets with their compare-and-set, and workers
// that may die between any two steps. The package has tests only. They visit
// every order of steps if the scope is small, and random orders if it is large.
// At the end the envelope must equal the batch fit. Each rule of the protocol can
// be switched off, and then a test must find the failure that the rule prevents.
// Samples and entries are computed by package fit itself.
// docs/RELIABILITY.md lists what the model covers and what it leaves out.
package protocol
