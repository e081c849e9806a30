package synth

import "fmt"

const hosts = 12

// host is one of the machines that the episodes come from: its own speed, clock
// and memory, the same in every episode.
type host struct {
	name   string
	scale  float64 // of every rate
	noise  float64 // relative, of every rate
	jitter float64 // seconds, of the sampling instants
	memory int64   // kB
	boot   int64   // seconds up before the first episode
}

func hostName(n int) string { return fmt.Sprintf("synth-%02d", n+1) }

func (g *Generator) host(n int) host {
	r := newRandom(g.seed, "host", hostName(n))
	return host{
		name:   hostName(n),
		scale:  r.between(0.7, 1.3),
		noise:  r.between(0.05, 0.15),
		jitter: r.between(0.002, 0.012),
		memory: (8 + 8*int64(r.below(4))) << 20,
		boot:   int64(r.below(5_000_000)) + 10_000,
	}
}
