package episode

import (
	"slices"
	"unicode/utf8"
)

// alike reads rows that are like the one before, as nearly all of a telemetry are: the same but for some values. A row that
// equals one that was scanned, except for digits within its numbers and for values that were scanned anew, is JSON of the same
// members; so it need only be compared with that, many bytes at a time, which takes a tenth of the time of scanning it.
// What is not alike is scanned, and is the one that the next is compared with.
type alike struct {
	like   []byte  // the row to compare with, '0' in the place of each digit that may be any
	may    []byte  // as long: exactByte, or anyDigit
	values []value // of the row's members, from front to back
	wanted []int   // which of them have a column
}

// A value is where a member's value stands in a row.
type value struct {
	from, to int
	column   int  // the column it goes to, -1 where it is not wanted
	natural  bool // it is at most 19 digits and nothing else
}

const (
	// Beyond these a row is quicker scanned: each value that changes its length moves all that is behind it.
	mostAlikeBytes   = 4096
	mostAlikeValues  = 64
	mostAlikeRenewed = 8
)

// forget makes a like nothing.
func (a *alike) forget() {
	a.like, a.may, a.values, a.wanted = a.like[:0], a.may[:0], a.values[:0], a.wanted[:0]
}

// learn makes a like row, which was scanned and has the given values.
func (a *alike) learn(row []byte, values []value) {
	a.forget()
	if len(row) > mostAlikeBytes || len(values) > mostAlikeValues {
		return
	}
	a.like = append(a.like, row...)
	a.may = append(a.may, row...)
	fill(a.may, exactByte)
	a.values = append(a.values, values...)
	for i := range a.values {
		a.loosen(&a.values[i])
		if a.values[i].column >= 0 {
			a.wanted = append(a.wanted, i)
		}
	}
}

func fill(p []byte, with byte) {
	for i := range p {
		p[i] = with
	}
}

// loosen lets the digits of a number be any, but for the first of several before the point, which must not become 0.
func (a *alike) loosen(v *value) {
	text, may := a.like[v.from:v.to], a.may[v.from:v.to]
	v.natural = len(text) <= 19
	if text[0] == '-' {
		text, may = text[1:], may[1:]
		v.natural = false
	}
	if !isDigit(text[0]) {
		v.natural = false
		return
	}
	several := len(text) > 1 && isDigit(text[1])
	for i, c := range text {
		switch {
		case !isDigit(c):
			v.natural = false
		case i > 0 || !several:
			text[i], may[i] = '0', anyDigit
		}
	}
}

// read reads a row into cells if it is alike.
func (a *alike) read(row []byte, s *scanner, depth int, cells []number) bool {
	v, renewed := 0, 0
	for i := 0; ; {
		n := min(len(row), len(a.like))
		if i += same(row[i:n], a.like[i:n], a.may[i:n]); i == len(row) && i == len(a.like) {
			break
		}
		// What differs must be in a value, or follow it at once: then that is shorter or longer now.
		for v < len(a.values) && a.values[v].to < i {
			v++
		}
		if v == len(a.values) || i < a.values[v].from || renewed == mostAlikeRenewed || !a.renew(v, row, s, depth) {
			return false
		}
		i = a.values[v].to
		v++
		renewed++
	}
	for _, w := range a.wanted {
		v := &a.values[w]
		if v.natural && v.to >= decimalRoom {
			cells[v.column] = number{decimal(row, v.from, v.to), whole}
			continue
		}
		s.within(row, v.from, depth)
		cells[v.column] = s.number()
	}
	return true
}

// renew scans a value of row, all before which is alike, and takes it over. It returns false where it is no value.
func (a *alike) renew(index int, row []byte, s *scanner, depth int) bool {
	old := a.values[index]
	s.within(row, old.from, depth)
	s.token()
	now := value{from: s.at, column: old.column}
	s.skip()
	now.to = s.at
	if s.err != nil || !utf8.Valid(row[now.from:now.to]) {
		return false
	}
	grown := now.to - old.to
	a.like, a.may = stretch(a.like, old.to, grown), stretch(a.may, old.to, grown)
	copy(a.like[old.from:now.to], row[old.from:])
	fill(a.may[old.from:now.to], exactByte)
	a.loosen(&now)
	a.values[index] = now
	for i := range a.values[index+1:] {
		later := &a.values[index+1+i]
		later.from += grown
		later.to += grown
	}
	return true
}

// stretch moves what lies from a place on by so many bytes, backwards where they are negative.
func stretch(p []byte, from, by int) []byte {
	n := len(p)
	if by <= 0 {
		copy(p[from+by:], p[from:])
		return p[:n+by]
	}
	p = slices.Grow(p, by)[:n+by]
	copy(p[from+by:], p[from:n])
	return p
}
