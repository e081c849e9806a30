package episode

import (
	"math"
	"math/bits"
	"strconv"
)

// A number is a JSON number as it was written: exact where it is an integer of at most 64 bits (-2^63 to 2^64-1), else the
// nearest float64. The zero number is none: a gap.
type number struct {
	bits uint64 // the magnitude of an integer, or the bits of a float64
	kind kind
}

type kind uint8

const (
	noNumber kind = iota
	whole         // an integer from zero up
	below         // an integer below zero
	float         // may be infinite, never NaN
)

// parseNumber reads a number that is well-formed, of any kind and length.
func parseNumber(text []byte, integer bool) number {
	if integer {
		if n, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			return number{n, whole}
		}
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return number{-uint64(n), below}
		}
	}
	f, _ := strconv.ParseFloat(string(text), 64) // infinite where it is out of range
	return number{math.Float64bits(f), float}
}

func (n number) isInteger() bool { return n.kind == whole || n.kind == below }

// float64 returns n, rounded once. A gap is NaN.
func (n number) float64() float64 {
	switch n.kind {
	case whole:
		return float64(n.bits)
	case below:
		return -float64(n.bits)
	case float:
		return math.Float64frombits(n.bits)
	}
	return math.NaN()
}

// isFinite reports whether n is a number that is not out of range.
func (n number) isFinite() bool {
	return n.isInteger() || n.kind == float && isFinite(n.float64())
}

// isValue reports whether n is what a channel can be at a time, and no gap there.
func (n number) isValue() bool {
	return n.isInteger() || n.kind == float && math.Abs(n.float64()) <= huge
}

// huge is the largest magnitude that is not a gap.
const huge = 1e30

func isFinite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }

// wide returns n, which must be an integer.
func (n number) wide() wide {
	w := wide{lo: n.bits}
	if n.kind == below {
		w = wide{}.minus(w)
	}
	return w
}

// minus returns n-m: the exact difference of integers, rounded once, or else that of float64s.
func (n number) minus(m number) float64 {
	if n.kind == whole && m.kind == whole && n.bits >= m.bits { // as nearly always: this is only quicker
		return float64(n.bits - m.bits)
	}
	if n.isInteger() && m.isInteger() {
		return n.wide().minus(m.wide()).float64()
	}
	return n.float64() - m.float64()
}

// less reports whether n < m, exactly for integers.
func (n number) less(m number) bool {
	if n.kind == whole && m.kind == whole { // quicker
		return n.bits < m.bits
	}
	return n.lessAny(m)
}

func (n number) lessAny(m number) bool {
	if n.isInteger() && m.isInteger() {
		return n.wide().minus(m.wide()).isNegative()
	}
	return n.float64() < m.float64()
}

// wide is an integer of 128 bits in two's complement: enough for sums of 2^60 differences of numbers.
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

// float64 returns w rounded to the nearest float64, ties to even.
func (w wide) float64() float64 {
	if w.isNegative() {
		return -(wide{}.minus(w)).float64()
	}
	if w.hi == 0 {
		return float64(w.lo)
	}
	// Keep the top 64 bits, the last of them set where any that is cut off was: the conversion then rounds right, once.
	n := bits.Len64(w.hi)
	top := w.hi<<(64-n) | w.lo>>n
	if w.lo<<(64-n) != 0 {
		top |= 1
	}
	return math.Ldexp(float64(top), n)
}
