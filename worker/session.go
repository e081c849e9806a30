package worker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
)

// A session is the work on one generation in one life of the streams. It holds
// the views that are only good for that.
type session struct {
	*Worker
	gen         bus.Generation
	specs       *bus.Specs
	curves      *bus.Curves
	retractedAt map[place]uint64        // where in the log an episode was last retracted, as of the session's start
	logSeen     atomic.Uint64           // the last message of the log that decisions were made by
	end         context.CancelCauseFunc // ends the session, with the reason
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

	specs, err := w.deps.Bus.OpenSpecs(ctx)
	if err != nil {
		return err
	}
	following.Go(func() error { return specs.Run(views) })
	gen, err := w.deps.Bus.Present(ctx, specs, w.deps.Spec, w.cfg.Limits)
	if err != nil {
		return err
	}
	if gen.ID == w.outlived {
		w.deps.Log.Warn("NATS was restored from an older backup: read the log again", "epoch", gen.Epoch+1)
		gen = gen.Next()
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

	w.sessions.WaitFor("the log's retractions")
	retractedAt, last, err := w.retractions(ctx)
	if err != nil {
		return err
	}

	loops, end := context.WithCancelCause(ctx)
	defer end(nil)
	s := &session{Worker: w, gen: gen, specs: specs, curves: curves, retractedAt: retractedAt, end: end}
	s.logSeen.Store(last)
	w.metrics.sessions.Inc()
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
	run(s.compareLoop)
	run(s.epochLoop)
	_ = g.Wait()
	if err := context.Cause(loops); errors.Is(err, bus.ErrRestored) {
		// Until this was noticed, messages were settled by views of what is gone:
		// whatever the bucket lacks of them is never delivered to this generation again.
		w.outlived = gen.ID
	}
	return context.Cause(loops)
}

// retractions reads what the log takes back, and up to where. An accept that stands before its
// retraction need not be read; and it must not be: a curve that only was would
// lower the threshold of a new epoch just as it did in the one before, which
// would then run short, too, for ever.
func (w *Worker) retractions(ctx context.Context) (map[place]uint64, uint64, error) {
	retractedAt := map[place]uint64{}
	last, err := w.deps.Bus.Retractions(ctx, func(n bus.Notice) error {
		if c, err := w.candidate(n); err == nil {
			retractedAt[c.place] = n.Seq
		}
		return nil
	})
	return retractedAt, last, err
}

func (s *session) alignLoop(ctx context.Context) error {
	opt := bus.EpisodeOptions{Concurrency: s.cfg.Concurrency, AckWait: s.cfg.AckWait, DrainTime: s.cfg.DrainTime}
	return s.deps.Bus.ConsumeEpisodes(ctx, s.gen.ID, opt, &aligner{s})
}

func (s *session) reduceLoop(ctx context.Context) error {
	return s.deps.Bus.ConsumePuts(ctx, s.gen.ID, s.cfg.DrainTime, s.reducePuts)
}

// epochLoop ends the session when the spec has got a later epoch.
func (s *session) epochLoop(ctx context.Context) error {
	for {
		moved := s.specs.Moved()
		if latest, ok := s.specs.Latest(s.gen.Base); ok && latest.Epoch > s.gen.Epoch {
			return errNewEpoch
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
// that each envelope says what the view says.
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
		select {
		case <-reconnects:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
