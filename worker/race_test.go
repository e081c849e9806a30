//go:build race

package worker_test

// slowdown is how much longer than usual everything takes under the race detector, with
// tests of other packages on the same processors.
const slowdown = 6
