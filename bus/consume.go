package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// consuming is a pull consumer whose callbacks run.
type consuming struct {
	cons   jetstream.Consumer
	cc     jetstream.ConsumeContext
	failed chan error    // gets why consuming can't go on
	doubt  chan struct{} // gets a value where the consumer may be gone; ask gone
}

// consume starts a pull consumer's callbacks until n messages have come. stop
// must follow where that is not awaited.
func consume(cons jetstream.Consumer, n int, each func(jetstream.Msg)) (*consuming, error) {
	c := &consuming{cons: cons, failed: make(chan error, 1), doubt: make(chan struct{}, 1)}
	var err error
	c.cc, err = cons.Consume(each,
		jetstream.PullMaxMessages(n),
		jetstream.StopAfter(n),
		jetstream.PullExpiry(10*time.Second),
		jetstream.PullHeartbeat(2*time.Second),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { c.hear(err) }),
	)
	if err != nil {
		return nil, fmt.Errorf("consume: %w", err)
	}
	return c, nil
}

// hear takes what the client reports. It must not block.
func (c *consuming) hear(err error) {
	switch {
	case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound),
		errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrConnectionClosed),
		errors.Is(err, jetstream.ErrBadRequest):
		select {
		case c.failed <- err:
		default:
		}
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoHeartbeat):
		// An election, or the consumer was lost while nobody was connected to be
		// told so. The client alone would go on asking for ever.
		select {
		case c.doubt <- struct{}{}:
		default:
		}
	}
}

// gone returns an error where the server says that there is no such consumer.
func (c *consuming) gone(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if _, err := c.cons.Info(ctx); absent(err) {
		return fmt.Errorf("consume: %w", err)
	}
	return nil
}

// stop ends the callbacks, having run them for everything that was delivered.
// Without a connection one may still come later.
func (c *consuming) stop() {
	closed := c.cc.Closed()
	c.cc.Drain()
	select {
	case <-closed:
	case <-time.After(requestTimeout): // no connection to drain: nothing more will come
		c.cc.Stop()
	}
}
