package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A value is what a bucket's key, or a subject, last held.
type value struct {
	data []byte
	// rev is its stream sequence, also of a delete marker; 0: nothing was ever
	// there. The next compare-and-set is against it.
	rev  uint64
	live bool      // false: nothing, or a delete marker
	at   time.Time // when it was stored, by the server's clock
}

// operation is the header by which a bucket marks deletes and purges.
const operation = "KV-Operation"

// last reads the last message of a subject. A server that lags may answer, even
// for good; a compare-and-set against the answer then loses, and lastNow tells.
func (b *Bus) last(ctx context.Context, stream, subject string) (value, error) {
	s, err := b.stream(ctx, stream)
	if err != nil {
		return value{}, err
	}
	ctx, done := b.heed(ctx, apiSubject("DIRECT.GET."+stream+"."+subject))
	defer done()
	msg, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return value{}, nil
	}
	if err != nil {
		return value{}, fmt.Errorf("read %s: %w", subject, toldBy(ctx, err))
	}
	return value{data: msg.Data, rev: msg.Sequence, live: !removes(msg.Header), at: msg.Time}, nil
}

// lastNow is last, as the stream's leader knows it.
func (b *Bus) lastNow(ctx context.Context, stream, subject string) (value, error) {
	msg, found, err := b.leaderLast(ctx, stream, subject)
	if err != nil {
		return value{}, fmt.Errorf("read %s: %w", subject, err)
	}
	return value{data: msg.Data, rev: msg.Sequence, live: found && !removes(msg.Header), at: msg.Time}, nil
}

// removes tells whether a bucket's message marks that the key is gone.
func removes(header nats.Header) bool {
	return header.Get(operation) != "" || header.Get(jetstream.MarkerReasonHeader) != ""
}

// swap stores data under a subject if its last message is still rev. Compare
// its error with isConflict.
func (b *Bus) swap(ctx context.Context, subject string, data []byte, rev uint64, header nats.Header) (uint64, error) {
	msg := nats.NewMsg(subject)
	msg.Data = data
	for k, v := range header {
		msg.Header[k] = v
	}
	return b.publish(ctx, msg, jetstream.WithExpectLastSequencePerSubject(rev))
}

// conflictPause lets others get done before the next try.
const conflictPause = 10 * time.Millisecond

// stream returns a handle; the first use of a name asks the server.
func (b *Bus) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	b.mu.Lock()
	s := b.handles[name]
	b.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := b.look(ctx, name)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.handles[name] = s
	b.mu.Unlock()
	return s, nil
}

// openBucket asks for a bucket's stream.
func (b *Bus) openBucket(ctx context.Context, bucket string) (jetstream.KeyValue, error) {
	ctx, done := b.heed(ctx, apiSubject("STREAM.INFO."+bucketStream(bucket)))
	defer done()
	kv, err := b.js.KeyValue(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", bucket, toldBy(ctx, err))
	}
	return kv, nil
}

// keySubject is the subject under which a bucket keeps a key.
func keySubject(bucket, key string) string { return "$KV." + bucket + "." + key }
