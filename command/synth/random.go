package synth

import (
	"crypto/sha256"
	"encoding/binary"
)

// random is the generator SplitMix64 (Steele, Lea, Flood 2014). The same seed must give the same archive on every machine, so the
// generator is written here, and no function of package math is called whose last bit may differ between machines.
type random struct{ state uint64 }

// newRandom returns the stream of a seed and a list of names.
func newRandom(seed uint64, names ...string) *random {
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint64(nil, seed))
	for _, name := range names {
		h.Write([]byte(name))
		h.Write([]byte{0})
	}
	return &random{binary.LittleEndian.Uint64(h.Sum(nil))}
}

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit returns a uniform number in [0, 1).
func (r *random) unit() float64 { return float64(float64(r.next()>>11) / (1 << 53)) }

// between returns a uniform number in [lo, hi).
func (r *random) between(lo, hi float64) float64 { return lo + float64((hi-lo)*r.unit()) }

// below returns a uniform integer from 0 to n-1. Its bias does not matter for a small n.
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

// noise returns a bell-shaped number of mean 0 and standard deviation 1, within ±3.5: a sum of four uniform numbers.
func (r *random) noise() float64 {
	const scale = 1.7320508075688772 // sqrt(3): each uniform number has variance 1/12
	return float64((r.unit() + r.unit() + r.unit() + r.unit() - 2) * scale)
}
