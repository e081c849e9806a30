package worker

import (
	"context"
	"errors"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// reduceLoop turns puts into envelopes.
func (s *session) reduceLoop(ctx context.Context) error {
	return s.bus.ConsumePuts(ctx, s.gen.ID, s.cfg.DrainTime, s.reducePuts)
}

// reducePuts writes the envelopes of the profiles that were put, once the view has
// seen every one of these puts.
func (s *session) reducePuts(ctx context.Context, puts []bus.Put) error {
	generation, _ := s.specs.Get(s.gen.ID)
	last, requests := groupPuts(puts, generation.RegisteredAt)
	if err := s.curves.Reached(ctx, last, s.cfg.ReduceWait/2); err != nil {
		return err
	}
	for _, r := range requests {
		if _, ok := s.channels[r.profile]; !ok {
			continue // another program wrote the key
		}
		_, err := s.reduce(ctx, r.profile, r.oldest)
		if endsSession(err) {
			s.end(err)
		}
		if err != nil {
			return err
		}
		if !r.oldest.IsZero() {
			s.metrics.latency.Observe(s.metrics.accepted.Since(r.oldest).Seconds())
		}
	}
	return nil
}

// A reduceRequest names a profile to reduce.
type reduceRequest struct {
	profile fit.ProfileName
	oldest  time.Time // when the earliest of its episodes was accepted; zero: unknown, or before the generation began
}

// groupPuts returns the highest sequence of the puts, and one request a profile in
// the order of their first puts. Episodes that were accepted before the generation began are
// only read again, so their times measure nothing.
func groupPuts(puts []bus.Put, began time.Time) (last uint64, requests []reduceRequest) {
	index := map[fit.ProfileName]int{}
	for _, p := range puts {
		last = max(last, p.Seq)
		i, ok := index[p.Profile]
		if !ok {
			i = len(requests)
			index[p.Profile] = i
			requests = append(requests, reduceRequest{profile: p.Profile})
		}
		if r := &requests[i]; p.AcceptedAt.After(began) && (r.oldest.IsZero() || p.AcceptedAt.Before(r.oldest)) {
			r.oldest = p.AcceptedAt
		}
	}
	return last, requests
}

// endsSession reports whether an error means that the session's views are void, or may be.
func endsSession(err error) bool {
	return errors.Is(err, client.ErrStreamReplaced) || errors.Is(err, errNewEpoch) || errors.Is(err, errMended) || errors.Is(err, errFewer)
}

// reduce writes a profile's envelope as the view has it, unless a later one is there.
// Where the view's sample is short it raises the epoch instead. accepted may be zero
// (bus.Envelope).
func (s *session) reduce(ctx context.Context, p fit.ProfileName, accepted time.Time) (written bool, err error) {
	began := time.Now()
	r, err := s.curves.Reduce(p)
	if err != nil {
		return false, err
	}
	if r.Short {
		s.logger.Warn("more episodes were retracted than the sample has in reserve", logkey.Profile, p)
		return false, s.raiseEpoch(ctx)
	}
	written, err = s.bus.WriteEnvelope(ctx, s.gen.ID, p, r.Envelope, r.AsOf, time.Now(), accepted)
	if err != nil {
		return false, s.raiseIfTruncated(ctx, err)
	}
	s.showSample(p, r.Envelope)
	if !written { // the worker that wrote the later one does the rest
		return false, nil
	}
	s.metrics.reduce.Observe(time.Since(began).Seconds())
	s.stale.add(p, time.Now())
	s.models.noteChange()
	if s.reduced != nil {
		s.reduced(p, r.Envelope)
	}
	return true, nil
}
