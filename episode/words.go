package episode

import (
	"encoding/binary"
	"math/bits"
)

// Here is what looks at eight bytes at a time, as the bytes of one word: the loops in which reading spends its time. Each says
// why it is right; the tests hold each against the loop over bytes that it stands for.

const (
	ones  = 0x0101010101010101 // times a byte: that byte, eight times
	highs = 0x80 * ones
)

// isPlain reports whether b has only the bytes 0x20 to 0x7F and no backslash. Where all are so, neither subtraction borrows, and
// no byte of the three terms has its high bit set.
func isPlain(b []byte) bool {
	var tops uint64
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		tops |= x | (x - 0x20*ones) | ((x ^ '\\'*ones) - ones)
	}
	for _, c := range b {
		if c < 0x20 || c == '\\' {
			return false
		}
		tops |= uint64(c)
	}
	return tops&highs == 0
}

// What a byte may be, where it is compared: exact ones that of the row before, digits any digit. A byte is as it must be if
// what it differs by (its bits where they differ from the exact byte, or from '0') added to this stays below 0x80.
const (
	exactByte = 0x7F
	anyDigit  = 0x7F - 9
)

// sameWords returns how many bytes, from the first on, are as they must be. The slices are equally long.
func sameWords(row, like, may []byte) int {
	at, n := 0, len(row)
	like, may = like[:n], may[:n]
	for ; at+32 <= n; at += 32 {
		x, y, m := row[at:at+32], like[at:at+32], may[at:at+32]
		if wrong(x, y, m)|wrong(x[8:], y[8:], m[8:])|wrong(x[16:], y[16:], m[16:])|wrong(x[24:], y[24:], m[24:]) != 0 {
			break
		}
	}
	for at < n && n >= 8 {
		at = min(at, n-8) // the last eight bytes, of which the first were right
		if w := wrong(row[at:], like[at:], may[at:]); w != 0 {
			return at + bits.TrailingZeros64(w)/8
		}
		at += 8
	}
	for ; at < n; at++ {
		if differ := row[at] ^ like[at]; differ >= 0x80 || differ+may[at] >= 0x80 {
			break
		}
	}
	return at
}

// wrong has the high bit set in the first of eight bytes that is not as it must be, and in none before it. A sum carries into the
// next byte only where its own byte is wrong already.
func wrong(row, like, may []byte) uint64 {
	differ := binary.LittleEndian.Uint64(row) ^ binary.LittleEndian.Uint64(like)
	return (differ | (differ + binary.LittleEndian.Uint64(may))) & highs
}

// decimalRoom is how many bytes a row must have up to a number's end for [decimal], which looks at eight at a time.
const decimalRoom = 24

// decimal returns the number that row[from:to] makes up, which are digits, 1 to 19. to must be at least decimalRoom.
func decimal(row []byte, from, to int) uint64 {
	row = row[to-decimalRoom : to]
	switch n := to - from; {
	case n <= 8:
		return eightDigits(lastDigits(row[16:], n))
	case n <= 16:
		return eightDigits(lastDigits(row[8:], n-8))*1e8 + eightDigits(lastDigits(row[16:], 8))
	default:
		return eightDigits(lastDigits(row, n-16))*1e16 + eightDigits(lastDigits(row[8:], 8))*1e8 + eightDigits(lastDigits(row[16:], 8))
	}
}

// lastDigits returns the first eight bytes of row, of which the last n are digits, as digits. Those before become zeros.
func lastDigits(row []byte, n int) uint64 {
	before := uint(64-8*n) & 63
	return (binary.LittleEndian.Uint64(row) ^ '0'*ones) >> before << before
}

// eightDigits returns the number of which each byte is a digit, the lowest byte the first. It makes pairs of digits, then pairs
// of those, then one (Lemire, "Quickly parsing eight digits", 2018); none overflows its place.
func eightDigits(x uint64) uint64 {
	const lower = 0x000000FF000000FF
	x = x*10 + x>>8 // in each second byte: 10 times one digit and the next
	return (x&lower*(100+1_000_000<<32) + x>>16&lower*(1+10_000<<32)) >> 32
}
