package worker

import (
	"context"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/internal/warnonce"
)

// A session is the work on one generation. It ends when the streams that the
// generation depends on are replaced, and another begins with new views.
type session struct {
	bus      *bus.Bus
	store    episode.Store
	spec     *fit.Spec
	cfg      *Config
	logger   *slog.Logger
	metrics  *metrics
	warned   *warnonce.Reasons // what was logged, by any session of the worker
	fitter   *align.Fitter
	channels map[fit.ProfileName]string
	reduced  func(fit.ProfileName, fit.Envelope) // may be nil

	gen      bus.Generation
	specs    *bus.Specs
	curves   *bus.Curves
	inCurves uint64 // messages of bucket curves at the last check
	log      *logView
	stale    *staleSignatures
	models   *sampleModel
	end      context.CancelCauseFunc // ends the session, with the reason

	witness    *align.Witness // of the store, kept by the worker
	unanswered *unanswered
}

// session runs until ctx ends, or a reason for another session comes up, which it
// returns.
func (w *Worker) session(ctx context.Context) error {
	// The session before may have ended before it noticed that something was lost.
	if w.last != nil {
		if err := w.last.checkStreams(ctx); err != nil && !endsSession(err) {
			return err
		}
	}
	views := service.NewViews(ctx)
	defer views.Close()
	s, err := w.open(ctx, views)
	if err != nil {
		return err
	}
	// Check the log before anything is written: the check looks at the latest entry, and a
	// new entry would hide that the earlier ones come from another log.
	w.last = s
	if err := s.checkLog(ctx); err != nil {
		return err
	}
	w.metrics.sessions.Inc()
	s.showGeneration()
	w.sessions.SetReady()
	s.logger.Info("work on generation", logkey.Generation, s.gen.ID, logkey.Epoch, s.gen.Epoch, logkey.Revision, s.gen.Spec.Revision)
	return s.run(ctx)
}

// open finds the generation to work on and opens its views.
func (w *Worker) open(ctx context.Context, views *service.Views) (*session, error) {
	b, spec := w.deps.Bus, w.deps.Spec
	s := &session{
		bus: b, store: w.deps.Store, spec: spec, cfg: &w.cfg, logger: w.deps.Log, metrics: w.metrics, warned: w.warned,
		fitter: w.fitter, channels: w.channels, reduced: w.deps.Reduced,
		stale: newStaleSignatures(), models: newSampleModel(spec),
		witness: w.witness, unanswered: &w.unanswered,
	}
	var err error
	if s.specs, err = b.OpenSpecs(ctx); err != nil {
		return nil, err
	}
	views.Follow(s.specs.Run)
	w.specs.Store(s.specs)
	if s.gen, err = b.Present(ctx, s.specs, spec, w.cfg.Limits); err != nil {
		return nil, err
	}
	if err := b.Register(ctx, s.gen); err != nil {
		return nil, err
	}
	w.sessions.WaitFor("the consumers of generation " + string(s.gen.ID))
	if err := s.ensureConsumers(ctx); err != nil {
		return nil, err
	}
	w.sessions.WaitFor("the view of the sample")
	if s.curves, err = b.OpenCurves(ctx, s.gen.ID, spec); err != nil {
		return nil, err
	}
	views.Follow(s.curves.Run)
	if w.last != nil && w.last.gen.ID == s.gen.ID {
		s.curves.TakeOver(w.last.curves)
	}
	w.sessions.WaitFor("the log's retractions")
	s.log, err = s.readLog(ctx)
	return s, err
}

// run runs the loops of the session until ctx or one of them ends.
func (s *session) run(ctx context.Context) error {
	ctx, s.end = context.WithCancelCause(ctx)
	defer s.end(nil)
	var loops errgroup.Group
	for _, loop := range []func(context.Context) error{
		s.alignLoop, s.reduceLoop, s.signatureLoop, s.modelLoop, s.compareLoop, s.epochLoop, s.healLoop,
	} {
		loops.Go(func() error {
			if err := loop(ctx); err != nil {
				s.end(err)
			}
			return nil
		})
	}
	_ = loops.Wait()
	return context.Cause(ctx)
}
