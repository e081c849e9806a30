package worker

import (
	"context"
	"strconv"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
)

// Consumers as label values.
const (
	consumerAlign  = "align"
	consumerReduce = "reduce"
)

// showGeneration shows the session's generation and removes the values of the one
// before.
func (s *session) showGeneration() {
	s.metrics.pending.Reset()
	s.metrics.unacked.Reset()
	s.metrics.generation.Reset()
	s.metrics.signatureLag.Reset()
	s.metrics.suspected.Reset()
	s.metrics.measured.Set(0)
	s.metrics.modelsChecked.Set(0)
	epoch, revision := strconv.FormatUint(s.gen.Epoch, 10), strconv.FormatInt(s.gen.Spec.Revision, 10)
	s.metrics.generation.WithLabelValues(string(s.gen.ID), epoch, revision).Set(1)
}

// showSample shows the size and the doubts of a profile's sample, which its envelope has.
func (s *session) showSample(p fit.ProfileName, e fit.Envelope) {
	_ = s.curves.Inspect(p, func(sample *fit.Sample, _ client.AsOf) {
		s.metrics.kept.WithLabelValues(string(p)).Set(float64(sample.Len()))
	})
	s.metrics.used.WithLabelValues(string(p)).Set(float64(e.Used))
	s.metrics.attempted.WithLabelValues(string(p)).Set(float64(e.Attempted))

	// Every label is set each time: a reason that no episode has any more becomes 0.
	reasons := map[string]int{otherReason: 0}
	for _, r := range fit.Reasons() {
		if r.HasEntry() {
			reasons[string(r)] = 0
		}
	}
	for _, r := range e.Reasons {
		label := string(r.Reason)
		if _, known := reasons[label]; !known {
			label = otherReason
		}
		reasons[label] += r.Count
	}
	for label, n := range reasons {
		s.metrics.reasons.WithLabelValues(string(p), label).Set(float64(n))
	}
	kinds := map[fit.QualityKind]int{}
	for _, a := range e.Quality {
		kinds[a.Kind] = a.Episodes
	}
	for _, kind := range fit.QualityKinds() {
		s.metrics.quality.WithLabelValues(string(p), string(kind)).Set(float64(kinds[kind]))
	}
}

// showScores shows the scores of the models.
func (s *session) showScores(scores signatures.Scores) {
	s.metrics.measured.Set(unixSeconds(scores.UpdatedAt))
	found := map[fit.ProfileName]int{}
	for _, suspect := range scores.Suspects {
		found[suspect.Profile]++
	}
	for _, p := range s.spec.Profiles {
		s.metrics.suspected.WithLabelValues(string(p.Name)).Set(float64(found[p.Name]))
	}
}

// unixSeconds is a time as Prometheus has it.
func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// showLag asks for the lag of the consumers and the sizes of the streams, and shows
// them.
func (s *session) showLag(ctx context.Context) error {
	for _, p := range s.spec.Profiles {
		s.metrics.signatureLag.WithLabelValues(string(p.Name)).Set(s.stale.lag(p.Name, s.metrics.updated).Seconds())
	}
	align, reduce, err := s.bus.Lags(ctx, s.gen.ID)
	if err != nil {
		return err
	}
	for name, lag := range map[string]bus.Lag{consumerAlign: align, consumerReduce: reduce} {
		s.metrics.pending.WithLabelValues(name).Set(float64(lag.Pending))
		s.metrics.unacked.WithLabelValues(name).Set(float64(lag.Unacked))
	}
	sizes, err := s.bus.Streams(ctx)
	for _, x := range sizes {
		s.metrics.streamBytes.WithLabelValues(x.Name).Set(float64(x.Bytes))
		s.metrics.replicas.WithLabelValues(x.Name).Set(float64(x.Replicas))
		s.metrics.current.WithLabelValues(x.Name).Set(float64(x.Current))
		if x.MaxBytes > 0 {
			s.metrics.streamLimit.WithLabelValues(x.Name).Set(float64(x.MaxBytes))
		} else {
			s.metrics.streamLimit.DeleteLabelValues(x.Name)
		}
	}
	return err
}
