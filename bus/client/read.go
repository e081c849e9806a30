package client

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

// ReadAll is ReadFrom from the first message on.
func (c *Client) ReadAll(ctx context.Context, stream, filter string, each func(*jetstream.RawStreamMsg) error) (uint64, error) {
	return c.ReadFrom(ctx, stream, filter, 1, each)
}

// ReadFrom calls each with every message of a stream whose subject matches a filter,
// from a sequence on, in order: those stored when it is called, and those stored while
// it reads. It returns the last sequence read, 0 if no message matched. An error of
// each ends it.
//
// It creates no consumer, because a user who may create or delete consumers on a
// stream could stop the workers, and users who only read must not have that right.
// Of a bucket it misses no key: where a key is put again while it reads, it reads
// the new message.
//
// Only the stream's leader knows how much there is. A batch may come from a server
// that lags, for a moment or, after its disk was full, for good. The messages that
// such a batch lacks are asked of the leader one by one.
func (c *Client) ReadFrom(ctx context.Context, stream, filter string, from uint64, each func(*jetstream.RawStreamMsg) error) (uint64, error) {
	end, _, err := c.LastMsgFromLeader(ctx, stream, filter)
	next, last, pending := max(from, 1), uint64(0), uint64(0)
	for err == nil && (next <= end.Sequence || pending > 0) {
		var read uint64
		if next == end.Sequence {
			read, pending, err = next, 0, each(&end) // the leader has sent it already
		} else if read, pending, err = c.readBatch(ctx, stream, filter, next, each); err == nil && read == 0 {
			var msg jetstream.RawStreamMsg
			var found bool
			if msg, found, err = c.nextMsgFromLeader(ctx, stream, filter, next); !found {
				break // the rest has been deleted
			}
			read, err = msg.Sequence, each(&msg)
		}
		if read > 0 {
			next, last = read+1, read
		}
	}
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", stream, err)
	}
	return last, nil
}

// ReadReplica is ReadFrom without the leader: any replica answers, and one that lags leaves
// out the last messages. It costs one request for each batch, and no message is encoded as
// JSON.
func (c *Client) ReadReplica(ctx context.Context, stream, filter string, from uint64, each func(*jetstream.RawStreamMsg) error) error {
	for next, pending := max(from, 1), uint64(1); pending > 0; {
		read, more, err := c.readBatch(ctx, stream, filter, next, each)
		if err != nil {
			return fmt.Errorf("read stream %s: %w", stream, err)
		}
		if read == 0 {
			return nil
		}
		next, pending = read+1, more
	}
	return nil
}

// A batch is bounded in messages and in bytes, so that it needs little memory.
const (
	readMessages = 1_000
	readBytes    = 4 << 20
)

// readBatch reads one batch from any replica, from a sequence on. It returns the
// last sequence that it read, 0 if it read no message, and how many matching
// messages that replica has after it.
func (c *Client) readBatch(ctx context.Context, stream, filter string, from uint64, each func(*jetstream.RawStreamMsg) error) (last, pending uint64, err error) {
	question, err := json.Marshal(map[string]any{"seq": from, "next_by_subj": filter, "batch": readMessages, "max_bytes": readBytes})
	if err != nil {
		return 0, 0, err
	}
	inbox := c.nc.NewInbox()
	answers, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = answers.Unsubscribe() }()
	ctx, done := c.WatchDenials(ctx, c.APISubject("DIRECT.GET."+stream))
	defer done()
	if err := c.nc.PublishRequest(c.APISubject("DIRECT.GET."+stream), inbox, question); err != nil {
		return 0, 0, err
	}
	for {
		once, end := context.WithTimeout(ctx, RequestTimeout)
		answer, err := answers.NextMsgWithContext(once)
		end()
		if err != nil {
			return 0, 0, OrDenied(ctx, err)
		}
		// The server appends its headers: the last value is the server's, earlier ones may be the sender's.
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

// endOfBatch reads the status message that ends a batch: how many messages are
// pending after it, or the error.
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

// rawMessage decodes the answer of a direct get.
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

// LastMsgFromLeader asks a stream's leader for the last message whose subject
// matches a filter; false if no message does. (A direct get may be answered by a
// replica that lags and does not have the message yet.)
func (c *Client) LastMsgFromLeader(ctx context.Context, stream, filter string) (jetstream.RawStreamMsg, bool, error) {
	return c.msgFromLeader(ctx, stream, map[string]any{"last_by_subj": filter})
}

// ReadFromLeader calls each with every message of a stream whose subject matches a
// filter, in order, as the stream's leader has them. It asks for one message at a time,
// with the right of clients that write by compare-and-set: use it for few messages. An
// error of each ends it.
func (c *Client) ReadFromLeader(ctx context.Context, stream, filter string, each func(*jetstream.RawStreamMsg) error) error {
	for from := uint64(1); ; {
		msg, found, err := c.nextMsgFromLeader(ctx, stream, filter, from)
		if err != nil {
			return fmt.Errorf("read stream %s: %w", stream, err)
		}
		if !found {
			return nil
		}
		if err := each(&msg); err != nil {
			return err
		}
		from = msg.Sequence + 1
	}
}

// nextMsgFromLeader asks for the first matching message from a sequence on.
func (c *Client) nextMsgFromLeader(ctx context.Context, stream, filter string, from uint64) (jetstream.RawStreamMsg, bool, error) {
	return c.msgFromLeader(ctx, stream, map[string]any{"seq": from, "next_by_subj": filter})
}

func (c *Client) msgFromLeader(ctx context.Context, stream string, which map[string]any) (msg jetstream.RawStreamMsg, found bool, err error) {
	question, err := json.Marshal(which)
	if err != nil {
		return msg, false, err
	}
	reply, err := c.Request(ctx, c.APISubject("STREAM.MSG.GET."+stream), question)
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

// APISubject is the subject of a request of the JetStream API, in the domain NATS_JS_DOMAIN.
func (c *Client) APISubject(call string) string {
	if c.cfg.JSDomain != "" {
		return "$JS." + c.cfg.JSDomain + ".API." + call
	}
	return "$JS.API." + call
}

// Request asks one question and waits for at most RequestTimeout. A request to a
// stream that has no leader is never answered: ask again.
func (c *Client) Request(ctx context.Context, subject string, question []byte) (*nats.Msg, error) {
	ctx, end := context.WithTimeout(ctx, RequestTimeout)
	defer end()
	ctx, done := c.WatchDenials(ctx, subject)
	defer done()
	answer, err := c.nc.RequestWithContext(ctx, subject, question)
	return answer, OrDenied(ctx, err)
}
