package dashboard

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cis490/profiles/bus/events"
)

// An event is the last event of one subject. It is immutable: all browsers
// share it.
type event struct {
	subject string
	kind    string // the type in the subject
	seq     uint64
	at      time.Time // when the stream stored it
	data    []byte    // as published; a part of frame if it has no line ends
	frame   []byte    // as browsers get it
}

// maxType is the greatest length of a type, in a subject and in a posted event.
const maxType = 64

var typePattern = regexp.MustCompile(`^[a-z0-9_]+$`)

func isType(s string) bool { return len(s) <= maxType && typePattern.MatchString(s) }

// reserved are the types that no event of the stream may have: those of the
// dashboard's own events, and those that an EventSource gives to its own events.
var reserved = map[string]bool{bridgeEvent: true, refusedEvent: true, "open": true, "error": true}

// Why an event of the stream is not shown: values of a metric's label.
const (
	omitSubject = "subject"  // its subject is not dashboard.<type>.<name>
	omitJSON    = "not_json" // its data are not JSON
	omitSize    = "size"     // it alone is larger than MAX_STATE_BYTES
	omitRoom    = "room"     // it was dropped to stay within MAX_SUBJECTS and MAX_STATE_BYTES
)

// newEvent converts a message of the stream. If it can't be shown, the event is
// nil and the string is the reason.
func newEvent(p events.Stored) (*event, string) {
	parts := strings.SplitN(p.Subject, ".", 3)
	if len(parts) != 3 || !isType(parts[1]) || reserved[parts[1]] {
		return nil, omitSubject
	}
	if !json.Valid(p.Data) {
		return nil, omitJSON
	}
	e := &event{subject: p.Subject, kind: parts[1], seq: p.Seq, at: p.At, data: p.Data}
	b := make([]byte, 0, len("event: \nid: \nat: \ndata: \n\n")+len(e.kind)+20+20+len(p.Data))
	b = append(b, "event: "...)
	b = append(b, e.kind...)
	b = append(b, "\nid: "...)
	b = strconv.AppendUint(b, e.seq, 10)
	b = append(b, "\nat: "...) // for our page; an EventSource ignores fields that it does not know
	b = strconv.AppendInt(b, e.at.UnixMilli(), 10)
	if bytes.ContainsAny(p.Data, "\r\n") {
		b = append(b, '\n')
		b = appendData(b, p.Data)
		e.frame = append(b, '\n')
		return e, ""
	}
	b = append(b, "\ndata: "...)
	start := len(b)
	b = append(b, p.Data...)
	e.frame = append(b, "\n\n"...)
	e.data = e.frame[start : start+len(p.Data) : start+len(p.Data)]
	return e, ""
}

// appendData appends JSON as data fields, one for each of its lines. Lines end
// with \n, \r\n or \r, which are white space in JSON.
func appendData(b, data []byte) []byte {
	for len(data) > 0 {
		line := data
		end := bytes.IndexAny(data, "\r\n")
		switch {
		case end < 0:
			data = nil
		case data[end] == '\r' && end+1 < len(data) && data[end+1] == '\n':
			line, data = data[:end], data[end+2:]
		default:
			line, data = data[:end], data[end+1:]
		}
		b = append(b, "data: "...)
		b = append(b, line...)
		b = append(b, '\n')
	}
	return b
}

// eventOverhead is about how much memory an event takes beside its bytes.
const eventOverhead = 256

// size is about how much memory the event takes.
func (e *event) size() int64 {
	n := len(e.frame) + 2*len(e.subject) + eventOverhead
	if bytes.ContainsAny(e.data, "\r\n") {
		n += len(e.data)
	}
	return int64(n)
}
