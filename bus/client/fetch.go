package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// fetch asks a consumer for n messages and calls receive with each. It returns
// when they have come, when ctx has ended, or with the reason why no message can
// come any more. In the last two cases it calls stopping first; receive still gets
// the messages that were already delivered.
func fetch(ctx context.Context, cons jetstream.Consumer, n int, receive func(jetstream.Msg), stopping func()) error {
	f := &fetching{cons: cons, failed: make(chan error, 1), unsure: make(chan struct{}, 1)}
	consuming, err := cons.Consume(receive,
		jetstream.PullMaxMessages(n),
		jetstream.StopAfter(n),
		jetstream.PullExpiry(10*time.Second),
		jetstream.PullHeartbeat(2*time.Second),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { f.report(err) }),
	)
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	ended := consuming.Closed()
	for err == nil && ctx.Err() == nil {
		select {
		case <-ended:
			select {
			case err = <-f.failed: // the reason why it ended
			default:
			}
			return err
		case err = <-f.failed:
		case <-f.unsure:
			err = f.checkConsumer(ctx)
		case <-ctx.Done():
		}
	}
	stopping()
	stop(consuming)
	return err
}

// fetching is what the NATS library reports while a fetch runs.
type fetching struct {
	cons   jetstream.Consumer
	failed chan error    // gets the reason why the fetch can't go on
	unsure chan struct{} // gets a value when the consumer may have been deleted
}

// report takes an error of the NATS library. It must not block.
func (f *fetching) report(err error) {
	switch {
	case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound),
		errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrConnectionClosed),
		errors.Is(err, jetstream.ErrBadRequest):
		select {
		case f.failed <- err:
		default:
		}
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoHeartbeat):
		// There is an election, or the consumer was deleted while we were not connected.
		// In the second case the NATS library would go on asking for ever.
		select {
		case f.unsure <- struct{}{}:
		default:
		}
	}
}

// checkConsumer returns an error where the server answers that there is no such
// consumer.
func (f *fetching) checkConsumer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout)
	defer cancel()
	if _, err := f.cons.Info(ctx); IsAbsent(err) {
		return fmt.Errorf("consume: %w", err)
	}
	return nil
}

// stop ends the callbacks after they have run for every message that was
// delivered. Without a connection one may still come later.
func stop(consuming jetstream.ConsumeContext) {
	ended := consuming.Closed()
	consuming.Drain()
	select {
	case <-ended:
	case <-time.After(RequestTimeout): // there is no connection to drain
		consuming.Stop()
	}
}
