package episode

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// A scanner reads JSON (RFC 8259) strictly, from front to back, without building a tree and without
// allocating. The value of each member must be read or skipped:
//
//	s.object()
//	for s.next() {
//		if string(s.key) == "wanted" {
//			n = s.number()
//		} else {
//			s.skip()
//		}
//	}
//	s.end()
//
// After an error every method does nothing, and next returns false: see s.err.
type scanner struct {
	line []byte
	at   int // of the next byte in line

	more  func() ([]byte, bool) // returns the next line, if the JSON may have several; else nil
	depth int                   // how many more levels of nesting are allowed
	first bool                  // no member of the object or array was read yet

	key     []byte // name of the member that next found, without escapes; valid until its value is read
	scratch []byte // a string that had escapes
	err     error
}

// A syntaxError describes what is wrong within a line of JSON. The caller adds which line it is.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

// reset makes s ready to read a line, and further lines from more if it is not nil.
func (s *scanner) reset(line []byte, depth int, more func() ([]byte, bool)) {
	*s = scanner{more: more, depth: depth, scratch: s.scratch}
	s.load(line)
}

// resetToValue makes s ready to read the value at a byte of a line, with depth more levels. It does
// not check that the line is UTF-8.
func (s *scanner) resetToValue(line []byte, at, depth int) {
	s.line, s.at, s.more, s.depth, s.err = line, at, nil, depth, nil
}

func (s *scanner) load(line []byte) {
	s.line, s.at = line, 0
	if !utf8.Valid(line) {
		s.fail("not UTF-8")
	}
}

// fail sets the error, unless there is one, and makes sure that nothing more is read.
func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = syntaxError(fmt.Sprintf(format, args...))
	}
	s.line, s.at, s.more = nil, 0, nil
}

// unexpected fails at the current byte, where want was expected.
func (s *scanner) unexpected(want string) {
	switch rest := s.line[s.at:]; {
	case len(rest) == 0:
		s.fail("ends early, want %s", want)
	case bytes.HasPrefix(rest, []byte("\ufeff")):
		s.fail("byte order mark")
	default:
		char, _ := utf8.DecodeRune(rest)
		s.fail("unexpected %q at byte %d, want %s", char, s.at+1, want)
	}
}

// token skips white space and returns the next byte without reading it, or 0 at the end.
func (s *scanner) token() byte {
	if s.at < len(s.line) && s.line[s.at] > ' ' {
		return s.line[s.at]
	}
	return s.pastSpace()
}

func (s *scanner) pastSpace() byte {
	for {
		for s.at < len(s.line) {
			switch c := s.line[s.at]; c {
			case ' ', '\t', '\r', '\n':
				s.at++
			default:
				return c
			}
		}
		if s.more == nil {
			return 0
		}
		line, ok := s.more()
		if !ok {
			s.more = nil
			return 0
		}
		s.load(line)
	}
}

// object reads the start of an object.
func (s *scanner) object() { s.open('{', "an object") }

func (s *scanner) open(bracket byte, name string) {
	if s.token() != bracket {
		s.unexpected(name)
		return
	}
	if s.depth--; s.depth < 0 {
		s.fail("nested too deep")
		return
	}
	s.at++
	s.first = true
}

// another goes to the next member of an object or array that ends with bracket. At its end, which
// it reads, it returns false.
func (s *scanner) another(bracket byte) bool {
	c := s.token()
	if c == bracket {
		s.at++
		s.depth++
		s.first = false
		return false
	}
	if s.first {
		s.first = false
		return s.err == nil
	}
	if c != ',' {
		s.unexpected("a comma or the end")
		return false
	}
	s.at++
	s.token()
	return s.err == nil
}

// next goes to the value of the next member of the object, and sets key. At the end of the object,
// which it reads, it returns false.
func (s *scanner) next() bool {
	if !s.another('}') {
		return false
	}
	s.key = s.text()
	if s.more != nil { // the colon may be on the next line, which overwrites this one
		s.scratch = append(s.scratch[:0], s.key...)
		s.key = s.scratch
	}
	if s.token() != ':' {
		s.unexpected("a colon")
		return false
	}
	s.at++
	return true
}

// end fails unless only white space is left.
func (s *scanner) end() {
	if s.token(); s.at < len(s.line) {
		s.unexpected("the end")
	}
}

// skip reads a value of any kind.
func (s *scanner) skip() {
	switch c := s.token(); c {
	case '"':
		s.text()
	case '{':
		for s.object(); s.next(); {
			s.skip()
		}
	case '[':
		for s.open('[', "an array"); s.another(']'); {
			s.skip()
		}
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.numberText()
	}
}

func (s *scanner) literal(name string) {
	if !bytes.HasPrefix(s.line[s.at:], []byte(name)) {
		s.unexpected(name)
		return
	}
	s.at += len(name)
}

// rewind goes back to a byte of the line, which must be the start of a value that was read.
func (s *scanner) rewind(to int) {
	if s.err == nil {
		s.at = to
	}
}

// number reads a value of any kind. If it is neither a number nor a string that is exactly one, it
// returns a gap.
func (s *scanner) number() number {
	switch c := s.token(); {
	case c == '-' || '0' <= c && c <= '9':
		return s.digits()
	case c == '"':
		return numberOf(s.text())
	}
	s.skip()
	return number{}
}

