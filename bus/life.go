package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A Life is one existence of a stream, told by its creation time. A stream that
// was deleted and made again, or lost and rebuilt, has another: sequences of
// one life mean nothing in another. Lives are compared for equality only, so no
// clock has to be right.
type Life string

// ErrNewLife says that a stream is no longer the one that a view was made of:
// made again, or restored from a backup older than what the view has seen.
// Whoever holds such a view drops it and starts anew.
var ErrNewLife = errors.New("the stream is not the one that was seen before")

// ErrRestored is an ErrNewLife of a stream that was not made again, but ends
// before what was seen of it: it was restored from an older backup. What others
// hold of the time between is void, too, but looks as if it were not.
var ErrRestored = fmt.Errorf("it was restored from an older backup: %w", ErrNewLife)

func lifeOf(info *jetstream.StreamInfo) Life {
	return Life(info.Created.UTC().Format(time.RFC3339Nano))
}

// look asks a stream's leader how it stands.
func (b *Bus) look(ctx context.Context, stream string) (jetstream.Stream, error) {
	ctx, done := b.heed(ctx, apiSubject("STREAM.INFO."+stream))
	defer done()
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("look at stream %s: %w", stream, toldBy(ctx, err))
	}
	return s, nil
}

// life asks the stream's leader for its life and last sequence.
func (b *Bus) life(ctx context.Context, stream string) (Life, uint64, error) {
	s, err := b.look(ctx, stream)
	if err != nil {
		return "", 0, err
	}
	info := s.CachedInfo()
	return lifeOf(info), info.State.LastSeq, nil
}

// checkLife returns ErrNewLife where the stream isn't of this life, and
// ErrRestored, which is one, too, where it has not got as far as seq.
func (b *Bus) checkLife(ctx context.Context, stream string, life Life, seq uint64) error {
	now, last, err := b.life(ctx, stream)
	switch {
	case absent(err):
		return fmt.Errorf("stream %s is gone: %w", stream, ErrNewLife)
	case err != nil:
		return err
	case now != life:
		return fmt.Errorf("stream %s was made again at %s: %w", stream, now, ErrNewLife)
	case last < seq:
		return fmt.Errorf("stream %s ends at %d, before the %d that was seen: %w", stream, last, seq, ErrRestored)
	}
	return nil
}
