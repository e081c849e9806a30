package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/settings"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/service"
)

// errMended ends a session: a bucket may have lost values because of a setting, and new views
// find out which.
var errMended = fmt.Errorf("a setting was mended by which values may have been lost: %w", service.ErrRenew)

// A storeInNATS has settings of its own, which are compared and mended like those of streams.
type storeInNATS interface {
	KeepSettings(ctx context.Context) bus.Check
}

// checkSettings compares the settings of streams and consumers, mends and shows them. Its error
// ends the session if something must be read again.
func (s *session) checkSettings(ctx context.Context) error {
	streams := s.bus.KeepTopology(ctx)
	consumers, err := s.bus.KeepConsumers(ctx, s.gen, s.cfg.AckWait, s.cfg.ReduceWait)
	log, archives := bus.Check{}, bus.Check{}
	if store, ok := s.store.(storeInNATS); ok {
		archives = store.KeepSettings(ctx)
	}
	if streams.Log != (bus.LogLosses{}) {
		log.Wrong = s.specs.LogLost(streams.Log)
		s.bus.Tell("log", log)
	}
	s.metrics.showSettings(slices.Concat(streams.Wrong, consumers.Wrong, log.Wrong, archives.Wrong))
	before := s.inCurves
	if streams.Curves != nil {
		s.inCurves = *streams.Curves
	}
	switch {
	case errors.Is(err, bus.ErrNeedsEpoch):
		return s.startNextEpoch(ctx)
	case slices.ContainsFunc(streams.Mended, func(w settings.Wrong) bool { return w.Loses && viewed[w.Stream] }):
		return errMended
	case s.inCurves < before:
		return errFewer
	}
	return err
}

// errFewer ends a session, so that new views find out what the bucket has lost. Only profiles gc
// lets it shrink, too.
var errFewer = fmt.Errorf("bucket curves has fewer messages than before: %w", service.ErrRenew)

// viewed are the streams of the buckets that a session has views of.
var viewed = map[string]bool{client.BucketStream(bus.CurvesBucket): true, client.BucketStream(bus.SpecsBucket): true}

// ensureConsumers makes the consumers of the session's generation. If they cannot be used, it
// begins the next epoch.
func (s *session) ensureConsumers(ctx context.Context) error {
	err := s.bus.EnsureConsumers(ctx, s.gen, s.cfg.AckWait, s.cfg.ReduceWait)
	if errors.Is(err, bus.ErrNeedsEpoch) {
		return s.startNextEpoch(ctx)
	}
	return err
}

// reread starts the next epoch if the log was filled again after the generation was registered.
func (s *session) reread(ctx context.Context) error {
	again, err := s.specs.MustReadAgain(ctx, s.bus, s.gen)
	if err != nil && ctx.Err() == nil {
		return err
	}
	if !again {
		return nil
	}
	s.logger.Warn("the log was filled again after it had lost messages", logkey.Generation, s.gen.ID)
	return s.startNextEpoch(ctx)
}