// stamp reads a value of any kind. If it is no time in the unit, the stamp is missing.
func (s *scanner) stamp(u unit) stamp {
	switch s.token() {
	case '"':
		return u.parse(s.text())
	case '{', '[':
		s.skip()
		return stamp{}
	}
	from, line := s.at, s.line
	if s.skip(); s.err != nil {
		return stamp{}
	}
	return u.parse(line[from:s.at])
}

// digits reads a number.
func (s *scanner) digits() number {
	text, integer := s.numberText()
	if len(text) == 0 || !isDigit(text[len(text)-1]) {
		return number{}
	}
	return parseNumber(text, integer)
}

// numberText reads a number, or NaN, Infinity or -Infinity, which some writers of JSON write for a
// float that is not finite. It returns the text, and whether it is an integer.
func (s *scanner) numberText() (text []byte, integer bool) {
	text = s.line[s.at:]
	whole := wholeLen(text)
	if whole == 0 {
		return s.notFinite(), false
	}
	fraction, ok := fractionLen(text[whole:])
	exponent, ok2 := exponentLen(text[whole+fraction:])
	if !ok || !ok2 {
		s.unexpected("a number")
		return nil, false
	}
	n := whole + fraction + exponent
	s.at += n
	return text[:n], n == whole
}

func (s *scanner) notFinite() []byte {
	text := s.line[s.at:]
	for _, name := range [...]string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(text, []byte(name)) {
			s.at += len(name)
			return text[:len(name)]
		}
	}
	s.unexpected("a value")
	return nil
}

// numberOf returns the number of a text that is exactly one JSON number. Any other text is a gap.
func numberOf(text []byte) number {
	_, fraction, exponent, ok := splitNumber(text)
	if !ok {
		return number{}
	}
	return parseNumber(text, fraction+exponent == 0)
}

// splitNumber returns the lengths of the parts of a text that is exactly one JSON number.
func splitNumber(text []byte) (whole, fraction, exponent int, ok bool) {
	whole = wholeLen(text)
	fraction, ok = fractionLen(text[whole:])
	exponent, ok2 := exponentLen(text[whole+fraction:])
	return whole, fraction, exponent, whole > 0 && ok && ok2 && whole+fraction+exponent == len(text)
}

// wholeLen returns the length of the sign and the digits before the point of a number at the start
// of text, 0 if there is none.
func wholeLen(text []byte) int {
	sign := 0
	if len(text) > 0 && text[0] == '-' {
		sign = 1
	}
	whole := sign + countDigits(text[sign:])
	if whole == sign || text[sign] == '0' && whole > sign+1 {
		return 0
	}
	return whole
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// countDigits returns how many digits are at the start of text.
func countDigits(text []byte) int {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return n
}

// fractionLen returns the length of the fraction of a number at the start of text, 0 if there is
// none. If digits are missing, ok is false.
func fractionLen(text []byte) (n int, ok bool) {
	if len(text) == 0 || text[0] != '.' {
		return 0, true
	}
	digits := countDigits(text[1:])
	return 1 + digits, digits > 0
}

// exponentLen returns the length of the exponent of a number at the start of text, 0 if there is
// none. If digits are missing, ok is false.
func exponentLen(text []byte) (n int, ok bool) {
	if len(text) == 0 || text[0]|0x20 != 'e' {
		return 0, true
	}
	n = 1
	if n < len(text) && (text[n] == '+' || text[n] == '-') {
		n++
	}
	digits := countDigits(text[n:])
	return n + digits, digits > 0
}

// text reads a string and returns it without escapes. It is valid until the next call.
func (s *scanner) text() []byte {
	if s.at >= len(s.line) || s.line[s.at] != '"' {
		s.unexpected("a string")
		return nil
	}
	decoded := s.scratch[:0]
	escaped := false
	line, i := s.line, s.at+1
	for from := i; i < len(line); {
		switch c := line[i]; {
		case c == '"':
			s.at = i + 1
			if !escaped {
				return line[from:i]
			}
			s.scratch = append(decoded, line[from:i]...)
			return s.scratch
		case c < 0x20:
			s.at = i
			s.unexpected("the rest of a string")
			return nil
		case c == '\\':
			char, n := unescape(line[i:])
			if n == 0 {
				s.at = i
				s.unexpected("an escape")
				return nil
			}
			decoded = utf8.AppendRune(append(decoded, line[from:i]...), char)
			escaped = true
			i += n
			from = i
		default:
			i++
		}
	}
	s.at = len(line)
	s.unexpected("the rest of a string")
	return nil
}

// unescape returns the character of the escape at the start of b, and the length of the escape, 0
// if it is not valid. One half of a surrogate pair is U+FFFD.
func unescape(b []byte) (rune, int) {
	if len(b) < 2 {
		return 0, 0
	}
	const letters, characters = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := bytes.IndexByte([]byte(letters), b[1]); i >= 0 {
		return rune(characters[i]), 2
	}
	unit, ok := codeUnit(b)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(unit) {
		if low, ok := codeUnit(b[6:]); ok {
			if char := utf16.DecodeRune(unit, low); char != utf8.RuneError {
				return char, 12
			}
		}
	}
	return unit, 6
}

// codeUnit reads \uXXXX.
func codeUnit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			unit = unit<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			unit = unit<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return unit, true
}
