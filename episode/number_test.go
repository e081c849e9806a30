package episode

import (
	"math"
	"math/big"
	"math/bits"
	"testing"

	"pgregory.net/rapid"
)

func (w wide) big() *big.Int {
	n := new(big.Int).SetUint64(w.hi)
	if w.isNegative() {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 64))
	}
	return n.Add(n.Lsh(n, 64), new(big.Int).SetUint64(w.lo))
}

// drawBits draws 64 bits, often with long runs of ones or zeros: they test rounding and carries.
func drawBits(t *rapid.T, name string) uint64 {
	x := rapid.Uint64().Draw(t, name)
	switch rapid.IntRange(0, 3).Draw(t, name+" shape") {
	case 0:
		return x >> rapid.IntRange(0, 63).Draw(t, name+" shift")
	case 1:
		return math.MaxUint64 << rapid.IntRange(0, 63).Draw(t, name+" ones")
	case 2:
		return 1<<rapid.IntRange(0, 63).Draw(t, name+" bit") + uint64(rapid.IntRange(-2, 2).Draw(t, name+" near"))
	}
	return x
}

func drawNumber(t *rapid.T, name string) (number, oracleNumber) {
	n := drawBits(t, name)
	switch rapid.IntRange(0, 2).Draw(t, name+" kind") {
	case 0:
		if n = min(n, 1<<63); n == 0 {
			n = 1
		}
		return number{n, negative}, oracleNumber{integer: new(big.Int).Neg(new(big.Int).SetUint64(n))}
	case 1:
		f := rapid.Float64().Draw(t, name+" float")
		return number{math.Float64bits(f), float}, oracleNumber{float: &f}
	}
	return number{n, positive}, oracleNumber{integer: new(big.Int).SetUint64(n)}
}

func TestWide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := wide{drawBits(t, "a hi"), drawBits(t, "a lo")}
		b := wide{drawBits(t, "b hi") >> 2, drawBits(t, "b lo")}
		a.hi = uint64(int64(a.hi) >> 2) // no overflow
		if got, want := a.float64(), bigFloat64(a.big()); got != want {
			t.Fatalf("%v is %v, want %v", a.big(), got, want)
		}
		if got, want := a.plus(b).big(), new(big.Int).Add(a.big(), b.big()); got.Cmp(want) != 0 {
			t.Fatalf("%v + %v is %v", a.big(), b.big(), got)
		}
		if got, want := a.minus(b).big(), new(big.Int).Sub(a.big(), b.big()); got.Cmp(want) != 0 {
			t.Fatalf("%v - %v is %v", a.big(), b.big(), got)
		}
	})
}

// TestWideTies tests numbers that are halfway between two float64s, or nearly so.
func TestWideTies(t *testing.T) {
	for n := 1; n < 63; n++ {
		half := wide{1 << (n - 1), 1 << (n + 10)} // 2^(63+n) and half a unit in its last place
		if n+10 > 63 {
			half = wide{1<<(n-1) | 1<<(n+10-64), 0}
		}
		for _, w := range []wide{half, half.plus(wide{0, 1}), half.minus(wide{0, 1})} {
			if got, want := w.float64(), bigFloat64(w.big()); got != want {
				t.Errorf("%v is %v, want %v", w.big(), got, want)
			}
		}
	}
}

// TestWideOver divides, also where the quotient is halfway between two float64s, or nearly so.
func TestWideOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]uint64{1, 3, 1e3, 1e6, 1e9, 1 << 36, 1<<36 - 1}).Draw(t, "n")
		half := rapid.Uint64Range(1<<53, 1<<54).Draw(t, "q") | 1 // has 54 bits
		hi, lo := bits.Mul64(half, n)
		near := wide{hi, lo}.plus(wide{lo: uint64(rapid.IntRange(0, 2).Draw(t, "more"))}).minus(wide{lo: 1})
		for _, w := range []wide{near, {drawBits(t, "hi") >> 33, drawBits(t, "lo")}} {
			want, _ := new(big.Rat).SetFrac(w.big(), new(big.Int).SetUint64(n)).Float64()
			if got := w.over(n); got != want {
				t.Fatalf("%v / %d is %v, want %v", w.big(), n, got, want)
			}
			if got := (wide{}).minus(w).over(n); got != -want {
				t.Fatalf("-%v / %d is %v, want %v", w.big(), n, got, -want)
			}
		}
	})
}

// TestNumberLessExactly compares integers that are equal as float64.
func TestNumberLessExactly(t *testing.T) {
	for _, n := range []uint64{1<<53 + 1, 1 << 62, 1<<63 - 1, 1 << 63} {
		a, b := number{n, positive}, number{n - 1, positive}
		if !b.less(a) || a.less(b) || a.less(a) || a.minus(b) != 1 {
			t.Errorf("%d", n)
		}
		a.kind, b.kind = negative, negative
		if !a.less(b) || b.less(a) {
			t.Errorf("-%d", n)
		}
	}
}

func TestNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, oa := drawNumber(t, "a")
		b, ob := drawNumber(t, "b")
		if got, want := a.float64(), oa.value(); math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%v is %v, want %v", a, got, want)
		}
		if got, want := a.minus(b), oa.minus(ob); math.Float64bits(got) != math.Float64bits(want) && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%v - %v is %v, want %v", a, b, got, want)
		}
		if got, want := a.less(b), oa.less(ob); got != want {
			t.Fatalf("%v < %v is %v", a, b, got)
		}
	})
	if x := (number{}).float64(); !math.IsNaN(x) {
		t.Error("a gap is", x)
	}
}

func TestNumberIsSample(t *testing.T) {
	for _, c := range []struct {
		n             number
		finite, value bool
	}{
		{number{}, false, false},
		{number{0, positive}, true, true},
		{number{math.MaxUint64, positive}, true, true},
		{number{1 << 63, negative}, true, true},
		{number{math.Float64bits(1e30), float}, true, true},
		{number{math.Float64bits(math.Nextafter(1e30, 2e30)), float}, true, false},
		{number{math.Float64bits(-1e31), float}, true, false},
		{number{math.Float64bits(math.Inf(1)), float}, false, false},
	} {
		if isFinite(c.n.float64()) != c.finite || c.n.isSample() != c.value {
			t.Errorf("%v: finite %v, value %v", c.n.float64(), isFinite(c.n.float64()), c.n.isSample())
		}
	}
}
