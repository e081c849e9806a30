package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/internal/wait"
)

// A Value is the last message of a subject. The key of a bucket is a subject, too:
// see KeySubject. The zero Value means that there was never a message.
type Value struct {
	Data []byte
	// Revision is the stream sequence, also of a delete marker; 0 where nothing was
	// ever stored. The next compare-and-set must name it.
	Revision uint64
	Exists   bool      // false: nothing was stored, or a delete marker is the last
	StoredAt time.Time // by the server's clock
}

// headerOperation marks deletes and purges in the messages of a bucket.
const headerOperation = "KV-Operation"

// Last reads the last message of a subject from any server that has the stream. A
// server that lags, even for good, may answer with an earlier one. A
// compare-and-set against that then loses, and LastFromLeader gives the present one.
func (c *Client) Last(ctx context.Context, stream, subject string) (Value, error) {
	question, err := json.Marshal(map[string]any{"last_by_subj": subject})
	if err != nil {
		return Value{}, err
	}
	answer, err := c.directGet(ctx, stream, question)
	if err != nil {
		return Value{}, fmt.Errorf("read %s: %w", subject, err)
	}
	if lastHeader(answer, jetstream.StreamHeader) == "" { // no message, or an error
		if _, err := endOfBatch(answer); err != nil {
			return Value{}, fmt.Errorf("read %s: %w", subject, err)
		}
		return Value{}, nil
	}
	msg, err := rawMessage(answer)
	if err != nil {
		return Value{}, fmt.Errorf("read %s: %w", subject, err)
	}
	return Value{Data: msg.Data, Revision: msg.Sequence, Exists: !isDelete(msg.Header), StoredAt: msg.Time}, nil
}

// directGet sends one direct get. While a stream's leader is elected, for a moment no
// server may answer: then it asks again, for RequestTimeout. The error matches IsAbsent if
// there is no such stream.
func (c *Client) directGet(ctx context.Context, stream string, question []byte) (*nats.Msg, error) {
	trying, end := context.WithTimeout(ctx, RequestTimeout)
	defer end()
	pause := wait.Backoff{Min: 20 * time.Millisecond, Max: time.Second}
	for {
		answer, err := c.Request(ctx, c.APISubject("DIRECT.GET."+stream), question)
		if !errors.Is(err, nats.ErrNoResponders) {
			return answer, err
		}
		if _, absent := c.OpenStream(ctx, stream); IsAbsent(absent) {
			return nil, absent
		}
		if pause.Wait(trying) != nil {
			return nil, err
		}
	}
}

// LastFromLeader reads the last message of a subject from the stream's leader. It
// is never an earlier one.
func (c *Client) LastFromLeader(ctx context.Context, stream, subject string) (Value, error) {
	msg, found, err := c.LastMsgFromLeader(ctx, stream, subject)
	if err != nil {
		return Value{}, fmt.Errorf("read %s: %w", subject, err)
	}
	return Value{Data: msg.Data, Revision: msg.Sequence, Exists: found && !isDelete(msg.Header), StoredAt: msg.Time}, nil
}

// isDelete reports whether a bucket's message marks that the key was deleted.
func isDelete(header nats.Header) bool {
	return header.Get(headerOperation) != "" || header.Get(jetstream.MarkerReasonHeader) != ""
}

// A Write is a message to be stored under a subject.
type Write struct {
	Data   []byte
	Header nats.Header // may be nil
}

// Delete is the Write that marks a bucket's key as deleted.
func Delete() *Write { return &Write{Header: nats.Header{headerOperation: {"DEL"}}} }

// DeleteFor is the Write that marks a subject as deleted, with data for those who follow the
// stream. The server removes it after a time; its stream must allow that (AllowMsgTTL).
func DeleteFor(data []byte, after time.Duration) *Write {
	return &Write{Data: data, Header: nats.Header{headerOperation: {"DEL"}, jetstream.MsgTTLHeader: {after.String()}}}
}

// Purge is the Write that removes the messages of a bucket's key and marks it as
// deleted.
func Purge() *Write {
	return &Write{Header: nats.Header{headerOperation: {"PURGE"}, jetstream.MsgRollup: {jetstream.MsgRollupSubject}}}
}

// CompareAndSet stores w under a subject if revision is still that of the
// subject's last message, and returns the new one. Where it is not, IsConflict
// reports true of the error.
func (c *Client) CompareAndSet(ctx context.Context, subject string, w *Write, revision uint64) (uint64, error) {
	msg := nats.NewMsg(subject)
	msg.Data = w.Data
	maps.Copy(msg.Header, w.Header)
	return c.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(revision))
}

// conflictPause lets the other writer finish before the next try.
const conflictPause = 10 * time.Millisecond

// Update changes the last message of a subject by compare-and-set, as often as it
// takes until no other client writes in between. change gets the last message and
// returns what to store, or nil to leave it as it is; it may be called several
// times. The result is the new revision, 0 where nothing was written.
func (c *Client) Update(ctx context.Context, stream, subject string, change func(have Value) (*Write, error)) (revision uint64, err error) {
	have, err := c.Last(ctx, stream, subject)
	if err != nil {
		return 0, err
	}
	return c.UpdateFrom(ctx, have, subject, change, func(ctx context.Context) (Value, error) {
		return c.LastFromLeader(ctx, stream, subject)
	})
}

// UpdateFrom is Update for a caller that reads the messages itself: have is the last one or
// an earlier one, and reread is called after a conflict. It must ask the stream's leader.
func (c *Client) UpdateFrom(ctx context.Context, have Value, subject string, change func(have Value) (*Write, error),
	reread func(context.Context) (Value, error)) (revision uint64, err error) {
	for {
		w, err := change(have)
		if w == nil || err != nil {
			return 0, err
		}
		revision, err := c.CompareAndSet(ctx, subject, w, have.Revision)
		if err == nil {
			return revision, nil
		}
		if !IsConflict(err) {
			return 0, fmt.Errorf("write %s: %w", subject, err)
		}
		if err := wait.For(ctx, conflictPause); err != nil {
			return 0, err
		}
		if have, err = reread(ctx); err != nil {
			return 0, err
		}
	}
}

// OpenBucket returns the NATS library's interface of a bucket.
func (c *Client) OpenBucket(ctx context.Context, bucket string) (jetstream.KeyValue, error) {
	ctx, done := c.WatchDenials(ctx, c.APISubject("STREAM.INFO."+BucketStream(bucket)))
	defer done()
	kv, err := c.js.KeyValue(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", bucket, OrDenied(ctx, err))
	}
	return kv, nil
}

// BucketStream is the name of the stream that stores a bucket.
func BucketStream(bucket string) string { return "KV_" + bucket }

// KeySubject is the subject under which a bucket stores a key.
func KeySubject(bucket, key string) string { return "$KV." + bucket + "." + key }
