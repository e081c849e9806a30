package worker

import (
	"context"
	"sync"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// compareLoop finds what the other loops missed: at the start, after each reconnect
// and every CheckEvery it checks that the streams are those that the view follows, and
// that each stored envelope is the one that the view gives. It also updates the gauges.
func (s *session) compareLoop(ctx context.Context) error {
	reconnects, stop := s.bus.Reconnects()
	defer stop()
	tick := time.NewTicker(s.cfg.CheckEvery)
	defer tick.Stop()
	for {
		if err := s.compare(ctx); err != nil && ctx.Err() == nil {
			if endsSession(err) {
				return err
			}
			s.logger.Warn("compare the envelopes with the view", logkey.Err, err)
		}
		if err := s.showLag(ctx); err != nil && ctx.Err() == nil {
			s.logger.Debug("ask how far the consumers are", logkey.Err, err)
		}
		select {
		case <-reconnects:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// compare checks the streams and writes every envelope that differs from that of the view.
func (s *session) compare(ctx context.Context) error {
	if err := s.checkSettings(ctx); err != nil {
		return err
	}
	if err := s.specs.Check(ctx); err != nil {
		return err
	}
	if err := s.checkStreams(ctx); err != nil {
		return err
	}
	s.models.noteChange()
	current, err := s.compareEnvelopes(ctx)
	if err != nil {
		return err
	}
	// Signatures come last: an error with them must not keep envelopes from being written.
	for p, envelope := range current {
		if err := s.compareSignature(ctx, p, envelope); err != nil {
			return err
		}
	}
	return nil
}

// compareEnvelopes writes the envelopes that differ and returns the others.
func (s *session) compareEnvelopes(ctx context.Context) (current map[fit.ProfileName]bus.Envelope, err error) {
	// While puts are pending, an envelope that differs was not missed by the reduce loop.
	nothingPending := sync.OnceValue(func() bool {
		_, puts, err := s.bus.Lags(ctx, s.gen.ID)
		return err == nil && puts.None()
	})
	current = map[fit.ProfileName]bus.Envelope{}
	for _, p := range s.spec.Profiles {
		stored, differs, err := s.compareEnvelope(ctx, p.Name)
		if err != nil {
			return nil, err
		}
		if !differs {
			if stored != nil {
				current[p.Name] = *stored
			}
			continue
		}
		missed := nothingPending() // ask before it is written
		written, err := s.reduce(ctx, p.Name, time.Time{})
		if err != nil {
			return nil, err
		}
		if written && missed {
			s.metrics.mended.Inc()
		}
	}
	return current, nil
}

// compareEnvelope returns the stored envelope of a profile, nil if it is not stored or
// differs, and whether it differs from that of the view. It shows the view's sample.
func (s *session) compareEnvelope(ctx context.Context, p fit.ProfileName) (stored *bus.Envelope, differs bool, err error) {
	view, err := s.curves.Reduce(p)
	if err != nil {
		return nil, false, err
	}
	s.showSample(p, view.Envelope)
	have, found, err := s.bus.ReadEnvelope(ctx, s.gen.ID, p)
	if err != nil {
		return nil, false, err
	}
	same := found && have.Digest == view.Envelope.Digest && have.AsOf.Incarnation == view.AsOf.Incarnation &&
		have.AsOf.Seq <= view.AsOf.Seq // else this view lags, or the bucket lost its end
	switch {
	case view.Short: // an envelope is missing even where the sample is empty: episodes were skipped
		return nil, true, nil
	case !found && view.Envelope.Attempted == 0:
		return nil, false, nil
	case same:
		return &have, false, nil
	}
	return nil, true, nil
}
