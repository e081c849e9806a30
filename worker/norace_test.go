//go:build !race

package worker_test

const slowdown = 1
