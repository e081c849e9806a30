package worker

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// A session is the work on one generation in one life of the streams. It holds
// the views that are only good for that.
type session struct {
	*Worker
	gen         bus.Generation
	specs       *bus.Specs
	curves      *bus.Curves
	retractedAt retractedAt                  // as of the session's start
	logRead     atomic.Uint64                // the highest sequence of the log that the session knows of
	unsigned    *unsigned                    // what the sign loop is to do
	signed      map[fit.ProfileName]bus.Mark // of whole signatures, as the last comparison found them
	judge       *judge                       // the model of the samples
	end         context.CancelCauseFunc      // ends the session, with the reason
}

// session runs until ctx ends or a reason for another session comes up, which
// it returns.
func (w *Worker) session(ctx context.Context) error {
	w.sessions.WaitFor("NATS")
	if err := w.deps.Bus.Ready(ctx); err != nil {
		return err
	}
	w.sessions.WaitFor("the topology")
	if err := w.deps.Bus.EnsureTopology(ctx); err != nil {
		return err
	}
	// The views outlive the loops: what is drained still needs them.
	views, endViews := context.WithCancel(context.WithoutCancel(ctx))
	var following errgroup.Group
	defer func() {
		endViews()
		_ = following.Wait()
	}()

	// The last session may have ended before it could tell that something was lost.
	if w.last != nil {
		if err := w.last.checkStreams(ctx); err != nil && !endsSession(err) {
			return err
		}
	}
	specs, err := w.deps.Bus.OpenSpecs(ctx)
	if err != nil {
		return err
	}
	following.Go(func() error { return specs.Run(views) })
	gen, err := w.deps.Bus.Present(ctx, specs, w.deps.Spec, w.cfg.Limits)
	if err != nil {
		return err
	}
	if err := w.deps.Bus.Register(ctx, gen); err != nil {
		return err
	}
	w.sessions.WaitFor("the consumers of generation " + string(gen.ID))
	if err := w.deps.Bus.EnsureConsumers(ctx, gen, w.cfg.AckWait, w.cfg.ReduceWait); err != nil {
		return err
	}
	w.sessions.WaitFor("the view of the sample")
	curves, err := w.deps.Bus.OpenCurves(ctx, gen.ID, w.deps.Spec)
	if err != nil {
		return err
	}
	following.Go(func() error { return curves.Run(views) })
	if w.last != nil && w.last.gen.ID == gen.ID {
		curves.Recall(w.last.curves)
	}

	w.sessions.WaitFor("the log's retractions")
	retracted, logRead, err := w.retractions(ctx)
	if err != nil {
		return err
	}

	loops, end := context.WithCancelCause(ctx)
	defer end(nil)
	s := &session{Worker: w, gen: gen, specs: specs, curves: curves, retractedAt: retracted, unsigned: newUnsigned(), signed: map[fit.ProfileName]bus.Mark{}, judge: newJudge(w.deps.Spec), end: end}
	s.logRead.Store(logRead)
	w.last = s
	// Before anything is written: a later entry would hide which log the others are of.
	if err := s.checkLog(ctx); err != nil {
		return err
	}
	w.metrics.sessions.Inc()
	s.show()
	w.sessions.SetReady()
	w.deps.Log.Info("work on generation", "generation", gen.ID, "epoch", gen.Epoch, "revision", gen.Spec.Revision)

	var g errgroup.Group
	run := func(loop func(context.Context) error) {
		g.Go(func() error {
			if err := loop(loops); err != nil {
				end(err)
			}
			return nil
		})
	}
	run(s.alignLoop)
	run(s.reduceLoop)
	run(s.signLoop)
	run(s.judgeLoop)
	run(s.compareLoop)
	run(s.epochLoop)
	_ = g.Wait()
	return context.Cause(loops)
}

// retractedAt tells where in the log an episode was last taken back.
type retractedAt map[fit.ProfileName]map[fit.Rank]uint64

// retractions reads what the log takes back. An accept that stands before its
// retraction need not be read; and it must not be: a curve that only was would
// lower the threshold of a new epoch just as it did in the one before, which
// would then run short, too, for ever.
func (w *Worker) retractions(ctx context.Context) (at retractedAt, last uint64, err error) {
	at = retractedAt{}
	// What comes after the last retraction is known of, too: where the log was restored
	// without it and has grown since, its end may lie beyond that retraction's place.
	_, end, err := w.deps.Bus.Lives(ctx)
	if err != nil {
		return nil, 0, err
	}
	last, err = w.deps.Bus.Retractions(ctx, func(n bus.Notice) error {
		if c, err := w.candidate(n); err == nil {
			if at[c.profile] == nil {
				at[c.profile] = map[fit.Rank]uint64{}
			}
			at[c.profile][c.rank] = n.Seq
		}
		return nil
	})
	return at, max(last, end), err
}

func (s *session) alignLoop(ctx context.Context) error {
	opt := bus.EpisodeOptions{
		Concurrency: s.cfg.Concurrency, DrainTime: s.cfg.DrainTime,
		Rejected:    func(r fit.Reason) { s.metrics.rejected.WithLabelValues(string(r)).Inc() },
		Redelivered: s.metrics.redeliveries.Inc,
	}
	return s.deps.Bus.ConsumeEpisodes(ctx, s.gen.ID, opt, &aligner{s})
}

func (s *session) reduceLoop(ctx context.Context) error {
	return s.deps.Bus.ConsumePuts(ctx, s.gen.ID, s.cfg.DrainTime, s.reducePuts)
}

// epochLoop ends the session when its generation is not its spec's latest any more,
// or was removed, so that the next session begins another.
func (s *session) epochLoop(ctx context.Context) error {
	for {
		moved := s.specs.Moved()
		if latest, ok := s.specs.Latest(s.gen.Base); ok && s.gen.Superseded(latest) {
			return errNewEpoch
		}
		if s.specs.Removed(s.gen.ID) {
			return errRemoved
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil
		}
	}
}

// compareLoop is the net under the reduce loop: at the start, after each
// reconnect and every CheckEvery it makes sure that the streams are those that the view is of, and
// that each envelope says what the view says. It also asks for what the gauges show.
func (s *session) compareLoop(ctx context.Context) error {
	reconnects, stop := s.deps.Bus.Reconnects()
	defer stop()
	tick := time.NewTicker(s.cfg.CheckEvery)
	defer tick.Stop()
	for {
		if err := s.compare(ctx); err != nil && ctx.Err() == nil {
			if endsSession(err) {
				return err
			}
			s.deps.Log.Warn("compare the envelopes with the view", "err", err)
		}
		if err := s.gauge(ctx); err != nil && ctx.Err() == nil {
			s.deps.Log.Debug("ask how far the consumers are", "err", err)
		}
		select {
		case <-reconnects:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
