package episode

import (
	"math"
	"math/bits"
	"strconv"
)

// A number is a JSON number as it was written: exact if it is an integer from -2^63 to 2^64-1, else
// the nearest float64. The zero number is a gap: a value that is missing or not a number.
type number struct {
	bits uint64 // the magnitude of an integer, or the bits of a float64
	kind kind
}

type kind uint8

const (
	gap      kind = iota
	positive      // an integer >= 0
	negative      // an integer < 0
	float         // may be infinite, never NaN
)

// parseNumber parses a JSON number.
func parseNumber(text []byte, integer bool) number {
	if integer {
		if n, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			return number{n, positive}
		}
		switch n, err := strconv.ParseInt(string(text), 10, 64); {
		case err == nil && n < 0:
			return number{-uint64(n), negative}
		case err == nil: // the integer -0 is 0
			return number{kind: positive}
		}
	}
	f, _ := strconv.ParseFloat(string(text), 64) // infinite if it is out of range
	return number{math.Float64bits(f), float}
}

func (n number) isInteger() bool { return n.kind == positive || n.kind == negative }

// float64 returns n, rounded once. A gap is NaN.
func (n number) float64() float64 {
	switch n.kind {
	case positive:
		return float64(n.bits)
	case negative:
		return -float64(n.bits)
	case float:
		return math.Float64frombits(n.bits)
	}
	return math.NaN()
}

// isSample reports whether n is a sample of a channel, or else a gap.
func (n number) isSample() bool {
	return n.isInteger() || n.kind == float && math.Abs(n.float64()) <= largest
}

// largest is the largest magnitude of a sample and of a rate. What is larger is a gap.
const largest = 1e30

func isFinite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }

// wide returns n, which must be an integer.
func (n number) wide() wide {
	w := wide{lo: n.bits}
	if n.kind == negative {
		w = wide{}.minus(w)
	}
	return w
}

// minus returns n-m. The difference of integers is exact and then rounded once to float64. With a
// gap it is NaN.
func (n number) minus(m number) float64 {
	if n.isInteger() && m.isInteger() {
		return n.wide().minus(m.wide()).float64()
	}
	return n.float64() - m.float64()
}

// less reports whether n < m, exactly for integers.
func (n number) less(m number) bool {
	if n.isInteger() && m.isInteger() {
		return n.wide().minus(m.wide()).isNegative()
	}
	return n.float64() < m.float64()
}

// wide is an integer of 128 bits in two's complement. It holds the sum of 2^60 differences of
// integer numbers.
type wide struct{ hi, lo uint64 }

func (w wide) plus(v wide) wide {
	lo, carry := bits.Add64(w.lo, v.lo, 0)
	hi, _ := bits.Add64(w.hi, v.hi, carry)
	return wide{hi, lo}
}

func (w wide) minus(v wide) wide {
	lo, borrow := bits.Sub64(w.lo, v.lo, 0)
	hi, _ := bits.Sub64(w.hi, v.hi, borrow)
	return wide{hi, lo}
}

func (w wide) isNegative() bool { return int64(w.hi) < 0 }

// sign returns -1, 0 or +1.
func (w wide) sign() int {
	switch {
	case w.isNegative():
		return -1
	case w == wide{}:
		return 0
	}
	return 1
}

// bits returns how many bits the magnitude of w has.
func (w wide) bits() int {
	if w.isNegative() {
		w = wide{}.minus(w)
	}
	if w.hi != 0 {
		return 64 + bits.Len64(w.hi)
	}
	return bits.Len64(w.lo)
}

// shifted returns w * 2^n. If n is negative, w must not be, and the fraction is dropped.
func (w wide) shifted(n int) wide {
	switch {
	case n >= 64:
		return wide{hi: w.lo << (n - 64)}
	case n >= 0:
		return wide{hi: w.hi<<n | w.lo>>(64-n), lo: w.lo << n}
	case n > -64:
		return wide{hi: w.hi >> -n, lo: w.lo>>-n | w.hi<<(64+n)}
	}
	return wide{lo: w.hi >> (-n - 64)}
}

// over returns w / n, rounded once to the nearest float64, ties to even. n must be from 1 to 2^36.
func (w wide) over(n uint64) float64 {
	if w.bits() <= 53 {
		return w.float64() / float64(n)
	}
	if w.isNegative() {
		return -wide{}.minus(w).over(n)
	}
	// Shift w up. Then the quotient has 90 bits at least, and one of those behind the 54th is set if
	// the division leaves a rest, which is at least 1/n. So it need not be looked at for rounding.
	up := 127 - w.bits()
	w = w.shifted(up)
	hi, rest := w.hi/n, w.hi%n
	lo, _ := bits.Div64(rest, w.lo, n)
	return math.Ldexp(wide{hi, lo}.float64(), -up)
}

// float64 returns w rounded to the nearest float64, ties to even.
func (w wide) float64() float64 {
	if w.hi == 0 {
		return float64(w.lo)
	}
	return w.round()
}

// round does float64, for every w.
func (w wide) round() float64 {
	if w.isNegative() {
		return -(wide{}.minus(w)).float64()
	}
	// Keep the top 64 bits, and set the last one if any bit below was set: converting to float64
	// then rounds correctly, once.
	n := bits.Len64(w.hi)
	top := w.hi<<(64-n) | w.lo>>n
	if w.lo<<(64-n) != 0 {
		top |= 1
	}
	return math.Ldexp(float64(top), n)
}
