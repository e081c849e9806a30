package service

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// ShowState declares the metrics that every service has: whether it is ready, and when it last
// got an answer of NATS, zero for never. Both functions must be safe for concurrent use.
func ShowState(r prometheus.Registerer, service string, ready func() error, answered func() time.Time) {
	f, labels := promauto.With(r), prometheus.Labels{"service": service}
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "profiles_ready", ConstLabels: labels,
		Help: "1 while /readyz of the service is 200, else 0."}, func() float64 {
		if ready() != nil {
			return 0
		}
		return 1
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "profiles_nats_answered_timestamp_seconds", ConstLabels: labels,
		Help: "When the leader of a stream last answered the service, which asks every CHECK_EVERY; 0 before the first answer."}, func() float64 {
		at := answered()
		if at.IsZero() {
			return 0
		}
		return float64(at.UnixMilli()) / 1000
	})
}
