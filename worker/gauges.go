package worker

import (
	"context"
	"strconv"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// Consumers as label values.
const (
	consumerAlign  = "align"
	consumerReduce = "reduce"
)

// show says which generation the session is at, and forgets what was said of
// the one before.
func (s *session) show() {
	s.metrics.pending.Reset()
	s.metrics.unacked.Reset()
	s.metrics.generation.Reset()
	s.metrics.signatureLag.Reset()
	s.metrics.suspected.Reset()
	s.metrics.measured.Set(0)
	s.metrics.judged.Set(0)
	epoch, revision := strconv.FormatUint(s.gen.Epoch, 10), strconv.FormatInt(s.gen.Spec.Revision, 10)
	s.metrics.generation.WithLabelValues(string(s.gen.ID), epoch, revision).Set(1)
}

// showScores says what the models say of the samples.
func (s *session) showScores(scores bus.Scores) {
	s.metrics.measured.Set(unixSeconds(scores.UpdatedAt))
	found := map[fit.ProfileName]int{}
	for _, suspect := range scores.Suspects {
		found[suspect.Profile]++
	}
	for _, p := range s.deps.Spec.Profiles {
		s.metrics.suspected.WithLabelValues(string(p.Name)).Set(float64(found[p.Name]))
	}
}

// unixSeconds is how Prometheus has a time.
func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// gauge asks how far the consumers are and how much the streams hold.
func (s *session) gauge(ctx context.Context) error {
	for _, p := range s.deps.Spec.Profiles {
		s.metrics.signatureLag.WithLabelValues(string(p.Name)).Set(s.unsigned.lag(p.Name).Seconds())
	}
	align, reduce, err := s.deps.Bus.Lags(ctx, s.gen.ID)
	if err != nil {
		return err
	}
	for name, lag := range map[string]bus.Lag{consumerAlign: align, consumerReduce: reduce} {
		s.metrics.pending.WithLabelValues(name).Set(float64(lag.Pending))
		s.metrics.unacked.WithLabelValues(name).Set(float64(lag.Unacked))
	}
	sizes, err := s.deps.Bus.Streams(ctx)
	for _, x := range sizes {
		s.metrics.streamBytes.WithLabelValues(x.Name).Set(float64(x.Bytes))
	}
	return err
}
