package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// readAll reads what a stream holds at the moment of the call, in order, and
// returns the stream's last sequence of that moment.
//
// How much that is only the stream's leader knows. The consumer may be on a
// server that lags, and that nothing is pending there says little.
func (b *Bus) readAll(ctx context.Context, stream, filter string, each func(jetstream.Msg, uint64) error) (uint64, error) {
	return b.read(ctx, stream, filter, jetstream.OrderedConsumerConfig{}, each)
}

// read is readAll with more said of how messages are delivered.
func (b *Bus) read(ctx context.Context, stream, filter string, how jetstream.OrderedConsumerConfig, each func(jetstream.Msg, uint64) error) (uint64, error) {
	left, last, err := b.holds(ctx, stream, filter)
	if err != nil || left == 0 {
		return last, err
	}
	how.FilterSubjects, how.DeliverPolicy = []string{filter}, jetstream.DeliverAllPolicy
	cons, err := b.js.OrderedConsumer(ctx, stream, how)
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", stream, err)
	}
	msgs, err := cons.Messages()
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", stream, err)
	}
	defer func() {
		msgs.Stop()
		b.forget(stream, cons)
	}()
	read := uint64(0)
	for {
		msg, err := next(ctx, msgs)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			// Nothing comes any more: the rest has been removed, or is not there yet.
			if left, _, err = b.holds(ctx, stream, filter); err == nil && read >= left {
				return last, nil
			}
			if err == nil {
				continue
			}
		}
		if err != nil {
			return 0, fmt.Errorf("read stream %s: %w", stream, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return 0, fmt.Errorf("read stream %s: %w", stream, err)
		}
		if meta.Sequence.Stream > last {
			return last, nil
		}
		if err := each(msg, meta.Sequence.Stream); err != nil {
			return 0, err
		}
		if read++; read >= left || meta.Sequence.Stream == last {
			return last, nil
		}
	}
}

// next waits for a message, but not for ever.
func next(ctx context.Context, msgs jetstream.MessagesContext) (jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return msgs.Next(jetstream.NextContext(ctx))
}

// holds asks a stream's leader how many messages match a filter, and for the
// stream's last sequence.
func (b *Bus) holds(ctx context.Context, stream, filter string) (n, last uint64, err error) {
	s, err := b.js.Stream(ctx, stream) // a handle of our own, as asking changes it
	if err != nil {
		return 0, 0, fmt.Errorf("look at stream %s: %w", stream, err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return 0, 0, fmt.Errorf("look at stream %s: %w", stream, err)
	}
	for _, count := range info.State.Subjects {
		n += count
	}
	return n, info.State.LastSeq, nil
}

// forget removes a consumer that was read to the end; the server would keep it
// for minutes.
func (b *Bus) forget(stream string, cons jetstream.Consumer) {
	info := cons.CachedInfo()
	if info == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	if err := b.js.DeleteConsumer(ctx, stream, info.Name); err != nil && !absent(err) {
		b.log.Debug("remove a consumer", "stream", stream, "consumer", info.Name, "err", err)
	}
}
