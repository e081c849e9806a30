package worker

import (
	"context"
	"strconv"

	"github.com/cis490/profiles/bus"
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
	epoch, revision := strconv.FormatUint(s.gen.Epoch, 10), strconv.FormatInt(s.gen.Spec.Revision, 10)
	s.metrics.generation.WithLabelValues(string(s.gen.ID), epoch, revision).Set(1)
}

// gauge asks how far the consumers are and how much the streams hold.
func (s *session) gauge(ctx context.Context) error {
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
