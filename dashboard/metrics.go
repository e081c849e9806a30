package dashboard

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	in       prometheus.Counter
	out      prometheus.Counter
	merged   prometheus.Counter
	left     *prometheus.CounterVec
	ended    *prometheus.CounterVec
	publish  *prometheus.CounterVec
	latency  prometheus.Histogram
	sessions prometheus.Counter
}

func newMetrics(r prometheus.Registerer, b *board, browsers *slots) *metrics {
	f := promauto.With(r)
	gauge := func(name, help string, value func() float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	gauge("profiles_dashboard_browsers", "Browsers that listen.", func() float64 { return float64(browsers.taken.Load()) })
	gauge("profiles_dashboard_subjects", "Subjects whose last event is kept.", func() float64 {
		n, _, _ := b.sizes()
		return float64(n)
	})
	gauge("profiles_dashboard_state_bytes", "Bytes of the last events that are kept.", func() float64 {
		_, n, _ := b.sizes()
		return float64(n)
	})
	gauge("profiles_dashboard_connected", "1 while the last events are kept up to date, 0 while NATS is lost.", func() float64 {
		if _, _, connected := b.sizes(); connected {
			return 1
		}
		return 0
	})
	m := &metrics{
		in: f.NewCounter(prometheus.CounterOpts{Name: "profiles_dashboard_events_in_total",
			Help: "Events that came from the stream, those of snapshots included."}),
		out: f.NewCounter(prometheus.CounterOpts{Name: "profiles_dashboard_events_out_total",
			Help: "Events written to browsers."}),
		merged: f.NewCounter(prometheus.CounterOpts{Name: "profiles_dashboard_events_merged_total",
			Help: "Events that a browser did not get since a later one of the subject took their place."}),
		left: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_dashboard_events_left_out_total",
			Help: "Events of the stream that are not shown, by reason: subject, not_json, size, room."}, []string{"reason"}),
		ended: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_dashboard_browsers_dropped_total",
			Help: "Browsers whose feed ended, by reason: left, slow, shutdown, full (they had none)."}, []string{"reason"}),
		publish: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_dashboard_publish_total",
			Help: "Answers of /publish: stored, kept (a later event stays), bad, too_large, unauthorized, no_room, unreachable."}, []string{"result"}),
		latency: f.NewHistogram(prometheus.HistogramOpts{Name: "profiles_dashboard_publish_to_write_seconds",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
			Help:    "Time from an event's storing in the stream to its writing to a browser that had caught up; by two machines' clocks."}),
		sessions: f.NewCounter(prometheus.CounterOpts{Name: "profiles_dashboard_sessions_total",
			Help: "Times that the dashboard followed the stream anew: at start, after NATS was lost, in another life of the stream."}),
	}
	// A counter that begins with its first event has not risen by it.
	for counter, values := range map[*prometheus.CounterVec][]string{
		m.left:    {leftSubject, leftJSON, leftSize, leftRoom},
		m.ended:   {endedLeft, endedSlow, endedShutdown, endedFull},
		m.publish: {publishStored, publishKept, publishBad, publishTooLarge, publishUnauthorized, publishNoRoom, publishUnreachable},
	} {
		for _, v := range values {
			counter.WithLabelValues(v)
		}
	}
	return m
}

// wrote counts events that a browser has got, and how late those were that are
// live.
func (m *metrics) wrote(stored []time.Time, live bool) {
	m.out.Add(float64(len(stored)))
	if !live {
		return
	}
	now := time.Now()
	for _, at := range stored {
		m.latency.Observe(now.Sub(at).Seconds())
	}
}
