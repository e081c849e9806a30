package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// readAll reads what a stream holds of a filter at the moment of the call, in
// order, and what is stored while it reads; it returns the last sequence read, 0
// where there was nothing.
//
// It makes no consumer: whoever may make or delete one on a stream could stop
// the workers, and readers have no right to that. A message that comes in while
// another of its subject is removed is read, so that of a bucket no key is missed.
//
// How much there is only the stream's leader knows. A batch may be of a server
// that lags, for a moment or, after its disk was full, for good; what it lacks the
// leader hands out one by one.
func (b *Bus) readAll(ctx context.Context, stream, filter string, each func(*jetstream.RawStreamMsg) error) (uint64, error) {
	end, _, err := b.leaderLast(ctx, stream, filter)
	last, pending := uint64(0), uint64(0)
	for err == nil && (last < end.Sequence || pending > 0) {
		var read uint64
		read, pending, err = b.readBatch(ctx, stream, filter, last+1, each)
		if err == nil && read == 0 {
			var next jetstream.RawStreamMsg
			var found bool
			if next, found, err = b.leaderNext(ctx, stream, filter, last+1); !found {
				break // the rest has been removed
			}
			read, err = next.Sequence, each(&next)
		}
		last = max(last, read)
	}
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", stream, err)
	}
	return last, nil
}

// A batch of readAll is bounded in both, so that what is under way stays small.
const (
	readMessages = 1_000
	readBytes    = 4 << 20
)

// readBatch hands on the messages that match a filter from a sequence on, as any
// replica has them, up to a batch. It returns the last sequence, 0 where there
// was none, and how many are pending there after it.
func (b *Bus) readBatch(ctx context.Context, stream, filter string, from uint64, each func(*jetstream.RawStreamMsg) error) (last, pending uint64, err error) {
	question, err := json.Marshal(map[string]any{"seq": from, "next_by_subj": filter, "batch": readMessages, "max_bytes": readBytes})
	if err != nil {
		return 0, 0, err
	}
	inbox := b.nc.NewInbox()
	answers, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = answers.Unsubscribe() }()
	ctx, done := b.heed(ctx, apiSubject("DIRECT.GET."+stream))
	defer done()
	if err := b.nc.PublishRequest(apiSubject("DIRECT.GET."+stream), inbox, question); err != nil {
		return 0, 0, err
	}
	for {
		once, end := context.WithTimeout(ctx, requestTimeout)
		answer, err := answers.NextMsgWithContext(once)
		end()
		if err != nil {
			return 0, 0, toldBy(ctx, err)
		}
		// The server's own headers stand behind those that a sender may have made up.
		if lastHeader(answer, jetstream.StreamHeader) == "" { // the end of the batch, or no answer
			pending, err = endOfBatch(answer)
			return last, pending, err
		}
		msg, err := rawMessage(answer)
		if err != nil {
			return 0, 0, err
		}
		if err := each(msg); err != nil {
			return 0, 0, err
		}
		last = msg.Sequence
	}
}

// endOfBatch reads the message after the last: how many are pending, or why there
// is no batch.
func endOfBatch(answer *nats.Msg) (pending uint64, err error) {
	switch status := answer.Header.Get("Status"); status {
	case "204":
		return strconv.ParseUint(lastHeader(answer, "Nats-Num-Pending"), 10, 64)
	case "404": // no such message
		return 0, nil
	case "503":
		return 0, nats.ErrNoResponders
	default:
		return 0, fmt.Errorf("the server says %s %s", status, answer.Header.Get("Description"))
	}
}

func lastHeader(msg *nats.Msg, key string) string {
	values := msg.Header.Values(key)
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// rawMessage is a message of a stream as a direct get gives it.
func rawMessage(answer *nats.Msg) (*jetstream.RawStreamMsg, error) {
	seq, err := strconv.ParseUint(lastHeader(answer, jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("an answer without a sequence: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, lastHeader(answer, jetstream.TimeStampHeaer))
	if err != nil {
		return nil, fmt.Errorf("an answer without a time: %w", err)
	}
	return &jetstream.RawStreamMsg{
		Subject: lastHeader(answer, jetstream.SubjectHeader), Sequence: seq, Header: answer.Header, Data: answer.Data, Time: at,
	}, nil
}

// leaderLast asks a stream's leader for the last message that matches a filter;
// false: there is none. A direct get would do with any replica's word, and one
// that lags says "no such message" of what was stored just now.
func (b *Bus) leaderLast(ctx context.Context, stream, filter string) (jetstream.RawStreamMsg, bool, error) {
	return b.leaderGet(ctx, stream, map[string]any{"last_by_subj": filter})
}

// leaderNext is the same for the first message from a sequence on.
func (b *Bus) leaderNext(ctx context.Context, stream, filter string, from uint64) (jetstream.RawStreamMsg, bool, error) {
	return b.leaderGet(ctx, stream, map[string]any{"seq": from, "next_by_subj": filter})
}

func (b *Bus) leaderGet(ctx context.Context, stream string, which map[string]any) (msg jetstream.RawStreamMsg, found bool, err error) {
	question, err := json.Marshal(which)
	if err != nil {
		return msg, false, err
	}
	reply, err := b.request(ctx, apiSubject("STREAM.MSG.GET."+stream), question)
	if err != nil {
		return msg, false, err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Subject  string    `json:"subject"`
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	switch err := json.Unmarshal(reply.Data, &answer); {
	case err != nil:
		return msg, false, fmt.Errorf("read the answer about stream %s: %w", stream, err)
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return msg, false, nil
	case answer.Error != nil:
		return msg, false, answer.Error
	case answer.Message == nil:
		return msg, false, errors.New("the answer about stream " + stream + " is empty")
	}
	m := answer.Message
	msg = jetstream.RawStreamMsg{Subject: m.Subject, Sequence: m.Sequence, Data: m.Data, Time: m.Time}
	if len(m.Header) > 0 {
		if msg.Header, err = nats.DecodeHeadersMsg(m.Header); err != nil {
			return msg, false, fmt.Errorf("read the headers of message %d of stream %s: %w", m.Sequence, stream, err)
		}
	}
	return msg, true, nil
}

// apiSubject is the subject of a call of the JetStream API.
func apiSubject(call string) string { return "$JS.API." + call }

// request asks one question and waits for at most requestTimeout. What is asked of
// a stream while it has no leader is never answered: ask again.
func (b *Bus) request(ctx context.Context, subject string, question []byte) (*nats.Msg, error) {
	ctx, end := context.WithTimeout(ctx, requestTimeout)
	defer end()
	ctx, done := b.heed(ctx, subject)
	defer done()
	answer, err := b.nc.RequestWithContext(ctx, subject, question)
	return answer, toldBy(ctx, err)
}
