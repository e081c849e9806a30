// Package wait pauses between tries.
package wait

import (
	"context"
	"time"
)

// For returns nil after d, or context.Cause(ctx) as soon as ctx ends. It returns
// at once where d is zero or negative, and the cause where ctx has already ended.
func For(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ForQuiet returns nil once changed has given no value for quiet, at the latest after patience.
// It returns context.Cause(ctx) as soon as ctx ends.
func ForQuiet(ctx context.Context, changed <-chan struct{}, quiet, patience time.Duration) error {
	still, late := time.NewTimer(quiet), time.NewTimer(patience)
	defer still.Stop()
	defer late.Stop()
	for {
		select {
		case <-changed:
			still.Reset(quiet)
		case <-still.C:
			return nil
		case <-late.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A Backoff makes pauses that grow: the first takes Min, each further one twice
// as long as the one before, at most Max. It is not safe for concurrent use.
type Backoff struct {
	Min, Max time.Duration // Min must be above zero; a Max of zero means no limit
	next     time.Duration
}

// Wait pauses once, as For does.
func (b *Backoff) Wait(ctx context.Context) error { return For(ctx, b.Next()) }

// Next returns the length of the next pause, and counts it as taken.
func (b *Backoff) Next() time.Duration {
	d := max(b.next, b.Min)
	if b.Max > 0 {
		d = min(d, b.Max)
	}
	b.next = 2 * d
	return d
}

// Reset makes the next pause take Min again.
func (b *Backoff) Reset() { b.next = 0 }

// Every calls f after each period until f returns an error, and returns that, or
// context.Cause(ctx) as soon as ctx ends. The period must be above zero.
func Every(ctx context.Context, period time.Duration, f func() error) error {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := f(); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
