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
)

// A Rejection ends a message for good: it is filed under REJECTED with reason
// and detail, then terminated. Handlers return it as their error.
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

// maxDetail keeps headers small; NATS header values have no line ends.
const maxDetail = 500

// reject stores the copy. The id makes one copy of what several workers or
// generations reject at about the same time. It names the time at which the message
// was stored, too: a log that was restored from an older backup gives its places
// once more, and a message that says nothing has nothing else that tells it apart.
func (b *Bus) reject(ctx context.Context, msg jetstream.Msg, seq uint64, r *Rejection) error {
	out := nats.NewMsg(subjectRejected + string(r.Reason))
	out.Data = msg.Data()
	maps.Copy(out.Header, msg.Headers())
	// What told the server how to store the message must not decide about its
	// copy, which would be refused for ever.
	maps.DeleteFunc(out.Header, func(key string, _ []string) bool { return strings.HasPrefix(key, "Nats-") })
	out.Header.Set(HeaderReason, string(r.Reason))
	out.Header.Set(HeaderDetail, oneLine(r.Detail, maxDetail))
	out.Header.Set(HeaderSubject, msg.Subject())
	out.Header.Set(HeaderSequence, fmt.Sprint(seq))
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("file message %d under REJECTED: %w", seq, err)
	}
	out.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%d/%d/%s", seq, meta.Timestamp.UnixNano(), r.Reason))
	if _, err := b.publish(ctx, out); err != nil {
		return fmt.Errorf("file message %d under REJECTED: %w", seq, err)
	}
	return nil
}

// oneLine makes text fit for a header.
func oneLine(text string, limit int) string {
	line := []rune(text)
	if len(line) > limit {
		line = append(line[:limit-1], '…')
	}
	for i, r := range line {
		if r < ' ' || r == 0x7f {
			line[i] = ' '
		}
	}
	return string(line)
}

// A Rejected is one message of REJECTED.
type Rejected struct {
	Notice  // as it was sent, empty where it was malformed; Seq is its place in the log
	Reason  fit.Reason
	Detail  string
	FiledAt time.Time
}

// Rejected reads what REJECTED holds, oldest first.
func (b *Bus) Rejected(ctx context.Context, each func(Rejected) error) error {
	_, err := b.readAll(ctx, RejectedStream, ">", func(msg *jetstream.RawStreamMsg) error {
		r := Rejected{Reason: fit.Reason(msg.Header.Get(HeaderReason)), Detail: msg.Header.Get(HeaderDetail), FiledAt: msg.Time}
		if n, err := parseNotice(msg.Header.Get(HeaderSubject), msg.Data); err == nil {
			r.Notice = n
		}
		r.Seq, _ = strconv.ParseUint(msg.Header.Get(HeaderSequence), 10, 64) // 0 where somebody else filed it
		return each(r)
	})
	return err
}
