package bus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Notice is one message of the episode log: an episode was accepted, or its
// acceptance was taken back. docs/MESSAGES.md defines it.
type Notice struct {
	Retracted bool // false: accepted
	// Episode, Host and Profile are as sent. They are not validated.
	Episode, Host, Profile string
	// At is when it happened, by the sender's clock; zero where the sender did not
	// say. It is for display and for measuring only.
	At time.Time

	// Seq is the message's place in the log, from 1. Zero before it is stored.
	Seq uint64
}

// notice is the JSON of a message. The time is a string (RFC 3339) or a number
// (seconds since 1970): there are senders of both kinds.
type notice struct {
	Episode     string          `json:"episode_id"`
	Host        string          `json:"host_id"`
	Profile     string          `json:"profile"`
	AcceptedAt  json.RawMessage `json:"accepted_at,omitempty"`
	RetractedAt json.RawMessage `json:"retracted_at,omitempty"`
}

// subject is the subject that n is published under.
func (n Notice) subject() string {
	if n.Retracted {
		return SubjectRetracted
	}
	return SubjectAccepted
}

// Key identifies an episode of a profile. The same episode in another profile has
// another key.
func (n Notice) Key() string { return n.Host + "/" + n.Episode + "/" + n.Profile }

// message encodes n. The message id is the same when one publish is retried, so
// that the message is stored once, and another each time an episode is published
// on purpose.
func (n Notice) message() *nats.Msg {
	at, err := json.Marshal(n.At.UTC().Format(time.RFC3339Nano))
	if err != nil {
		at = []byte("null")
	}
	w := notice{Episode: n.Episode, Host: n.Host, Profile: n.Profile}
	letter := "a"
	if n.Retracted {
		letter, w.RetractedAt = "r", at
	} else {
		w.AcceptedAt = at
	}
	msg := nats.NewMsg(n.subject())
	msg.Data, _ = json.Marshal(w) // strings and raw JSON always encode
	msg.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%s/%s/%s/%d", letter, n.Host, n.Episode, n.At.UnixNano()))
	return msg
}

// parseNotice decodes a message. It is an error if the message is not one JSON
// object, if a name in it is not a string, or if it is longer than maxNoticeBytes.
func parseNotice(subject string, data []byte) (Notice, error) {
	n := Notice{Retracted: subject == SubjectRetracted}
	if len(data) > maxNoticeBytes {
		return n, fmt.Errorf("the message has %d bytes, at most %d are read", len(data), maxNoticeBytes)
	}
	if data = bytes.TrimLeft(data, " \t\r\n"); len(data) > 0 && data[0] != '{' {
		return n, errors.New("the message is not a JSON object")
	}
	var w notice
	if err := json.Unmarshal(data, &w); err != nil {
		return n, fmt.Errorf("decode the message: %w", err)
	}
	n.Episode, n.Host, n.Profile = w.Episode, w.Host, w.Profile
	at := w.AcceptedAt
	if n.Retracted {
		at = w.RetractedAt
	}
	n.At = parseTime(at)
	return n, nil
}

// earliest is before every episode. An earlier time comes from a clock that was never set.
var earliest = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

// parseTime returns zero for a time that it can't read or that can't be true: times are only
// displayed and used to measure latency.
func parseTime(raw json.RawMessage) time.Time {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil && t.After(earliest) {
			return t
		}
		return time.Time{}
	}
	var seconds float64
	if json.Unmarshal(raw, &seconds) == nil && seconds > float64(earliest.Unix()) && seconds < 1e11 {
		whole, part := math.Modf(seconds) // in ns, seconds could exceed an int64
		return time.Unix(int64(whole), int64(part*1e9))
	}
	return time.Time{}
}
