package fit

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// An entry is one JSON object. By its state it has one of three forms:
//
//	{"seq":12,"host":"lab-01","episode":"ep-1","curve":[1.5,null,...],"signature":["AADAPw...",...],"seconds":[10,2,3,25,5],
//	 "quality":[3,0,1,0,0,0,2,0,5.05]}
//	{"seq":12,"host":"lab-01","episode":"ep-1","reason":"corrupt","detail":"wrong checksum"}
//	{"seq":12,"host":"lab-01","episode":"ep-1","retracted":true}
//
// The first form has no signature if the spec has none, and no quality if all its values are 0. The other two also have
// "had_curve":true if that is so. An empty detail is left out.

// EncodeEntry returns the JSON of an entry. It is an error if [DecodeEntry] would not accept it.
func EncodeEntry(e Entry) ([]byte, error) { return e.MarshalJSON() }

// MarshalJSON is [EncodeEntry]. Calling it is faster than json.Marshal, which checks the result.
func (e Entry) MarshalJSON() ([]byte, error) {
	if e.State == StateCurve {
		e.HadCurve = false
	}
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("write entry: %w", err)
	}
	for i, v := range e.Curve {
		if math.IsInf(v, 0) {
			return nil, fmt.Errorf("write entry: point %d is infinite", i)
		}
	}
	return e.appendJSON(make([]byte, 0, 384+(20+6*len(e.Signature))*len(e.Curve))), nil
}

// appendJSON appends the JSON of any entry. For an entry that MarshalJSON refuses, the text may not be valid, but it differs from
// that of other entries, so [Join] can compare it.
func (e Entry) appendJSON(to []byte) []byte {
	to = append(to, `{"seq":`...)
	to = strconv.AppendUint(to, e.Seq, 10)
	to = append(to, `,"host":`...)
	to = appendString(to, e.Host)
	to = append(to, `,"episode":`...)
	to = appendString(to, e.Episode)
	switch e.State {
	case StateCurve:
		to = append(to, `,"curve":`...)
		to = e.Curve.appendJSON(to)
		if len(e.Signature) > 0 {
			to = append(to, `,"signature":`...)
			to = e.Signature.appendJSON(to)
		}
		to = append(to, `,"seconds":`...)
		to = e.Seconds.appendJSON(to)
		if e.Quality != (Quality{}) {
			to = append(to, `,"quality":`...)
			to = e.Quality.appendJSON(to)
		}
	case StateReason:
		to = append(to, `,"reason":`...)
		to = appendString(to, string(e.Reason))
		if e.Detail != "" {
			to = append(to, `,"detail":`...)
			to = appendString(to, e.Detail)
		}
	case StateRetracted:
		to = append(to, `,"retracted":true`...)
	}
	if e.HadCurve {
		to = append(to, `,"had_curve":true`...)
	}
	return append(to, '}')
}

// appendString appends a JSON string. Ids and reasons are printable ASCII, which needs no escapes.
func appendString(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(text)
			if err != nil {
				panic(fmt.Sprintf("fit: write a string as JSON: %v", err)) // cannot happen: every string has a JSON form
			}
			return append(to, quoted...)
		}
	}
	to = append(to, '"')
	to = append(to, text...)
	return append(to, '"')
}

// DecodeEntry reads an entry. It is an error if the text is not one JSON object, has an unknown key or no sequence, or not
// exactly one of the three states. The number of points is checked by [Entry.Validate].
func DecodeEntry(text []byte) (Entry, error) {
	var e Entry
	err := e.UnmarshalJSON(text)
	return e, err
}

// UnmarshalJSON is [DecodeEntry]. On an error e is unchanged.
func (e *Entry) UnmarshalJSON(text []byte) error {
	read, scanned := scanEntry(text)
	if !scanned {
		var err error
		if read, err = parseEntry(text); err != nil {
			return fmt.Errorf("read entry: %w", err)
		}
	}
	if len(read.Signature) == 0 {
		read.Signature = nil
	}
	if err := read.check(); err != nil { // fails if there are two of the three states
		return fmt.Errorf("read entry: %w", err)
	}
	*e = read
	return nil
}

// parseEntry reads an entry in any form of JSON. The caller must check it.
func parseEntry(text []byte) (Entry, error) {
	var form struct {
		Seq       *uint64   `json:"seq"`
		Host      string    `json:"host"`
		Episode   string    `json:"episode"`
		Curve     *Curve    `json:"curve"`
		Signature Signature `json:"signature"`
		Seconds   Seconds   `json:"seconds"`
		Quality   Quality   `json:"quality"`
		Reason    *Reason   `json:"reason"`
		Detail    string    `json:"detail"`
		Retracted bool      `json:"retracted"`
		HadCurve  bool      `json:"had_curve"`
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&form); err != nil {
		return Entry{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return Entry{}, errors.New("there is more after the object")
	}
	if form.Seq == nil {
		return Entry{}, errors.New("no sequence")
	}
	read := Entry{
		Seq: *form.Seq, Host: form.Host, Episode: form.Episode, Signature: form.Signature, Seconds: form.Seconds, Quality: form.Quality,
		Detail: form.Detail, HadCurve: form.HadCurve,
	}
	if form.Curve != nil {
		read.State, read.Curve = StateCurve, *form.Curve
	}
	if form.Reason != nil {
		read.State, read.Reason = StateReason, *form.Reason
	}
	if form.Retracted {
		read.State = StateRetracted
	}
	return read, nil
}

// scanEntry reads an entry with a curve exactly as appendJSON writes it. For every other text it returns false; such a text may
// still be an entry. What it reads, it reads as encoding/json does.
//
// It is some six times as fast as encoding/json: with it, a worker that starts with 60,000 curves takes 2.4 to 2.6 s of CPU time,
// without it 6.5 to 7.3 s (BenchmarkEntry, docs/PERFORMANCE.md).
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
	}
	s.want(`,"seconds":`)
	e.Seconds = s.seconds()
	if s.has(`,"quality":`) {
		e.Quality = s.quality()
	}
	s.want(`}`)
	return e, !s.failed && len(s.rest) == 0
}

// An entryScanner reads a text from front to back. Once failed is set, the results of its methods are not valid.
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

// until returns the text before a byte, and continues after the byte.
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

// plain reads a string of printable ASCII without escapes.
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
		// The decoder skips line ends, which a JSON string must not have.
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
		seconds[i] = s.float32(end)
	}
	return seconds
}

// float32 reads a number that ends before a byte, and continues after the byte.
func (s *entryScanner) float32(end byte) float32 {
	number := s.until(end)
	v, err := strconv.ParseFloat(string(number), 32)
	s.failed = s.failed || err != nil || !isNumber(number)
	return float32(v)
}

func (s *entryScanner) quality() Quality {
	s.want(`[`)
	var counts [qualityCounts]int
	for i := range counts {
		number := s.until(',')
		n, err := strconv.Atoi(string(number))
		s.failed = s.failed || err != nil || !isNumber(number)
		counts[i] = n
	}
	return qualityOf(counts, s.float32(']'))
}

// floatsOf reads float32 values of four little-endian bytes each; false if the number of bytes is not a multiple of four.
func floatsOf(raw []byte) ([]float32, bool) {
	values := make([]float32, len(raw)/4)
	for k := range values {
		values[k] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:]))
	}
	return values, len(raw)%4 == 0
}
