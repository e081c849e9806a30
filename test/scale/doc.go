// Package scaletest measures the system where it is big: a log of a million episodes through a real NATS server and two workers, each a
// process of its own, and a worker's start with sixty thousand curves. It holds nothing but benchmarks.
package scale
