package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// patience is how long a publish is tried. An election takes 4 to 9 s, and the
// client's own retries end after half a second.
const patience = 20 * time.Second

// publish stores one message and returns its stream sequence. It tries for at
// most patience while nobody answers; a refusal comes back at once. An error
// that is no refusal means "perhaps stored".
func (b *Bus) publish(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ctx, done := b.heed(ctx, msg.Subject)
	defer done()
	wait := 50 * time.Millisecond
	for {
		try, end := context.WithTimeout(ctx, requestTimeout)
		ack, err := b.js.PublishMsg(try, msg, opts...)
		end()
		if err == nil {
			return ack.Sequence, nil
		}
		if err = toldBy(ctx, err); refused(err) || ctx.Err() != nil {
			return 0, err
		}
		if pause(ctx, wait) != nil {
			return 0, fmt.Errorf("publish %s: no acknowledgement within %s: %w", msg.Subject, patience, err)
		}
		wait = min(2*wait, time.Second)
	}
}

// refused tells whether err is a server's or the client's own final answer.
func refused(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code < 500 // 503: no leader at the moment, and the like
	}
	return errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) ||
		errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, ErrDenied)
}
