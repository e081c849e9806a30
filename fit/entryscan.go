package fit

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
)

// scanEntry reads the entry of a curve in the very form in which appendJSON writes it, some six times as fast as encoding/json. A worker
// that starts reads tens of thousands of them. It says false of every other text, which may be an entry all the same. What it reads, it
// reads as encoding/json does.
func scanEntry(text []byte) (Entry, bool) {
	s := entryScanner{rest: text}
	e := Entry{State: StateCurve}
	s.want(`{"seq":`)
	e.Seq = s.sequence()
	s.want(`,"host":`)
	e.Host = s.plain()
	s.want(`,"episode":`)
	e.Episode = s.plain()
	s.want(`,"curve":`)
	e.Curve = s.curve()
	if s.has(`,"signature":`) {
		e.Signature = s.signature()
		s.want(`,"seconds":`)
		e.Seconds = s.seconds()
	}
	s.want(`}`)
	return e, !s.failed && len(s.rest) == 0
}

// An entryScanner reads from front to back. Once it has failed, what its methods return says nothing.
type entryScanner struct {
	rest   []byte
	failed bool
}

func (s *entryScanner) has(text string) bool {
	rest, found := bytes.CutPrefix(s.rest, []byte(text))
	s.rest = rest
	return found
}

func (s *entryScanner) want(text string) { s.failed = !s.has(text) || s.failed }

// until returns what stands before a byte, and goes on behind it.
func (s *entryScanner) until(end byte) []byte {
	before, after, found := bytes.Cut(s.rest, []byte{end})
	s.rest, s.failed = after, s.failed || !found
	return before
}

func (s *entryScanner) sequence() uint64 {
	n := digits(s.rest)
	s.failed = s.failed || !isNumber(s.rest[:n])
	seq, err := strconv.ParseUint(string(s.rest[:n]), 10, 64)
	s.failed = s.failed || err != nil
	s.rest = s.rest[n:]
	return seq
}

// plain reads a string that has no escapes and is ASCII.
func (s *entryScanner) plain() string {
	s.want(`"`)
	text := s.until('"')
	for _, c := range text {
		if c < ' ' || c > '~' || c == '\\' {
			s.failed = true
		}
	}
	return string(text)
}

func (s *entryScanner) curve() Curve {
	s.want(`[`)
	curve, err := parsePoints(s.until(']'))
	s.failed = s.failed || err != nil
	return curve
}

func (s *entryScanner) signature() Signature {
	s.want(`[`)
	list := s.until(']')
	if len(list) == 0 {
		return Signature{}
	}
	read := make(Signature, 0, bytes.Count(list, []byte(`,`))+1)
	var raw []byte
	for item := range bytes.SplitSeq(list, []byte(`,`)) {
		channel := entryScanner{rest: item}
		channel.want(`"`)
		text := channel.until('"')
		var err error
		raw, err = base64.StdEncoding.AppendDecode(raw[:0], text)
		row, whole := floatsOf(raw)
		// The decoder passes over line ends, which no JSON string has.
		s.failed = s.failed || channel.failed || len(channel.rest) > 0 || err != nil || !whole || len(text) != base64.StdEncoding.EncodedLen(len(raw))
		read = append(read, row)
	}
	return read
}

func (s *entryScanner) seconds() (seconds Seconds) {
	s.want(`[`)
	for i := range seconds {
		end := byte(',')
		if i == len(seconds)-1 {
			end = ']'
		}
		number := s.until(end)
		v, err := strconv.ParseFloat(string(number), 32)
		s.failed = s.failed || err != nil || !isNumber(number)
		seconds[i] = float32(v)
	}
	return seconds
}

// floatsOf reads float32 of four bytes each, the least first; false where the bytes are no whole number of them.
func floatsOf(raw []byte) ([]float32, bool) {
	values := make([]float32, len(raw)/4)
	for k := range values {
		values[k] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:]))
	}
	return values, len(raw)%4 == 0
}
