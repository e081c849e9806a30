// Package scale measures the system at large sizes: two workers that read a log of a million episodes from a NATS server, each a process
// of its own, and the start of a worker with sixty thousand curves. The package has only benchmarks.
package scale
