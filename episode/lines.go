package episode

import (
	"bytes"
	"io"
)

// lines splits a member into lines. One lines serves many members, one after the other.
type lines struct {
	member *tarReader
	lim    Limits
	buf    []byte
	from   int // buf[from:to] was read but not returned yet
	to     int
	eof    bool
	line   int // number of the last line returned, from 1
	rows   int // how many lines so far were not blank
	most   int // the most of them
	err    error
}

const (
	usualLine = 16 << 10 // decompressed bytes are still in the first-level cache when a buffer of this size is read
	keptLine  = 64 << 10 // the longest buffer that is kept for the next archive
)

// reset starts with the current entry of t.
func (l *lines) reset(t *tarReader, lim Limits) {
	*l = lines{member: t, lim: lim, buf: l.buf, most: lim.Rows}
	if l.buf == nil {
		l.buf = make([]byte, usualLine)
	}
	if t.current.Size > lim.MemberBytes {
		l.err = tooLargef("%s is over %d bytes", l.name(), lim.MemberBytes)
	}
}

// name returns the name of the member, for messages.
func (l *lines) name() string { return printable(l.member.current.name()) }

// release drops the member, and the buffer if it is long.
func (l *lines) release() {
	l.member = nil
	if len(l.buf) > keptLine {
		l.buf = nil
	}
}

// row returns the next line that is not blank, unless there are too many. It is valid until the next
// call. At the end, and after an error, ok is false: see l.err.
func (l *lines) row() (line []byte, ok bool) {
	if line, ok = l.filled(); !ok {
		return nil, false
	}
	if l.rows++; l.rows > l.most {
		l.err = tooLargef("%s has more than %d rows", l.name(), l.most)
		return nil, false
	}
	return line, true
}

// filled returns the next line that is not blank, as next does.
func (l *lines) filled() (line []byte, ok bool) {
	for {
		line, ok = l.next()
		if !ok || len(line) > 0 && line[0] > ' ' || !isBlank(line) {
			return line, ok
		}
		l.skipBlank()
	}
}

// skipBlank skips the blank lines that are in buf: a member may have hundreds of millions, and next
// takes ten times as long for each.
func (l *lines) skipBlank() {
	for at := l.from; at < l.to; at++ {
		switch l.buf[at] {
		case ' ', '\t', '\r':
		case '\n':
			if int64(at-l.from) > l.lim.LineBytes { // let next see whether it is too long
				return
			}
			l.line++
			l.from = at + 1
		default:
			return
		}
	}
}

// next returns the next line, without its line end. It is valid until the next call. At the end,
// and after an error, ok is false: see l.err.
func (l *lines) next() (line []byte, ok bool) {
	searched := 0
	for l.err == nil {
		rest := l.buf[l.from:l.to]
		if n := bytes.IndexByte(rest[searched:], '\n'); n >= 0 {
			n += searched
			l.from += n + 1
			return l.checked(rest[:n])
		}
		searched = len(rest)
		if l.eof {
			l.from = l.to
			if len(rest) == 0 {
				return nil, false
			}
			return l.checked(rest)
		}
		if int64(len(rest)) > l.lim.LineBytes+1 { // too long even if a \r is at its end
			return l.checked(rest)
		}
		l.fill()
	}
	return nil, false
}

// checked returns a line without a \r at its end, unless it is too long.
func (l *lines) checked(line []byte) ([]byte, bool) {
	l.line++
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if int64(len(line)) > l.lim.LineBytes {
		l.err = tooLargef("%s line %d is over %d bytes", l.name(), l.line, l.lim.LineBytes)
		return nil, false
	}
	return line, true
}

// fill reads more of the member. The buffer grows up to the longest line with its line end.
func (l *lines) fill() {
	l.to = copy(l.buf, l.buf[l.from:l.to])
	l.from = 0
	if l.to == len(l.buf) {
		grown := make([]byte, min(2*int64(len(l.buf)), l.lim.LineBytes+2))
		copy(grown, l.buf)
		l.buf = grown
	}
	n, err := l.member.Read(l.buf[l.to:])
	l.to += n
	if err == io.EOF {
		l.eof = true
	} else {
		l.err = err
	}
}

// fault returns the error of reading the member or, if there is none, err with the place of the
// last line.
func (l *lines) fault(err error) error {
	if l.err != nil {
		return l.err
	}
	return l.corruptf("%v", err)
}

// corruptf returns an error about the last line.
func (l *lines) corruptf(format string, args ...any) error {
	return corruptf("%s line %d: "+format, append([]any{l.name(), l.line}, args...)...)
}

func isBlank(line []byte) bool {
	for _, c := range line {
		if !isBlankByte(c) {
			return false
		}
	}
	return true
}

func isBlankByte(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// trimBlanks returns text without the blanks around it.
func trimBlanks(text []byte) []byte {
	for len(text) > 0 && isBlankByte(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isBlankByte(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}
