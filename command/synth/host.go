package synth

import "fmt"

const hosts = 12

// A host is one of the machines that the episodes come from. Its properties are the same in all of its episodes.
type host struct {
	name   string
	scale  float64 // factor of every rate
	noise  float64 // of every rate, relative
	jitter float64 // of the sampling instants, in seconds
	memory int64   // kB
	boot   int64   // uptime before the first episode, in seconds
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
