package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/service"
)

// These end a session, although nothing failed, so that another begins.
var (
	errNewEpoch = fmt.Errorf("the sample got a new epoch: %w", service.ErrRenew)
	errRemoved  = fmt.Errorf("the generation was removed: %w", service.ErrRenew)
)

// epochLoop ends the session when its generation is no longer the latest of its spec,
// was removed, or must read the log again.
func (s *session) epochLoop(ctx context.Context) error {
	for {
		changed := s.specs.Changed()
		if latest, ok := s.specs.Latest(s.gen.Base); ok && s.gen.SupersededBy(latest) {
			return errNewEpoch
		}
		if s.specs.Removed(s.gen.ID) {
			return errRemoved
		}
		if err := s.keepRegistered(ctx); err != nil {
			return err
		}
		if err := s.reread(ctx); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// keepRegistered registers the generation again where another program has overwritten its
// entry in bucket specs.
func (s *session) keepRegistered(ctx context.Context) error {
	if _, known := s.specs.Get(s.gen.ID); known {
		return nil
	}
	if err := s.bus.Register(ctx, s.gen); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// raiseEpoch registers the next epoch: new keys, new consumers, the log from its
// start. Several workers may do so. The session ends when epochLoop sees the next epoch.
func (s *session) raiseEpoch(ctx context.Context) error {
	next := s.gen.Next()
	s.logger.Warn("read the log again", logkey.Epoch, next.Epoch, logkey.Generation, next.ID)
	return s.bus.Register(ctx, next)
}

// startNextEpoch raises the epoch and ends the session at once.
func (s *session) startNextEpoch(ctx context.Context) error {
	if err := s.raiseEpoch(ctx); err != nil {
		return err
	}
	return errNewEpoch
}

// raiseIfTruncated raises the epoch if err means that the curves bucket lost its end.
// The log's consumer has acknowledged the messages that the lost puts came from, so no
// worker would put them again. It returns err, or the error of raising.
func (s *session) raiseIfTruncated(ctx context.Context, err error) error {
	if !errors.Is(err, client.ErrStreamTruncated) {
		return err
	}
	if raising := s.raiseEpoch(ctx); raising != nil {
		return raising
	}
	return err
}

// checkStreams checks that the curves bucket and the log are those that the session
// has worked on, with everything that it has seen of them.
func (s *session) checkStreams(ctx context.Context) error {
	if err := s.curves.Check(ctx); err != nil {
		return s.raiseIfTruncated(ctx, err)
	}
	return s.checkLog(ctx)
}

// checkLog checks that the log is the one that the session and its entries were made
// from. Where the log was restored from an older backup it starts the next epoch:
// otherwise new messages would seem older than the entries.
func (s *session) checkLog(ctx context.Context) error {
	origin, seen := s.curves.Last(), s.log.seen.Load() // before the log is asked, because it grows
	now, last, err := s.bus.Incarnations(ctx)
	switch {
	case err != nil:
		return err
	case now != s.gen.Streams:
		return fmt.Errorf("the log was created again: %w", client.ErrStreamReplaced)
	case last < origin.Seq, last < seen:
		s.logger.Warn("the log ends before messages that were read from it", logkey.LastSeq, last, logkey.SeenSeq, max(origin.Seq, seen))
		return s.startNextEpoch(ctx)
	case origin.Seq == 0:
		return nil
	}
	has, err := s.bus.LogHas(ctx, origin)
	if err != nil || has {
		return err
	}
	s.logger.Warn("the log has another message than the one that an entry was made from", logkey.Seq, origin.Seq, logkey.Host, origin.Host, logkey.Episode, origin.Episode)
	return s.startNextEpoch(ctx)
}
