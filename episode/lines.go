package episode

import (
	"bytes"
	"io"
)

// lines reads a member line by line.
type lines struct {
	archive  *archive
	from, to int // archive.kit.line[from:to] is read but not yet given
	eof      bool
	line     int // number of the line given last, from 1
	rows     int // how many of those were not blank
	err      error
}

// lines begins to read the current member, of which there is no more than what it says of its size.
func (a *archive) lines() *lines {
	l := &lines{archive: a}
	if a.size > a.lim.MemberBytes {
		l.err = tooLargef("%s is over %d bytes", a.member, a.lim.MemberBytes)
	}
	return l
}

// row gives the next line that is not blank, valid until the next call. It returns false at the end and after an error,
// which is then l.err.
func (l *lines) row() ([]byte, bool) {
	for {
		line, ok := l.next()
		if !ok {
			return nil, false
		}
		if isBlank(line) {
			continue
		}
		if l.rows++; l.rows > l.archive.lim.Rows {
			l.err = tooLargef("%s has more than %d rows", l.archive.member, l.archive.lim.Rows)
			return nil, false
		}
		return line, true
	}
}

// next gives the next line without its end, as row does, even if it is blank.
func (l *lines) next() ([]byte, bool) {
	seen := 0
	for l.err == nil {
		rest := l.archive.kit.line[l.from:l.to]
		if n := bytes.IndexByte(rest[seen:], '\n'); n >= 0 {
			n += seen
			l.from += n + 1
			return l.give(rest[:n])
		}
		if seen = len(rest); l.eof {
			l.from = l.to
			if seen == 0 {
				break
			}
			return l.give(rest)
		}
		if int64(seen) > l.archive.lim.LineBytes+1 { // more than a line and a \r
			return l.give(rest)
		}
		l.fill()
	}
	return nil, false
}

// give checks the length of a line and drops a \r at its end.
func (l *lines) give(line []byte) ([]byte, bool) {
	l.line++
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if limit := l.archive.lim.LineBytes; int64(len(line)) > limit {
		l.err = tooLargef("%s line %d is over %d bytes", l.archive.member, l.line, limit)
		return nil, false
	}
	return line, true
}

// fill reads on. The buffer grows no further than the longest line and its end.
func (l *lines) fill() {
	buf := l.archive.kit.line
	l.to = copy(buf, buf[l.from:l.to])
	l.from = 0
	if l.to == len(buf) {
		grown := make([]byte, min(2*int64(len(buf)), l.archive.lim.LineBytes+2))
		copy(grown, buf)
		buf, l.archive.kit.line = grown, grown
	}
	n, err := l.archive.Read(buf[l.to:])
	l.to += n
	if err == io.EOF {
		l.eof = true
	} else {
		l.err = err
	}
}

// fault returns an error about the line given last, on which err was met, or the error of reading it.
func (l *lines) fault(err error) error {
	if l.err != nil {
		return l.err
	}
	return l.corruptf("%v", err)
}

// corruptf returns an error about the line given last.
func (l *lines) corruptf(format string, args ...any) error {
	return corruptf("%s line %d: "+format, append([]any{l.archive.member, l.line}, args...)...)
}

func isBlank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}
