package episode

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// A rowTemplate reads rows that have the same keys in the same order as the row before, as nearly
// all rows of a member have. Such a row need not be scanned: it is compared with the row before,
// eight bytes at a time, and only its wanted values are parsed. Without templates, reading and
// aligning an archive takes 2.2 to 2.9 times the CPU time (BenchmarkCost).
//
// The comparison is masked: digits in values may differ. For example:
//
//	{"t_wall_ns": 1700, "state": "S1", "minflt": 5}    row that was scanned
//	{"t_wall_ns": 1000, "state": "S0", "minflt": 0}    text of its template
//	...............***.............*............*.    mask: * may be any digit, . must be equal
//
// A row that fits is JSON, since replacing digits of a number by others keeps it a number. The only
// exception is the first of several digits before the point, which must not become 0: it must be
// equal. If a row differs in a value, for example because a counter has a digit more, that value is
// scanned, and put into the template in place of the old one. If it differs elsewhere, the row does
// not fit.
//
// The values are those of the row's members, and instead of an object that paths lead into, those
// of the members in it. All of a row's values that have paths are read, in their order, so the last
// one of a path counts, as when the row is scanned.
type rowTemplate struct {
	text   []byte // the row before, with '0' for each digit that may differ
	mask   []byte // as long as text; each byte is mustEqual or anyDigit
	values []templateValue
	wanted []wantedValue
}

// A templateValue is a value in the row.
type templateValue struct {
	from, to int  // it is text[from:to]
	depth    int  // how many more levels of nesting are allowed in it
	quotes   int  // 1 if it is a string without escapes, else 0
	plain    bool // it is an integer of at most 19 digits without a sign, perhaps in quotes
	escaped  bool // it is a string with escapes
}

// A wantedValue is a value that has a path.
type wantedValue struct{ value, path int }

const (
	mostFields  = 256 // the most values of a row with a template: bounds the memory of a template
	mostChanged = 16  // the most values of a row that are scanned: each one may move all text behind it
)

// reset makes t a template that no row fits.
func (t *rowTemplate) reset() {
	t.text, t.mask, t.values, t.wanted = t.text[:0], t.mask[:0], t.values[:0], t.wanted[:0]
}

// add adds the next value, which is row[from:to] of the row that set gets.
func (t *rowTemplate) add(from, to, depth int, paths []int) {
	if len(t.values) > mostFields {
		return
	}
	for _, path := range paths {
		t.wanted = append(t.wanted, wantedValue{len(t.values), path})
	}
	t.values = append(t.values, templateValue{from: from, to: to, depth: depth})
}

// forget makes sure that no value added so far is that of a path.
func (t *rowTemplate) forget(path int) {
	t.wanted = slices.DeleteFunc(t.wanted, func(w wantedValue) bool { return w.path == path })
}

// set makes t the template of a row, after all its values were added. The row must be JSON.
func (t *rowTemplate) set(row []byte) {
	if len(t.values) > mostFields {
		t.reset()
		return
	}
	t.text = append(t.text, row...)
	t.mask = append(t.mask, row...)
	for i := range t.mask {
		t.mask[i] = mustEqual
	}
	for i := range t.values {
		t.maskDigits(&t.values[i])
	}
}

// maskDigits allows other digits in a value, and sets what it is. The text of the value must be that
// of the row, and all its bytes mustEqual.
func (t *rowTemplate) maskDigits(v *templateValue) {
	text, mask := t.text[v.from:v.to], t.mask[v.from:v.to]
	switch text[0] {
	case '"':
		text, mask = text[1:len(text)-1], mask[1:len(mask)-1]
		v.escaped = bytes.IndexByte(text, '\\') >= 0
		if !v.escaped {
			v.quotes = 1
		}
		if v.plain = isPlain(text); v.plain {
			maskNumber(text, mask)
		} else {
			maskText(text, mask)
		}
	case '{', '[':
		maskTokens(text, mask)
	default:
		v.plain = isPlain(text)
		maskNumber(text, mask)
	}
}

// isPlain reports whether text is an integer of at most 19 digits without a sign.
func isPlain(text []byte) bool {
	return len(text) > 0 && len(text) <= 19 && text[0] != '-' && wholeLen(text) == len(text)
}

// maskNumber allows other digits in a number. Any other value without quotes has no digits.
func maskNumber(text, mask []byte) {
	from := 0
	if text[0] == '-' {
		from++
	}
	if wholeLen(text) > from+1 { // the first of several digits must not become 0
		from++
	}
	maskText(text[from:], mask[from:])
}

// maskText allows other digits everywhere.
func maskText(text, mask []byte) {
	for i, c := range text {
		if isDigit(c) {
			text[i], mask[i] = '0', anyDigit
		}
	}
}

// maskTokens allows other digits in the numbers and strings of an array or object.
func maskTokens(text, mask []byte) {
	for i := 0; i < len(text); {
		n := 1
		switch c := text[i]; {
		case c == '"':
			n = stringLen(text[i:])
			maskText(text[i:i+n], mask[i:i+n])
		case c == '-' || isDigit(c):
			for i+n < len(text) && strings.IndexByte("+-.eE0123456789", text[i+n]) >= 0 {
				n++
			}
			maskNumber(text[i:i+n], mask[i:i+n])
		}
		i += n
	}
}

