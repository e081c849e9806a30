package synth

import (
	"crypto/sha256"
	"encoding/binary"
)

// random is SplitMix64 (Steele, Lea, Flood 2014). It is written out here, and
// nothing below calls a function of math whose last bit may differ between
// machines, so that the same seed gives the same archive everywhere.
type random struct{ state uint64 }

// newRandom seeds a stream of its own for each seed and list of names.
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

// unit is uniform in [0, 1).
func (r *random) unit() float64 { return float64(float64(r.next()>>11) / (1 << 53)) }

// between is uniform in [lo, hi).
func (r *random) between(lo, hi float64) float64 { return lo + float64((hi-lo)*r.unit()) }

// below is uniform in 0..n-1 (n is small: the bias does not matter).
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

// noise has mean 0 and deviation 1 and is bell-shaped: four uniform numbers'
// sum, within ±3.5.
func (r *random) noise() float64 {
	const scale = 1.7320508075688772 // sqrt(3): each uniform number has variance 1/12
	return float64((r.unit() + r.unit() + r.unit() + r.unit() - 2) * scale)
}
