package fit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// An entry is one JSON object in one of three forms, by its state:
//
//	{"seq":12,"host":"lab-01","episode":"ep-1","curve":[1.5,null,...],"signature":["AADAPw...",...],"seconds":[10,2,3,25,5]}
//	{"seq":12,"host":"lab-01","episode":"ep-1","reason":"corrupt","detail":"wrong checksum"}
//	{"seq":12,"host":"lab-01","episode":"ep-1","retracted":true}
//
// The first has neither signature nor seconds where the spec has no signature. The last two also have "had_curve":true where that holds; an empty detail is left out.

// EncodeEntry writes an entry as it is stored. It is an error where the entry is not one that [DecodeEntry] would take.
func EncodeEntry(e Entry) ([]byte, error) { return e.MarshalJSON() }

// MarshalJSON is [EncodeEntry]; calling either is faster than encoding/json, which reads the result over again.
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
	return e.appendJSON(make([]byte, 0, 256+(20+6*len(e.Signature))*len(e.Curve))), nil
}

// appendJSON writes any entry; what MarshalJSON refuses it writes in a way that is no JSON, or no entry, but still tells it from others.
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
			to = append(to, `,"seconds":`...)
			to = e.Seconds.appendJSON(to)
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

// appendString writes a JSON string. Ids and reasons are plain ASCII, which needs no escapes.
func appendString(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(text)
			if err != nil {
				panic(fmt.Sprintf("fit: write a string as JSON: %v", err)) // can't be: every string has a JSON form
			}
			return append(to, quoted...)
		}
	}
	to = append(to, '"')
	to = append(to, text...)
	return append(to, '"')
}

// DecodeEntry reads an entry as [EncodeEntry] writes it. Anything else is an error: no JSON object, something after it, an unknown key,
// no sequence, not exactly one of the three states. How many points the curve has is left to [Entry.Validate].
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
	if len(read.Signature) == 0 { // lengths without a signature say nothing
		read.Signature, read.Seconds = nil, Seconds{}
	}
	if err := read.check(); err != nil { // also where two of the three states are there
		return fmt.Errorf("read entry: %w", err)
	}
	*e = read
	return nil
}

// parseEntry reads an entry in any form that JSON allows. Whether it is a valid one is left to check.
func parseEntry(text []byte) (Entry, error) {
	var form struct {
		Seq       *uint64   `json:"seq"`
		Host      string    `json:"host"`
		Episode   string    `json:"episode"`
		Curve     *Curve    `json:"curve"`
		Signature Signature `json:"signature"`
		Seconds   Seconds   `json:"seconds"`
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
		return Entry{}, errors.New("more follows after the object")
	}
	if form.Seq == nil {
		return Entry{}, errors.New("no sequence")
	}
	read := Entry{Seq: *form.Seq, Host: form.Host, Episode: form.Episode, Signature: form.Signature, Seconds: form.Seconds, Detail: form.Detail, HadCurve: form.HadCurve}
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