// stringLen returns the length of the JSON string at the start of text.
func stringLen(text []byte) int {
	for i := 1; ; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// read reads the wanted values of a row, if the row fits. If not, it returns false, and neither t
// nor what it has read may be used.
func (t *rowTemplate) read(line []byte, s *scanner, into *row) bool {
	if len(t.values) == 0 || !t.fit(line, s) {
		return false
	}
	for _, w := range t.wanted {
		v := &t.values[w.value]
		text := line[v.from+v.quotes : v.to-v.quotes]
		switch {
		case v.plain:
			into.parseInteger(text, w.path)
		case v.escaped:
			s.resetToValue(line, v.from, v.depth)
			into.scan(s, w.path)
		default:
			into.parse(text, w.path)
		}
	}
	return true
}

// fit reports whether a row fits. Values of another length are put into t.
func (t *rowTemplate) fit(row []byte, s *scanner) bool {
	at, v := 0, 0
	for changed := 0; ; changed++ {
		at += countFitting(row[at:], t.text[at:], t.mask[at:])
		if at == len(row) && at == len(t.text) {
			return true
		}
		// They differ at this byte: in a value, or just behind it if the value is longer or shorter.
		for v < len(t.values) && t.values[v].to < at {
			v++
		}
		if v == len(t.values) || at < t.values[v].from || changed == mostChanged || !t.change(v, row, s) {
			return false
		}
		at = t.values[v].to
		v++
	}
}

// change scans value i of a row, puts it into t in place of the old one, and moves all that is
// behind it. The row must fit up to this value. If the row has no valid value there, it returns
// false.
func (t *rowTemplate) change(i int, row []byte, s *scanner) bool {
	old := t.values[i]
	now := templateValue{from: old.from, to: old.from + plainLen(row[old.from:]), depth: old.depth}
	if now.to == now.from {
		s.resetToValue(row, old.from, old.depth)
		s.token()
		now.from = s.at
		s.skip()
		now.to = s.at
		if s.err != nil || !utf8.Valid(row[now.from:now.to]) {
			return false
		}
	}
	t.text = slices.Replace(t.text, old.from, old.to, row[old.from:now.to]...)
	t.mask = slices.Replace(t.mask, old.from, old.to, row[old.from:now.to]...)
	for j := old.from; j < now.to; j++ {
		t.mask[j] = mustEqual
	}
	t.maskDigits(&now)
	t.values[i] = now
	grown := now.to - old.to
	for j := i + 1; j < len(t.values); j++ {
		t.values[j].from += grown
		t.values[j].to += grown
	}
	return true
}

// plainLen returns the length of the plain integer at the start of text that is the whole value, or 0
// if there is none. Most values that change their length are such integers.
func plainLen(text []byte) int {
	n := wholeLen(text)
	if n == 0 || n > 19 || text[0] == '-' || n == len(text) || text[n] != ',' && text[n] != '}' {
		return 0
	}
	return n
}

// A byte of a row fits if it differs from that of text by at most 0 or, where it may be any digit,
// by at most 9. The difference is the exclusive or, which for '0' and c is at most 9 if and only if
// c is a digit. The mask is 0x7F minus that bound. So a byte does not fit if and only if its
// difference, or the sum of difference and mask, is 0x80 or more.
const (
	mustEqual = 0x7F - 0
	anyDigit  = 0x7F - 9
)

// countFitting returns how many bytes at the start of a row fit, before the first one that does not
// fit or the end of row or text. Its loops look at 32, 8 and 1 bytes at once. Without the first two,
// aligning an archive takes 23 to 38 % more CPU time, without the first 1 to 5 % (BenchmarkCost).
func countFitting(row, text, mask []byte) int {
	n := min(len(row), len(text))
	row, text, mask = row[:n], text[:n], mask[:n]
	i := 0
	for ; i <= n-32; i += 32 {
		r, t, m := row[i:i+32], text[i:i+32], mask[i:i+32]
		if misfits(r, t, m)|misfits(r[8:], t[8:], m[8:])|misfits(r[16:], t[16:], m[16:])|misfits(r[24:], t[24:], m[24:]) != 0 {
			break
		}
	}
	for i < n && n >= 8 {
		i = min(i, n-8) // the last eight bytes: some of them are known to fit
		if bad := misfits(row[i:], text[i:], mask[i:]); bad != 0 {
			return i + bits.TrailingZeros64(bad)/8
		}
		i += 8
	}
	for i < n && row[i]^text[i] <= 0x7F-mask[i] {
		i++
	}
	return i
}

// misfits compares the first eight bytes, as one word with the first byte as its lowest. It returns
// 0 if all fit. If not, the lowest bit of the result that is set is in the first byte that does not
// fit: the sum of a byte carries into the next one only if the byte does not fit itself.
func misfits(row, text, mask []byte) uint64 {
	const highBits = 0x80_80_80_80_80_80_80_80
	differ := binary.LittleEndian.Uint64(row) ^ binary.LittleEndian.Uint64(text)
	return (differ | (differ + binary.LittleEndian.Uint64(mask))) & highBits
}

// parseDigits returns the integer of at most 19 digits. Most of them are those of times, which have
// 19: eight at once halve the time for digits, which was 5 % of aligning an archive.
func parseDigits(digits []byte) (n uint64) {
	for len(digits) >= 8 {
		n = n*1e8 + eightDigits(binary.LittleEndian.Uint64(digits))
		digits = digits[8:]
	}
	for _, c := range digits {
		n = n*10 + uint64(c-'0')
	}
	return n
}

// eightDigits returns the integer of eight digits, the first one in the lowest byte. Each line joins
// neighbours: digits to numbers of two digits, these to numbers of four, and these to the result. The
// first one is in the lower place. It is multiplied, and the second one is moved down and added.
func eightDigits(text uint64) uint64 {
	n := text - 0x30_30_30_30_30_30_30_30 // '0'
	n = (n*10 + n>>8) & 0x00FF_00FF_00FF_00FF
	n = (n*100 + n>>16) & 0x0000_FFFF_0000_FFFF
	return (n*10000 + n>>32) & 0xFFFF_FFFF
}
