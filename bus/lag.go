package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
)

// A Lag is how far a consumer is behind its stream.
type Lag struct {
	Pending     uint64 `json:"pending"`     // not yet delivered
	Unacked     int    `json:"unacked"`     // delivered and in somebody's hands
	Redelivered int    `json:"redelivered"` // of the unacked, those delivered before
	// Deliveries counts every message as often as it was handed out, since the
	// consumer was made.
	Deliveries uint64 `json:"deliveries"`

	delivered uint64 // stream sequence of the last message that was delivered
}

// None tells whether there is nothing left to do.
func (l Lag) None() bool { return l.Pending == 0 && l.Unacked == 0 }

// Lags asks for a generation's align and reduce lag, in this order: when the
// first was nothing, every put that the second counts had been made.
//
// The server counts a message as pending a moment after it has acknowledged its
// storing, so what was just published may be missing from a consumer's own
// count. The stream's last sequence, asked for first, tells for the log, which
// nothing is ever deleted from; that of a bucket says nothing of one filter.
func (b *Bus) Lags(ctx context.Context, gen fit.Generation) (align, reduce Lag, err error) {
	_, last, err := b.life(ctx, EpisodesStream)
	if err != nil {
		return
	}
	if align, err = b.lag(ctx, EpisodesStream, AlignConsumer(gen)); err != nil {
		return
	}
	if last > align.delivered {
		align.Pending = max(align.Pending, last-align.delivered)
	}
	reduce, err = b.lag(ctx, bucketStream(CurvesBucket), ReduceConsumer(gen))
	return
}

func (b *Bus) lag(ctx context.Context, stream, consumer string) (Lag, error) {
	info, err := b.consumerInfo(ctx, stream, consumer)
	if err != nil {
		return Lag{}, err
	}
	return lagOf(info), nil
}

func (b *Bus) consumerInfo(ctx context.Context, stream, consumer string) (*jetstream.ConsumerInfo, error) {
	ctx, done := b.heed(ctx, apiSubject("CONSUMER.INFO."+stream+"."+consumer))
	defer done()
	c, err := b.js.Consumer(ctx, stream, consumer)
	if err != nil {
		return nil, fmt.Errorf("look at consumer %s: %w", consumer, toldBy(ctx, err))
	}
	return c.CachedInfo(), nil
}

func lagOf(i *jetstream.ConsumerInfo) Lag {
	return Lag{Pending: i.NumPending, Unacked: i.NumAckPending, Redelivered: i.NumRedelivered, Deliveries: i.Delivered.Consumer, delivered: i.Delivered.Stream}
}

// CaughtUp tells whether a generation's consumers have nothing pending and
// nothing unacknowledged. One without consumers has not.
func (b *Bus) CaughtUp(ctx context.Context, gen fit.Generation) (bool, error) {
	align, reduce, err := b.Lags(ctx, gen)
	if absent(err) {
		return false, nil
	}
	return err == nil && align.None() && reduce.None(), err
}
