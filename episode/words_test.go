package episode

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestIsPlain puts each byte in each place.
func TestIsPlain(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				text := bytes.Repeat([]byte{' '}, n)
				text[at] = byte(c)
				if want := c >= 0x20 && c < 0x80 && c != '\\'; isPlain(text) != want {
					t.Fatalf("%q is plain: %v", text, !want)
				}
			}
		}
	}
}

// naiveSame says byte by byte what same does.
func naiveSame(row, like, may []byte) int {
	for i, c := range row {
		if may[i] == exactByte && c != like[i] || may[i] == anyDigit && !isDigit(c) {
			return i
		}
	}
	return len(row)
}

// TestSame has one wrong byte, or two, in each place of rows of each length, among exact bytes and digits.
func TestSame(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 150 {
		like, may := make([]byte, n), bytes.Repeat([]byte{exactByte}, n)
		for i := range like {
			like[i] = byte(random.Uint32())
			if random.IntN(2) == 0 {
				like[i], may[i] = '0', anyDigit
			}
		}
		row := bytes.Clone(like)
		check := func() {
			t.Helper()
			want := naiveSame(row, like, may)
			if got := same(row, like, may); got != want {
				t.Fatalf("%q like %q, which may be %x: %d bytes are the same, want %d", row, like, may, got, want)
			}
			if got := sameWords(row, like, may); got != want {
				t.Fatalf("%q like %q, which may be %x: %d bytes are the same by words, want %d", row, like, may, got, want)
			}
		}
		check()
		for i := range row {
			if may[i] == anyDigit {
				row[i] = '0' + byte(random.IntN(10))
			}
		}
		check()
		for at := range row {
			kept := row[at]
			for c := range 256 {
				row[at] = byte(c)
				check()
			}
			later := at + random.IntN(n-at)
			keptLater := row[later]
			row[at], row[later] = byte(random.Uint32()), byte(random.Uint32())
			check()
			row[later] = keptLater
			row[at] = kept
		}
	}
}

// FuzzSame compares the three.
func FuzzSame(f *testing.F) {
	f.Add([]byte(`{"a": 12, "b": "x"}`), []byte(`{"a": 10, "b": "x"}`), uint64(0b1000000))
	f.Fuzz(func(t *testing.T, row, like []byte, loose uint64) {
		n := min(len(row), len(like))
		row, like = row[:n], bytes.Clone(like[:n])
		may := bytes.Repeat([]byte{exactByte}, n)
		for i := range may {
			if loose>>(i%64)&1 != 0 {
				like[i], may[i] = '0', anyDigit
			}
		}
		want := naiveSame(row, like, may)
		if a, b := same(row, like, may), sameWords(row, like, may); a != want || b != want {
			t.Fatalf("%q like %q, which may be %x: %d and %d, want %d", row, like, may, a, b, want)
		}
	})
}

// TestDecimal reads numbers of each length, whatever stands around them.
func TestDecimal(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for length := 1; length <= 19; length++ {
		for range 500 {
			row := make([]byte, decimalRoom+random.IntN(9))
			for i := range row {
				row[i] = byte(random.Uint32())
			}
			to := decimalRoom + random.IntN(len(row)-decimalRoom+1)
			digits := row[to-length : to]
			for i := range digits {
				digits[i] = '0' + byte(random.IntN(10))
			}
			want, err := strconv.ParseUint(string(digits), 10, 64)
			if got := decimal(row, to-length, to); err != nil || got != want {
				t.Fatalf("%q: %d, want %d (%v)", digits, got, want, err)
			}
		}
	}
	nines := []byte(`"t_wall_ns": 9999999999999999999`)
	if got := decimal(nines, len(nines)-19, len(nines)); got != 9999999999999999999 {
		t.Error(got)
	}
}

func BenchmarkSame(b *testing.B) {
	row := bytes.Repeat([]byte(`"cpu_user_jiffies": 412, `), 14)
	may := bytes.Repeat([]byte{exactByte}, len(row))
	for name, same := range map[string]func(row, like, may []byte) int{"same": same, "words": sameWords, "bytes": naiveSame} {
		b.Run(fmt.Sprintf("%s/%d", name, len(row)), func(b *testing.B) {
			b.SetBytes(int64(len(row)))
			for b.Loop() {
				if same(row, row, may) != len(row) {
					b.Fatal("differs")
				}
			}
		})
	}
}

func BenchmarkDecimal(b *testing.B) {
	for _, text := range []string{"412", "1767225600000000000"} {
		row := []byte(`{"cpu_user_jiffies": 7, "t_wall_ns": ` + text)
		from := len(row) - len(text)
		b.Run(fmt.Sprintf("words/%d", len(text)), func(b *testing.B) {
			for b.Loop() {
				decimal(row, from, len(row))
			}
		})
		b.Run(fmt.Sprintf("bytes/%d", len(text)), func(b *testing.B) {
			var s scanner
			for b.Loop() {
				s.within(row, from, 9)
				s.number()
			}
		})
	}
}
