package bus

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
)

// A Rejection is the error of a task whose message can't be used. The message is
// filed under REJECTED with reason and detail, then terminated.
type Rejection struct {
	Reason fit.Reason
	Detail string // one sentence for the person who looks into it
}

func (r *Rejection) Error() string { return string(r.Reason) + ": " + r.Detail }

// Headers of a message in REJECTED. Keys are case-sensitive.
const (
	HeaderReason   = "Rejected-Reason"
	HeaderDetail   = "Rejected-Detail"
	HeaderSubject  = "Rejected-Subject"  // where it was published
	HeaderSequence = "Rejected-Sequence" // its sequence in EPISODES
)

// maxDetail is the longest detail in a header, in characters.
const maxDetail = 500

// reject stores a copy of a message in REJECTED. The copy's message id makes the
// server store one copy where several workers or generations reject the message at
// about the same time. The id has the time at which the message was stored, because
// a log that was restored from an older backup gives the same sequence to another
// message.
func (b *Bus) reject(ctx context.Context, msg jetstream.Msg, seq uint64, storedAt time.Time, r *Rejection) error {
	out := nats.NewMsg(subjectRejected + string(r.Reason))
	out.Data = msg.Data()
	maps.Copy(out.Header, msg.Headers())
	// Headers that told the server how to store the message could make it refuse the
	// copy for ever.
	maps.DeleteFunc(out.Header, func(key string, _ []string) bool { return strings.HasPrefix(key, "Nats-") })
	out.Header.Set(HeaderReason, string(r.Reason))
	out.Header.Set(HeaderDetail, oneLine(r.Detail, maxDetail))
	out.Header.Set(HeaderSubject, msg.Subject())
	out.Header.Set(HeaderSequence, fmt.Sprint(seq))
	out.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%d/%d/%s", seq, storedAt.UnixNano(), r.Reason))
	if _, err := b.PublishMsg(ctx, out); err != nil {
		return fmt.Errorf("file message %d under REJECTED: %w", seq, err)
	}
	return nil
}

// oneLine makes text fit for a header, which people print on a terminal: no line ends or control characters, at most limit
// characters.
func oneLine(text string, limit int) string {
	line := []rune(plain.Line(text))
	if len(line) > limit {
		line = append(line[:limit-1], '…')
	}
	return string(line)
}

// A Rejected is one message of REJECTED.
type Rejected struct {
	Notice  // as sent, empty where it was malformed; Seq is its place in the log
	Reason  fit.Reason
	Detail  string
	FiledAt time.Time
}

// ReadRejected calls each with every message of REJECTED, oldest first.
func (b *Bus) ReadRejected(ctx context.Context, each func(Rejected) error) error {
	_, err := b.ReadAll(ctx, RejectedStream, ">", func(msg *jetstream.RawStreamMsg) error {
		r := Rejected{Reason: fit.Reason(msg.Header.Get(HeaderReason)), Detail: msg.Header.Get(HeaderDetail), FiledAt: msg.Time}
		if n, err := parseNotice(msg.Header.Get(HeaderSubject), msg.Data); err == nil {
			r.Notice = n
		}
		r.Seq, _ = strconv.ParseUint(msg.Header.Get(HeaderSequence), 10, 64) // 0 where another program filed it
		return each(r)
	})
	return err
}
