package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/internal/logkey"
)

// Publish stores one notice in the log and returns its sequence.
func (b *Bus) Publish(ctx context.Context, n Notice) (uint64, error) {
	seq, err := b.PublishMsg(ctx, n.message())
	return seq, explainFull(err)
}

// publishWindow is how many notices PublishAll sends before it waits for the
// acknowledgement of the first.
const publishWindow = 256

// PublishAll stores notices in the given order and calls done after each that was
// acknowledged. It ends at the first that could not be stored; all before it are
// stored.
func (b *Bus) PublishAll(ctx context.Context, notices iter.Seq[Notice], done func(Notice)) error {
	ctx, end := b.WatchDenials(ctx, subjectEpisode+">")
	defer end()
	var window []published
	complete := func() error {
		first := window[0]
		window = window[1:]
		if err := b.awaitAck(ctx, first); err != nil {
			return err
		}
		done(first.notice)
		return nil
	}
	for n := range notices {
		if len(window) == publishWindow {
			if err := complete(); err != nil {
				return err
			}
		}
		msg := n.message()
		ack, err := b.JetStream().PublishMsgAsync(msg)
		if err != nil {
			return fmt.Errorf("publish %s of %s: %w", msg.Subject, n.Key(), err)
		}
		window = append(window, published{n, msg, ack})
	}
	for len(window) > 0 {
		if err := complete(); err != nil {
			return err
		}
	}
	return nil
}

// A published notice was sent and may not be acknowledged yet.
type published struct {
	notice Notice
	msg    *nats.Msg
	ack    jetstream.PubAckFuture
}

// awaitAck waits for the acknowledgement of a notice, and publishes it again where
// it fails. The message id is the same, so a notice that was stored after all is
// not stored again.
func (b *Bus) awaitAck(ctx context.Context, p published) error {
	select {
	case <-p.ack.Ok():
		return nil
	case err := <-p.ack.Err():
		b.Log().Debug("publish again", logkey.Episode, p.notice.Key(), logkey.Err, err)
		if _, err := b.PublishMsg(ctx, p.msg); err != nil {
			return fmt.Errorf("publish %s of %s: %w", p.msg.Subject, p.notice.Key(), explainFull(err))
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ReadLog calls each with every notice of the log as it is now, oldest first, and
// returns the last sequence read. Messages that can't be decoded are left out.
func (b *Bus) ReadLog(ctx context.Context, each func(Notice) error) (uint64, error) {
	return b.readLog(ctx, ">", 1, each)
}

// ReadLogFrom is ReadLog from a sequence on.
func (b *Bus) ReadLogFrom(ctx context.Context, from uint64, each func(Notice) error) (uint64, error) {
	return b.readLog(ctx, ">", from, each)
}

// ReadRetractions is ReadLog of the retractions alone.
func (b *Bus) ReadRetractions(ctx context.Context, each func(Notice) error) (uint64, error) {
	return b.readLog(ctx, SubjectRetracted, 1, each)
}

func (b *Bus) readLog(ctx context.Context, filter string, from uint64, each func(Notice) error) (uint64, error) {
	return b.ReadFrom(ctx, EpisodesStream, filter, from, func(msg *jetstream.RawStreamMsg) error {
		n, err := parseNotice(msg.Subject, msg.Data)
		if err != nil {
			return nil
		}
		n.Seq = msg.Sequence
		return each(n)
	})
}

// An Origin identifies the message of the log that an entry of the curves bucket
// was made from.
type Origin struct {
	Seq                    uint64
	Host, Episode, Profile string
	Retracted              bool
}

// LogHas reports whether the log has that message at its place. Where the place is
// empty the answer is true: the server may lag and not have the message yet.
func (b *Bus) LogHas(ctx context.Context, o Origin) (bool, error) {
	s, err := b.Stream(ctx, EpisodesStream)
	if err != nil {
		return false, err
	}
	msg, err := s.GetMsg(ctx, o.Seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read message %d of the log: %w", o.Seq, err)
	}
	n, err := parseNotice(msg.Subject, msg.Data)
	return err == nil && o == Origin{o.Seq, n.Host, n.Episode, n.Profile, n.Retracted}, nil
}
