package fit

import (
	"fmt"
	"math"
	"math/bits"
)

// Choice returns what
//
//	numpy.random.default_rng(seed).choice(n, k, replace=False)
//
// returns: k different integers from 0 to n-1. The Python program draws its samples like this; Choice serves to compare with
// it. It panics unless 0 <= k <= n < 2^32. It takes memory for n integers if n > 10,000 and k > n/50, else for k.
func Choice(seed uint64, n, k int) []int {
	return ChoiceWords([]uint32{uint32(seed), uint32(seed >> 32)}, n, k)
}

// ChoiceWords is [Choice] with a seed of any length, in words of 32 bits, the lowest first.
func ChoiceWords(seed []uint32, n, k int) []int {
	if k < 0 || k > n || int64(n) > math.MaxUint32 {
		panic(fmt.Sprintf("fit: choice of %d from %d", k, n))
	}
	g := newPCG64(newSeedSequence(seed))
	if n > tailShuffleAbove && k > n/tailShuffleShare {
		return g.tailShuffle(n, k)
	}
	return g.floyd(n, k)
}

// numpy shuffles the tail of all n integers if n is above tailShuffleAbove and k above n/tailShuffleShare.
const (
	tailShuffleAbove = 10_000
	tailShuffleShare = 50
)

// tailShuffle draws the last k of 0 to n-1 by Fisher and Yates.
func (g *pcg64) tailShuffle(n, k int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	g.shuffle(all, max(n-k, 1))
	return append([]int(nil), all[n-k:]...)
}

// floyd draws k of n by Floyd's algorithm (Bentley and Floyd, CACM 30, 1987) and shuffles them.
func (g *pcg64) floyd(n, k int) []int {
	drawn := make([]int, 0, k)
	taken := make(map[int]bool, k)
	for j := n - k; j < n; j++ {
		v := g.bounded(j)
		if taken[v] {
			v = j
		}
		taken[v] = true
		drawn = append(drawn, v)
	}
	g.shuffle(drawn, 1)
	return drawn
}

// shuffle exchanges each element from the last down to the one at index first with one at or before it.
func (g *pcg64) shuffle(values []int, first int) {
	for i := len(values) - 1; i >= first; i-- {
		j := g.bounded(i)
		values[i], values[j] = values[j], values[i]
	}
}

// A seedSequence distributes the entropy of a seed over a pool of 128 bits, as numpy.random.SeedSequence does (after M. E.
// O'Neill, "Developing a seed_seq alternative", 2015). All arithmetic wraps.
type seedSequence [4]uint32

// newSeedSequence takes the seed in words of 32 bits, the lowest first. High words that are 0 do not matter.
func newSeedSequence(seed []uint32) seedSequence {
	hash := uint32(0x43b0d7e5)
	hashmix := func(v uint32) uint32 {
		v ^= hash
		hash *= 0x931e8875
		v *= hash
		return v ^ v>>16
	}
	mix := func(x, y uint32) uint32 {
		r := 0xca01f9dd*x - 0x4973f715*y
		return r ^ r>>16
	}
	for len(seed) > 0 && seed[len(seed)-1] == 0 {
		seed = seed[:len(seed)-1]
	}
	var pool seedSequence
	for i := range pool {
		word := uint32(0)
		if i < len(seed) {
			word = seed[i]
		}
		pool[i] = hashmix(word)
	}
	for src := range pool {
		for dst := range pool {
			if src != dst {
				pool[dst] = mix(pool[dst], hashmix(pool[src]))
			}
		}
	}
	for i := len(pool); i < len(seed); i++ {
		for dst := range pool {
			pool[dst] = mix(pool[dst], hashmix(seed[i]))
		}
	}
	return pool
}

// state returns the four words of 64 bits with which a generator is seeded.
func (s seedSequence) state() (words [4]uint64) {
	hash := uint32(0x8b51f9dd)
	for i := range 2 * len(words) {
		v := s[i%len(s)]
		v ^= hash
		hash *= 0x58f38ded
		v *= hash
		v ^= v >> 16
		words[i/2] |= uint64(v) << (32 * (i % 2))
	}
	return words
}

// pcg64 is the generator PCG64 XSL-RR (O'Neill, "PCG: a family of simple fast space-efficient statistically good algorithms for
// random number generation", 2014), as numpy.random.PCG64: a linear congruential generator modulo 2^128 whose state is folded to
// 64 bits.
type pcg64 struct {
	state, inc uint128
	high       uint32 // the half of the last 64 bits that next32 has not returned yet
	hasHigh    bool
}

type uint128 struct{ hi, lo uint64 }

func (x uint128) add(y uint128) uint128 {
	lo, carry := bits.Add64(x.lo, y.lo, 0)
	hi, _ := bits.Add64(x.hi, y.hi, carry)
	return uint128{hi, lo}
}

func (x uint128) mul(y uint128) uint128 {
	hi, lo := bits.Mul64(x.lo, y.lo)
	return uint128{hi + x.hi*y.lo + x.lo*y.hi, lo}
}

func newPCG64(seed seedSequence) *pcg64 {
	w := seed.state()
	g := &pcg64{inc: uint128{w[2]<<1 | w[3]>>63, w[3]<<1 | 1}}
	g.step()
	g.state = g.state.add(uint128{w[0], w[1]})
	g.step()
	return g
}

func (g *pcg64) step() {
	g.state = g.state.mul(uint128{2549297995355413924, 4865540595714422341}).add(g.inc)
}

// next64 returns 64 random bits.
func (g *pcg64) next64() uint64 {
	g.step()
	return bits.RotateLeft64(g.state.hi^g.state.lo, -int(g.state.hi>>58))
}

// next32 returns 32 random bits: the low half of 64, and at the next call the high half.
func (g *pcg64) next32() uint32 {
	if g.hasHigh {
		g.hasHigh = false
		return g.high
	}
	v := g.next64()
	g.high, g.hasHigh = uint32(v>>32), true
	return uint32(v)
}

// bounded returns a uniform integer from 0 to most, which is below 2^32-1, by multiplication with rejection (Lemire, "Fast random
// integer generation in an interval", 2019). most = 0 takes no random bits.
func (g *pcg64) bounded(most int) int {
	if most == 0 {
		return 0
	}
	n := uint32(most) + 1
	m := uint64(g.next32()) * uint64(n)
	if uint32(m) < n {
		for reject := (math.MaxUint32 - uint32(most)) % n; uint32(m) < reject; {
			m = uint64(g.next32()) * uint64(n)
		}
	}
	return int(m >> 32)
}
