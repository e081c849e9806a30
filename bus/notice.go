package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Notice is one message of the episode log: an episode was accepted, or its
// acceptance was taken back. docs/MESSAGES.md is its contract.
type Notice struct {
	Retracted bool // false: accepted
	// Episode, Host and Profile are as sent; whoever uses them validates them.
	Episode, Host, Profile string
	// At is when the sender says it happened; zero where it didn't say. It is
	// shown and measured against, never decided by.
	At time.Time

	// Seq is the message's place in the log, from 1. Zero before it is stored.
	Seq uint64
	// Deliveries counts how often the message was handed out, this time included.
	Deliveries uint64
	// Tries counts the readers that began with it and did not live to see how it
	// ended. Fewer than FatalTries of them may only be slow.
	Tries int
	// Crowded says that so many messages wait for another try that they keep
	// others out.
	Crowded bool
	// Again is what the last try in this process asked for; nil at the first.
	Again *Later
}

// notice is the wire form. The time is a string (RFC 3339) or a number (seconds
// since 1970), since senders exist of both kinds.
type notice struct {
	Episode     string          `json:"episode_id"`
	Host        string          `json:"host_id"`
	Profile     string          `json:"profile"`
	AcceptedAt  json.RawMessage `json:"accepted_at,omitempty"`
	RetractedAt json.RawMessage `json:"retracted_at,omitempty"`
}

// subject is where the notice is published.
func (n Notice) subject() string {
	if n.Retracted {
		return SubjectRetracted
	}
	return SubjectAccepted
}

// Key tells episodes apart: one that changes its profile is another key.
func (n Notice) Key() string { return n.Host + "/" + n.Episode + "/" + n.Profile }

// message encodes n. Its id is the same whenever this one publish is retried,
// and another for each deliberate sending.
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

// parseNotice decodes what a sender wrote. Anything but one JSON object with
// strings where strings belong is an error.
func parseNotice(subject string, data []byte) (Notice, error) {
	n := Notice{Retracted: subject == SubjectRetracted}
	if data = bytes.TrimLeft(data, " \t\r\n"); len(data) > 0 && data[0] != '{' {
		return n, errors.New("the message is no JSON object")
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

// parseTime is lenient: nothing but display depends on it.
func parseTime(raw json.RawMessage) time.Time {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t
		}
		return time.Time{}
	}
	var seconds float64
	if json.Unmarshal(raw, &seconds) == nil && seconds > 0 && seconds < 1e11 {
		return time.Unix(0, int64(seconds*1e9))
	}
	return time.Time{}
}

// Publish stores one notice in the log and returns its sequence.
func (b *Bus) Publish(ctx context.Context, n Notice) (uint64, error) {
	return b.publish(ctx, n.message())
}

// publishWindow is how many notices may be under way at once.
const publishWindow = 256

// PublishAll stores notices in order of the sequence and calls done after each
// that was acknowledged. It ends at the first that could not be stored; all
// before it are.
func (b *Bus) PublishAll(ctx context.Context, notices iter.Seq[Notice], done func(Notice)) error {
	type sent struct {
		n   Notice
		msg *nats.Msg
		ack jetstream.PubAckFuture
	}
	var window []sent
	ctx, heard := b.heed(ctx, subjectEpisode+">")
	defer heard()
	settle := func() error {
		s := window[0]
		window = window[1:]
		select {
		case <-s.ack.Ok():
		case err := <-s.ack.Err():
			b.log.Debug("publish again", "episode", s.n.Key(), "err", err)
			// The same id again: where the first was stored, this is swallowed.
			if _, err := b.publish(ctx, s.msg); err != nil {
				return fmt.Errorf("publish %s of %s: %w", s.msg.Subject, s.n.Key(), err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		done(s.n)
		return nil
	}
	for n := range notices {
		if len(window) == publishWindow {
			if err := settle(); err != nil {
				return err
			}
		}
		msg := n.message()
		ack, err := b.js.PublishMsgAsync(msg)
		if err != nil {
			return fmt.Errorf("publish %s of %s: %w", msg.Subject, n.Key(), err)
		}
		window = append(window, sent{n, msg, ack})
	}
	for len(window) > 0 {
		if err := settle(); err != nil {
			return err
		}
	}
	return nil
}

// Log reads the whole episode log as it stands, oldest first. Messages that
// can't be decoded are left out. It returns the last sequence read.
func (b *Bus) Log(ctx context.Context, each func(Notice) error) (uint64, error) {
	return b.readLog(ctx, ">", each)
}

// Holds tells whether the log has at its place the message that an entry stems
// from. A server that lags may not have it yet: then it tells nothing, and the
// answer is true.
func (b *Bus) Holds(ctx context.Context, o Origin) (bool, error) {
	s, err := b.stream(ctx, EpisodesStream)
	if err != nil {
		return false, err
	}
	msg, err := s.GetMsg(ctx, o.Seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read message %d of the log: %w", o.Seq, err)
	}
	n, err := parseNotice(msg.Subject, msg.Data)
	return err == nil && o == Origin{o.Seq, n.Host, n.Episode, n.Profile, n.Retracted}, nil
}

// Retractions reads what the log takes back, as it stands, oldest first.
func (b *Bus) Retractions(ctx context.Context, each func(Notice) error) (uint64, error) {
	return b.readLog(ctx, SubjectRetracted, each)
}

func (b *Bus) readLog(ctx context.Context, filter string, each func(Notice) error) (uint64, error) {
	return b.readAll(ctx, EpisodesStream, filter, func(msg *jetstream.RawStreamMsg) error {
		n, err := parseNotice(msg.Subject, msg.Data)
		if err != nil {
			return nil
		}
		n.Seq = msg.Sequence
		return each(n)
	})
}
