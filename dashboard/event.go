package dashboard

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cis490/profiles/bus"
)

// An event is the last one of its subject. It never changes, so that all
// browsers share it.
type event struct {
	subject string
	kind    string // its type, as in the subject
	seq     uint64
	at      time.Time // when the stream stored it
	data    []byte    // as published; part of frame where that is one line
	frame   []byte    // as browsers get it
}

// Limits of a type's name, in a subject and in a posted event.
const maxType = 64

var typePattern = regexp.MustCompile(`^[a-z0-9_]+$`)

func isType(s string) bool { return len(s) <= maxType && typePattern.MatchString(s) }

// reserved are types that no event can have, since browsers would take them for
// what the bridge or their own event source says.
var reserved = map[string]bool{bridgeEvent: true, "open": true, "error": true}

// Reasons why an event of the stream is not shown, as label values.
const (
	leftSubject = "subject"  // its subject is not dashboard.<type>.<name>
	leftJSON    = "not_json" // browsers could not read it
	leftSize    = "size"     // alone above MAX_STATE_BYTES
	leftRoom    = "room"     // older than all that MAX_SUBJECTS and MAX_STATE_BYTES leave room for
)

// newEvent makes the event of a message. Where it can't be shown, it says why.
func newEvent(p bus.Posted) (*event, string) {
	parts := strings.SplitN(p.Subject, ".", 3)
	if len(parts) != 3 || !isType(parts[1]) || reserved[parts[1]] {
		return nil, leftSubject
	}
	if !json.Valid(p.Data) {
		return nil, leftJSON
	}
	e := &event{subject: p.Subject, kind: parts[1], seq: p.Seq, at: p.At, data: p.Data}
	b := make([]byte, 0, len("event: \nid: \nat: \ndata: \n\n")+len(e.kind)+20+20+len(p.Data))
	b = append(b, "event: "...)
	b = append(b, e.kind...)
	b = append(b, "\nid: "...)
	b = strconv.AppendUint(b, e.seq, 10)
	b = append(b, "\nat: "...) // ours: an event source ignores a field that it doesn't know
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

// appendData writes JSON as data lines. A line end in JSON is white space, and
// what ends a line of a feed is one of \n, \r\n and \r.
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

// overhead is about what an event costs beside its bytes.
const overhead = 256

func (e *event) size() int64 {
	n := len(e.frame) + 2*len(e.subject) + overhead
	if bytes.ContainsAny(e.data, "\r\n") {
		n += len(e.data)
	}
	return int64(n)
}
