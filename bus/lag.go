package bus

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/settings"
	"github.com/cis490/profiles/fit"
)

// A Lag is how far a consumer is behind its stream.
type Lag struct {
	Pending     uint64 `json:"pending"`     // not yet delivered
	Unacked     int    `json:"unacked"`     // delivered and not acknowledged
	Redelivered int    `json:"redelivered"` // part of Unacked: delivered more than once
	// Deliveries counts every delivery since the consumer was created.
	Deliveries uint64 `json:"deliveries"`

	delivered uint64 // stream sequence of the last message that was delivered
	wrong     []settings.Wrong
}

// Wrong returns the settings of the consumer that are wrong, and of the log if it is that of the
// align consumer. With them the lag may look smaller than it is.
func (l Lag) Wrong() []settings.Wrong { return l.wrong }

// None reports whether nothing is left to do.
func (l Lag) None() bool { return l.Pending == 0 && l.Unacked == 0 }

// Lags asks for a generation's align lag and then for its reduce lag. If the first
// is None, the second includes every put that the messages of the log caused.
//
// The server counts a message as pending a moment after it has acknowledged the
// message, so a consumer's own count may lack the newest ones. Nothing is ever
// deleted from the log, so the log's last sequence, asked for first, corrects that.
// The last sequence of a bucket can't: it is not that of one generation.
func (b *Bus) Lags(ctx context.Context, gen fit.Generation) (align, reduce Lag, err error) {
	log, err := b.OpenStream(ctx, EpisodesStream)
	if err != nil {
		return
	}
	if align, err = b.lag(ctx, EpisodesStream, alignConsumer(gen, 0)); err != nil {
		return
	}
	if last := log.CachedInfo().State.LastSeq; last > align.delivered {
		align.Pending = max(align.Pending, last-align.delivered)
	}
	_, wrong := b.compareStream(log.CachedInfo(), b.streams()[0])
	align.wrong = append(align.wrong, wrong...)
	reduce, err = b.lag(ctx, client.BucketStream(CurvesBucket), reduceConsumer(gen, 0))
	return
}

func (b *Bus) lag(ctx context.Context, stream string, want jetstream.ConsumerConfig) (Lag, error) {
	info, err := b.ConsumerInfo(ctx, stream, want.Durable)
	if err != nil {
		return Lag{}, err
	}
	lag := lagOf(info)
	_, lag.wrong = settings.Consumers(stream, info.Config, want, info.TimeStamp)
	return lag, nil
}

func lagOf(i *jetstream.ConsumerInfo) Lag {
	return Lag{Pending: i.NumPending, Unacked: i.NumAckPending, Redelivered: i.NumRedelivered, Deliveries: i.Delivered.Consumer, delivered: i.Delivered.Stream}
}

// CaughtUp reports whether a generation's consumers have nothing pending and
// nothing unacknowledged, and have the right settings. It is false for a generation without
// consumers.
func (b *Bus) CaughtUp(ctx context.Context, gen fit.Generation) (bool, error) {
	align, reduce, err := b.Lags(ctx, gen)
	if client.IsAbsent(err) {
		return false, nil
	}
	wrong := settings.Worst(append(align.wrong, reduce.wrong...)) >= settings.Unsettled
	return err == nil && align.None() && reduce.None() && !wrong, err
}
