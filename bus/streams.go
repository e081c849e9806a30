package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A StreamSize is how much one of the project's streams holds. Buckets are
// streams, too: bucket curves is KV_curves.
type StreamSize struct {
	Name     string `json:"name"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	LastSeq  uint64 `json:"last_seq"`
	// Life is the stream's creation time.
	Life Life `json:"life"`
}

// Streams returns the sizes of those of the project's streams that are there, in
// the order in which they are declared.
func (b *Bus) Streams(ctx context.Context) ([]StreamSize, error) {
	var sizes []StreamSize
	for _, want := range streams(b.cfg.Replicas) {
		s, err := b.look(ctx, want.Name)
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		info := s.CachedInfo()
		sizes = append(sizes, StreamSize{
			Name: want.Name, Messages: info.State.Msgs, Bytes: info.State.Bytes, LastSeq: info.State.LastSeq, Life: lifeOf(info),
		})
	}
	return sizes, nil
}

// IsAbsent tells whether err says that a stream, bucket or consumer is not
// there: no service has made it yet.
func IsAbsent(err error) bool { return absent(err) }

// IsUnanswered tells whether err says no more than that nobody has answered: a
// leader is elected, or servers start. Asking again may help.
func IsUnanswered(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code >= 500
	}
	return errors.Is(err, ErrNoLeader) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout)
}

// answerWait bounds what a command waits for one answer.
const answerWait = 5 * time.Second

// Answers returns an error where the server is too old, has no JetStream, or
// does not let this account use it. Ready only looks at the connection.
func (b *Bus) Answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	if err := b.Ready(ctx); err != nil {
		return err
	}
	ctx, done := b.heed(ctx, apiSubject("INFO"))
	defer done()
	if _, err := b.js.AccountInfo(ctx); err != nil {
		err = toldBy(ctx, err)
		return fmt.Errorf("ask NATS at %s for JetStream: %w", b.cfg.redactedURL(), err)
	}
	return nil
}
