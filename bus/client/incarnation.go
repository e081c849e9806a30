package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// An Incarnation identifies one existence of a stream, by its creation time. A
// stream that was deleted and created again, or lost and rebuilt, is another
// incarnation: its sequences begin at 1 again and mean nothing in the other.
// Incarnations are compared for equality only, so no clock has to be right.
type Incarnation string

// AsOf is a place in a stream: everything up to Seq, in one incarnation.
type AsOf struct {
	Incarnation Incarnation `json:"life"`
	Seq         uint64      `json:"seq"`
}

var (
	// ErrStreamReplaced means that a stream is not the one that was seen before: it
	// was created again, or restored from a backup that is older than what was seen.
	// Views of the stream are void then.
	ErrStreamReplaced = errors.New("the stream is not the one that was seen before")
	// ErrStreamTruncated is the ErrStreamReplaced of a stream that lost its end: the
	// same incarnation, but shorter than it was seen. Messages whose results were in
	// the lost end may already be acknowledged in another stream.
	ErrStreamTruncated = fmt.Errorf("the stream lost its end: %w", ErrStreamReplaced)
	// ErrNoLeader means that a stream's servers are electing a leader, or are too few.
	ErrNoLeader = errors.New("the stream has no leader at the moment")
)

// IncarnationOf reads the incarnation of a stream from its state.
func IncarnationOf(info *jetstream.StreamInfo) Incarnation {
	return Incarnation(info.Created.UTC().Format(time.RFC3339Nano))
}

// OpenStream asks a stream's leader for the stream's state, which CachedInfo of
// the result then has. While there is no leader each server answers with the state
// of its own copy, which may lack the end; such answers give ErrNoLeader.
func (c *Client) OpenStream(ctx context.Context, stream string) (jetstream.Stream, error) {
	ctx, done := c.WatchDenials(ctx, c.APISubject("STREAM.INFO."+stream))
	defer done()
	s, err := c.js.Stream(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("look at stream %s: %w", stream, OrDenied(ctx, err))
	}
	if cluster := s.CachedInfo().Cluster; cluster != nil && cluster.Leader == "" {
		return nil, fmt.Errorf("look at stream %s: %w", stream, ErrNoLeader)
	}
	c.answered.Store(time.Now().UnixNano())
	return s, nil
}

// Answered is when the leader of a stream last answered; zero before the first answer.
func (c *Client) Answered() time.Time {
	if at := c.answered.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Stream returns a handle of a stream for requests. Only the first call for a name
// asks the server, so its CachedInfo is old.
func (c *Client) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	c.mu.Lock()
	s := c.streams[name]
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := c.OpenStream(ctx, name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.streams[name] = s
	c.mu.Unlock()
	return s, nil
}

// End asks a stream's leader for the stream's incarnation and last sequence.
func (c *Client) End(ctx context.Context, stream string) (AsOf, error) {
	s, err := c.OpenStream(ctx, stream)
	if err != nil {
		return AsOf{}, err
	}
	info := s.CachedInfo()
	return AsOf{IncarnationOf(info), info.State.LastSeq}, nil
}

// CheckStream returns ErrStreamReplaced where the stream is not of the incarnation
// that was seen, and ErrStreamTruncated where it is but ends before the sequence
// that was seen.
func (c *Client) CheckStream(ctx context.Context, stream string, seen AsOf) error {
	end, err := c.End(ctx, stream)
	switch {
	case IsAbsent(err):
		return fmt.Errorf("stream %s is gone: %w", stream, ErrStreamReplaced)
	case err != nil:
		return err
	case end.Incarnation != seen.Incarnation:
		return fmt.Errorf("stream %s was created again at %s: %w", stream, end.Incarnation, ErrStreamReplaced)
	case end.Seq < seen.Seq:
		return fmt.Errorf("stream %s ends at %d, before the %d that was seen: %w", stream, end.Seq, seen.Seq, ErrStreamTruncated)
	}
	return nil
}
