package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/wait"
)

// healLoop makes entries anew whose values in bucket curves are damaged: another program
// has overwritten them. No message of the log would come again for them.
func (s *session) healLoop(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.CheckEvery)
	defer tick.Stop()
	tried := map[bus.EntryID]uint64{} // the revision of the damage
	for {
		select {
		case <-s.curves.Damage():
		case <-tick.C: // what failed is tried again
		case <-ctx.Done():
			return nil
		}
		if err := s.heal(ctx, tried); err != nil && ctx.Err() == nil {
			s.logger.Warn("make damaged entries anew", logkey.Err, err)
		}
	}
}

// heal reads the log for the messages that damaged entries were made from, and handles the
// last one of each again. Damage without a message was never an entry, and stays.
func (s *session) heal(ctx context.Context, tried map[bus.EntryID]uint64) error {
	damaged := s.curves.Damaged()
	for id, revision := range damaged {
		if tried[id] == revision {
			delete(damaged, id)
		}
	}
	if len(damaged) == 0 {
		return nil
	}
	last := map[bus.EntryID]*candidate{}
	if _, err := s.bus.ReadLog(ctx, func(n bus.Notice) error {
		if id, ref, err := s.parse(n); err == nil && damaged[id] > 0 {
			last[id] = &candidate{s, n, id, ref}
		}
		return nil
	}); err != nil {
		return err
	}
	for id, revision := range damaged {
		if c := last[id]; c != nil {
			s.logger.Warn("read an episode again, because its entry is damaged", logkey.Profile, id.Profile, logkey.Host, c.notice.Host, logkey.Episode, c.notice.Episode)
			if err := c.runToEnd(ctx); err != nil {
				return fmt.Errorf("read %s again: %w", c.ref, err)
			}
		}
		tried[id] = revision
	}
	return nil
}

// runToEnd is Run until it asks for no further try.
func (c *candidate) runToEnd(ctx context.Context) error {
	attempt := bus.Attempt{Deliveries: 1, Await: func(call func() error) error { return call() }}
	for {
		err := c.Run(ctx, attempt)
		var rejection *bus.Rejection
		if errors.As(err, &rejection) { // the entry says so now; REJECTED has a copy since the first time
			return nil
		}
		var retry *bus.Retry
		if !errors.As(err, &retry) {
			return err
		}
		attempt.State = retry.State
		if err := wait.For(ctx, retry.After); err != nil {
			return err
		}
	}
}
