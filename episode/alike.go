package episode

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// alike reads rows that are like the one before, as nearly all of a telemetry are: the same but for some values. A row that
// equals one that was scanned, except for digits within its numbers and for values that were scanned anew, is JSON of the same
// members; so it need only be compared with that, eight bytes at a time, which is several times quicker than scanning it.
// What is not alike is scanned, and is the one that the next is compared with.
type alike struct {
	row    []byte  // the row to compare with
	mask   []byte  // as long: looseDigit at each digit that may be any other, else 0
	values []value // of the row's members, from front to back
}

// A value is where a member's value stands in a row.
type value struct {
	from, to int
	column   int // the column it goes to, -1 where it is not wanted
}

const (
	looseDigit = 0x0F // the bits in which digits differ

	// Beyond these a row is quicker scanned: each value that changes its length moves all that is behind it.
	mostAlikeBytes   = 4096
	mostAlikeValues  = 64
	mostAlikeRenewed = 8
)

// forget makes a like nothing.
func (a *alike) forget() { a.row, a.mask, a.values = a.row[:0], a.mask[:0], a.values[:0] }

// learn makes a like row, which was scanned and has the given values.
func (a *alike) learn(row []byte, values []value) {
	a.forget()
	if len(row) > mostAlikeBytes || len(values) > mostAlikeValues {
		return
	}
	a.row = append(a.row, row...)
	a.mask = append(a.mask, row...)
	clear(a.mask)
	a.values = append(a.values, values...)
	for _, v := range values {
		a.loosen(v)
	}
}

// loosen sets the mask of a value: the digits of a number are loose, but for the first of several before the point, which must
// not become 0.
func (a *alike) loosen(v value) {
	text, mask := a.row[v.from:v.to], a.mask[v.from:v.to]
	clear(mask)
	if text[0] == '-' {
		text, mask = text[1:], mask[1:]
	} else if !isDigit(text[0]) {
		return
	}
	for i, c := range text {
		if isDigit(c) {
			mask[i] = looseDigit
		}
	}
	if len(text) > 1 && isDigit(text[1]) {
		mask[0] = 0
	}
}

// read reads a row into cells if it is alike.
func (a *alike) read(row []byte, s *scanner, depth int, cells []number) bool {
	s.within(row, depth)
	v, renewed := 0, 0
	for i := 0; ; {
		if i += a.same(row, i); i == len(row) && i == len(a.row) {
			break
		}
		// What differs must be in a value, or follow it at once: then that is shorter or longer now.
		for v < len(a.values) && a.values[v].to < i {
			v++
		}
		if v == len(a.values) || i < a.values[v].from || renewed == mostAlikeRenewed || !a.renew(v, row, s) {
			return false
		}
		i = a.values[v].to
		v++
		renewed++
	}
	for _, v := range a.values {
		if v.column >= 0 {
			s.at = v.from
			cells[v.column] = s.number()
		}
	}
	return true
}

// same returns how many bytes of row, from i on, are as they must be.
func (a *alike) same(row []byte, i int) int {
	n := min(len(row), len(a.row)) - i
	row, like, mask := row[i:i+n], a.row[i:i+n], a.mask[i:i+n]
	at := 0
	for ; at+32 <= n; at += 32 {
		x, y, m := row[at:at+32], like[at:at+32], mask[at:at+32]
		if wrong(x, y, m)|wrong(x[8:], y[8:], m[8:])|wrong(x[16:], y[16:], m[16:])|wrong(x[24:], y[24:], m[24:]) != 0 {
			break
		}
	}
	for ; at+8 <= n; at += 8 {
		if w := wrong(row[at:], like[at:], mask[at:]); w != 0 {
			return at + bits.TrailingZeros64(w)/8
		}
	}
	for ; at < n; at++ {
		if x, m := row[at], mask[at]; (x^like[at])&^m|(x&m+6)&0x10 != 0 {
			break
		}
	}
	return at
}

// wrong has a bit in each of the first eight bytes of row that is not as it must be.
func wrong(row, like, mask []byte) uint64 {
	const all = 0x0101010101010101
	x, y, m := binary.LittleEndian.Uint64(row), binary.LittleEndian.Uint64(like), binary.LittleEndian.Uint64(mask)
	// Loose bits may differ, as long as they make up a digit: adding 6 carries where they are over 9.
	return (x^y)&^m | (x&m+6*all)&(0x10*all)
}

// renew scans a value of row, all before which is alike, and takes it over. It returns false where it is no value.
func (a *alike) renew(index int, row []byte, s *scanner) bool {
	old := a.values[index]
	s.at = old.from
	s.token()
	now := value{s.at, 0, old.column}
	s.skip()
	now.to = s.at
	if s.err != nil || !utf8.Valid(row[now.from:now.to]) {
		return false
	}
	a.row = slices.Replace(a.row, old.from, old.to, row[old.from:now.to]...)
	a.mask = slices.Replace(a.mask, old.from, old.to, row[old.from:now.to]...)
	clear(a.mask[old.from:now.from])
	a.values[index] = now
	a.loosen(now)
	for i := index + 1; i < len(a.values); i++ {
		a.values[i].from += now.to - old.to
		a.values[i].to += now.to - old.to
	}
	return true
}
