package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// reducePuts brings the envelopes of the profiles that were put to what the view
// says, once the view has seen every one of these puts.
func (s *session) reducePuts(ctx context.Context, puts []bus.Put) error {
	var last uint64
	oldest := map[fit.ProfileName]time.Time{}
	var profiles []fit.ProfileName // in order of their first put
	for _, p := range puts {
		last = max(last, p.Seq)
		at, ok := oldest[p.Profile]
		if !ok {
			profiles = append(profiles, p.Profile)
		}
		if at.IsZero() || !p.AcceptedAt.IsZero() && p.AcceptedAt.Before(at) {
			oldest[p.Profile] = p.AcceptedAt
		}
	}
	if err := s.curves.Reached(ctx, last, s.cfg.ReduceWait/2); err != nil {
		return err
	}
	for _, p := range profiles {
		if _, ok := s.channels[p]; !ok {
			continue // a key that somebody else wrote
		}
		_, err := s.reduce(ctx, p)
		if endsSession(err) {
			s.end(err)
		}
		if err != nil {
			return err
		}
		if at := oldest[p]; !at.IsZero() {
			s.metrics.latency.Observe(time.Since(at).Seconds())
		}
	}
	return nil
}

// endsSession tells whether an error means that the session's views are void.
func endsSession(err error) bool {
	return errors.Is(err, bus.ErrNewLife) || errors.Is(err, errNewEpoch)
}

// reduce writes a profile's envelope as the view has it, unless the one there is
// later, or raises the epoch where the view can't give it any more.
func (s *session) reduce(ctx context.Context, p fit.ProfileName) (written bool, err error) {
	began := time.Now()
	standing, err := s.curves.Standing(p)
	if err != nil {
		return false, err
	}
	if standing.Short {
		s.deps.Log.Warn("more was retracted than the sample has in reserve", "profile", p)
		return false, s.raiseEpoch(ctx)
	}
	written, err = s.deps.Bus.WriteEnvelope(ctx, s.gen.ID, p, standing.Envelope, standing.AsOf, time.Now())
	if err != nil {
		return false, s.ifWentBack(ctx, err)
	}
	s.measure(p)
	if !written { // whoever wrote the later one does the rest
		return false, nil
	}
	s.metrics.reduce.Observe(time.Since(began).Seconds())
	s.unsigned.add(p, time.Now())
	s.judge.stir()
	if s.deps.Reduced != nil {
		s.deps.Reduced(p, standing.Envelope)
	}
	return true, nil
}

func (s *session) measure(p fit.ProfileName) {
	used, attempted, kept := s.curves.Sizes(p)
	s.metrics.used.WithLabelValues(string(p)).Set(float64(used))
	s.metrics.attempted.WithLabelValues(string(p)).Set(float64(attempted))
	s.metrics.kept.WithLabelValues(string(p)).Set(float64(kept))
}

// raiseEpoch registers the next epoch: new keys, new consumers, the log from its
// start. Whoever raises first does; the session ends when it is seen.
func (s *session) raiseEpoch(ctx context.Context) error {
	next := s.gen.Next()
	s.deps.Log.Warn("read the log again", "epoch", next.Epoch, "generation", next.ID)
	return s.deps.Bus.Register(ctx, next)
}

// ifWentBack raises the epoch where err says that the curves bucket lost puts:
// the log's consumer has acknowledged what they came from, so nobody would put
// them again. It returns err.
func (s *session) ifWentBack(ctx context.Context, err error) error {
	if !errors.Is(err, bus.ErrWentBack) {
		return err
	}
	if raising := s.raiseEpoch(ctx); raising != nil {
		return raising
	}
	return err
}

// compare makes sure of the streams and mends every envelope that does not say
// what the view says.
func (s *session) compare(ctx context.Context) error {
	s.deps.Bus.KeepTopology(ctx)
	if err := s.specs.Check(ctx); err != nil {
		return err
	}
	if err := s.checkStreams(ctx); err != nil {
		return err
	}
	s.judge.stir()
	// It is no miss while there are puts that somebody is still to reduce.
	missed := sync.OnceValue(func() bool {
		_, puts, err := s.deps.Bus.Lags(ctx, s.gen.ID)
		return err == nil && puts.None()
	})
	agreeing := map[fit.ProfileName]bus.Envelope{}
	for _, p := range s.deps.Spec.Profiles {
		standing, err := s.curves.Standing(p.Name)
		if err != nil {
			return err
		}
		have, ok, err := s.deps.Bus.ReadEnvelope(ctx, s.gen.ID, p.Name)
		if err != nil {
			return err
		}
		s.measure(p.Name)
		same := ok && have.Digest == standing.Envelope.Digest && have.AsOf.Life == standing.AsOf.Life &&
			have.AsOf.Seq <= standing.AsOf.Seq // else this view lags, or the bucket lost its end
		switch {
		case standing.Short: // also where nothing is left: what was skipped is missing
		case !ok && standing.Envelope.Attempted == 0:
			continue
		case same:
			agreeing[p.Name] = have
			continue
		}
		miss := missed() // asked before it is mended
		written, err := s.reduce(ctx, p.Name)
		if err != nil {
			return err
		}
		if written && miss {
			s.metrics.mended.Inc()
		}
	}
	// Last: trouble with signatures must not keep envelopes from being mended.
	for p, envelope := range agreeing {
		if err := s.compareSignature(ctx, p, envelope); err != nil {
			return err
		}
	}
	return nil
}

// checkStreams makes sure that the curves bucket and the log are those that this
// session worked on, and have what it saw of them.
func (s *session) checkStreams(ctx context.Context) error {
	if err := s.curves.Check(ctx); err != nil {
		return s.ifWentBack(ctx, err)
	}
	return s.checkLog(ctx)
}

// checkLog makes sure that the log is the one that this session and its entries
// stem from, and raises the epoch where it was restored from an older backup:
// what comes next would count as old news.
func (s *session) checkLog(ctx context.Context) error {
	known, read := s.curves.Last(), s.logRead.Load() // before the log is asked, which grows
	lives, last, err := s.deps.Bus.Lives(ctx)
	switch {
	case err != nil:
		return err
	case lives != s.gen.Lives:
		return fmt.Errorf("the log was made again: %w", bus.ErrNewLife)
	case last < known.Seq, last < read:
		s.deps.Log.Warn("the log ends before what was read of it", "log", last, "entries", known.Seq, "read", read)
		return s.nextEpoch(ctx)
	case known.Seq == 0:
		return nil
	}
	holds, err := s.deps.Bus.Holds(ctx, known)
	if err != nil || holds {
		return err
	}
	s.deps.Log.Warn("the log has another message than the one that an entry stems from", "seq", known.Seq, "host", known.Host, "episode", known.Episode)
	return s.nextEpoch(ctx)
}

// nextEpoch raises the epoch and ends the session.
func (s *session) nextEpoch(ctx context.Context) error {
	if err := s.raiseEpoch(ctx); err != nil {
		return err
	}
	return errNewEpoch
}
