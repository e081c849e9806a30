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

// ErrWentBack is the ErrNewLife of a stream that lost its end: of the same life,
// but shorter than somebody saw it. A consumer of another stream may have
// acknowledged what hung on that end.
var ErrWentBack = fmt.Errorf("the stream lost its end: %w", ErrNewLife)

func lifeOf(info *jetstream.StreamInfo) Life {
	return Life(info.Created.UTC().Format(time.RFC3339Nano))
}

// ErrNoLeader says that a stream's servers elect a leader just now, or are too few.
var ErrNoLeader = errors.New("the stream has no leader at the moment")

// look asks a stream's leader how it stands. While there is none each of its
// servers says how its own copy stands, which may lack the stream's end.
func (b *Bus) look(ctx context.Context, stream string) (jetstream.Stream, error) {
	ctx, done := b.heed(ctx, apiSubject("STREAM.INFO."+stream))
	defer done()
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("look at stream %s: %w", stream, toldBy(ctx, err))
	}
	if c := s.CachedInfo().Cluster; c != nil && c.Leader == "" {
		return nil, fmt.Errorf("look at stream %s: %w", stream, ErrNoLeader)
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

// checkLife returns ErrNewLife where the stream isn't of this life, or has not
// got as far as seq.
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
		return fmt.Errorf("stream %s ends at %d, before the %d that was seen: %w", stream, last, seq, ErrWentBack)
	}
	return nil
}
