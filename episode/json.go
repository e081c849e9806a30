package episode

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// A scanner reads JSON (RFC 8259) from front to back, strictly, without a tree and without allocating. The value of each member
// must be read or skipped:
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
// After an error, s.err, every method does nothing and next returns false.
type scanner struct {
	line  []byte
	at    int
	plain bool // line has no escape, no control byte and nothing beyond ASCII: each string ends at the next quote

	more  func() ([]byte, bool) // brings the next line where the JSON may go on; nil where it may not
	depth int                   // how much deeper nesting may go
	first bool                  // the object or array has just begun

	key     []byte // the name of the member that next has found, escapes decoded; valid until its value is read
	scratch []byte // strings that had escapes
	err     error
}

// syntaxError says what is wrong with JSON. Whoever knows the line adds it.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

// reset makes s ready for a line, and for those that more brings.
func (s *scanner) reset(line []byte, depth int, more func() ([]byte, bool)) {
	*s = scanner{more: more, depth: depth, scratch: s.scratch}
	s.load(line)
}

// within makes s ready for a value that begins at a place within the object of a line. Whether the line is UTF-8 is not looked at.
func (s *scanner) within(line []byte, at, depth int) {
	s.line, s.at, s.plain, s.more, s.depth, s.err = line, at, false, nil, depth-1, nil
}

func (s *scanner) load(line []byte) {
	s.line, s.at, s.plain = line, 0, isPlain(line)
	if !s.plain && !utf8.Valid(line) {
		s.fail("not UTF-8")
	}
}

// fail keeps the first error and makes sure that nothing more is read.
func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = syntaxError(fmt.Sprintf(format, args...))
	}
	s.line, s.at, s.more = nil, 0, nil
}

// unexpected fails at the current place.
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

// token skips white space and returns the byte that follows, which is not read yet; 0 at the end.
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

// object begins an object.
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

// another reports whether an object or array that closes with bracket has one more member, and goes to it.
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

// next goes to the value of the object's next member and sets key. It returns false at the end of the object, which is then
// read.
func (s *scanner) next() bool {
	if !s.another('}') {
		return false
	}
	s.key = s.text()
	if s.more != nil { // the colon may be on the next line, which takes the place of this one
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

// end makes sure that nothing but white space is left.
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
		s.digits()
	}
}

func (s *scanner) literal(name string) {
	if !bytes.HasPrefix(s.line[s.at:], []byte(name)) {
		s.unexpected(name)
		return
	}
	s.at += len(name)
}

// number reads a value of any kind. What is no number is a gap.
func (s *scanner) number() number {
	if c := s.token(); c == '-' || '0' <= c && c <= '9' {
		return s.digits()
	}
	s.skip()
	return number{}
}

// digits reads a number.
func (s *scanner) digits() number {
	line, i := s.line, s.at
	negative := i < len(line) && line[i] == '-'
	if negative {
		i++
	}
	from := i
	var magnitude uint64
	for ; i < len(line) && isDigit(line[i]); i++ {
		magnitude = magnitude*10 + uint64(line[i]-'0')
	}
	n := i - from
	if n == 0 || n > 1 && line[from] == '0' {
		s.unexpected("a value")
		return number{}
	}
	integer := true
	if i < len(line) && line[i] == '.' {
		integer = false
		i = pastDigits(line, i+1)
	}
	if i > 0 && i < len(line) && line[i]|0x20 == 'e' {
		integer = false
		if i++; i < len(line) && (line[i] == '+' || line[i] == '-') {
			i++
		}
		i = pastDigits(line, i)
	}
	if i < 0 {
		s.unexpected("a number")
		return number{}
	}
	text := line[s.at:i]
	s.at = i
	if !integer || n > 19 || n == 19 && negative {
		return parseNumber(text, integer)
	}
	if negative && magnitude > 0 { // the integer -0 is 0
		return number{magnitude, below}
	}
	return number{magnitude, whole}
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// pastDigits returns the place behind one or more digits, or -1 where there are none.
func pastDigits(line []byte, i int) int {
	from := i
	for i < len(line) && isDigit(line[i]) {
		i++
	}
	if i == from {
		return -1
	}
	return i
}

// text reads a string and returns it with its escapes decoded. It is valid until the next call.
func (s *scanner) text() []byte {
	if s.at >= len(s.line) || s.line[s.at] != '"' {
		s.unexpected("a string")
		return nil
	}
	from := s.at + 1
	n := bytes.IndexByte(s.line[from:], '"')
	if n < 0 || !s.plain {
		return s.slowText()
	}
	s.at = from + n + 1
	return s.line[from : from+n]
}

func (s *scanner) slowText() []byte {
	text := s.scratch[:0]
	line, i := s.line, s.at+1
	for from := i; i < len(line); {
		switch c := line[i]; {
		case c == '"':
			if from == s.at+1 { // no escapes
				text = line[from:i]
			} else {
				text = append(text, line[from:i]...)
				s.scratch = text
			}
			s.at = i + 1
			return text
		case c < 0x20:
			s.at = i
			s.unexpected("the rest of a string")
			return nil
		case c == '\\':
			text = append(text, line[from:i]...)
			char, n := escape(line[i:])
			if n == 0 {
				s.at = i
				s.unexpected("an escape")
				return nil
			}
			text = utf8.AppendRune(text, char)
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

// escape returns the character that the escape at the start of b means, and the escape's length; 0 where it is none. Half of a
// surrogate pair means U+FFFD.
func escape(b []byte) (rune, int) {
	if len(b) < 2 {
		return 0, 0
	}
	const letters, meant = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := bytes.IndexByte([]byte(letters), b[1]); i >= 0 {
		return rune(meant[i]), 2
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
