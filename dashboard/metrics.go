package dashboard

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cis490/profiles/internal/otherclock"
	"github.com/cis490/profiles/internal/service"
)

type metrics struct {
	in       prometheus.Counter
	out      prometheus.Counter
	merged   prometheus.Counter
	omitted  *prometheus.CounterVec
	ended    *prometheus.CounterVec
	closed   *prometheus.CounterVec
	publish  *prometheus.CounterVec
	latency  prometheus.Histogram
	stored   *otherclock.Clock // of the stream's leader
	sessions prometheus.Counter
}

func newMetrics(r prometheus.Registerer, log *slog.Logger, shared *sharedState, browsers <-chan struct{}) *metrics {
	f := promauto.With(r)
	gauge := func(name, help string, value func() float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	gauge("profiles_dashboard_browsers", "Browsers with an open feed.", func() float64 { return float64(len(browsers)) })
	gauge("profiles_dashboard_subjects", "Subjects whose last event is kept.", func() float64 {
		n, _, _ := shared.sizes()
		return float64(n)
	})
	gauge("profiles_dashboard_state_bytes", "Size of the events that are kept, in bytes.", func() float64 {
		_, n, _ := shared.sizes()
		return float64(n)
	})
	gauge("profiles_dashboard_connected", "1 while the events are kept up to date, 0 while NATS is lost.", func() float64 {
		if _, _, connected := shared.sizes(); connected {
			return 1
		}
		return 0
	})
	m := &metrics{
		in: f.NewCounter(prometheus.CounterOpts{Name: "profiles_dashboard_events_in_total",
			Help: "Events received from the stream, including the last events at the start of each session."}),
		out: f.NewCounter(prometheus.CounterOpts{Name: "profiles_dashboard_events_out_total",
			Help: "Events written to browsers."}),
		merged: f.NewCounter(prometheus.CounterOpts{Name: "profiles_dashboard_events_merged_total",
			Help: "Events not written to a browser because a later event of the subject replaced them."}),
		omitted: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_dashboard_events_left_out_total",
			Help: "Events of the stream that are not shown, by reason: subject, not_json, size, room."}, []string{"reason"}),
		ended: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_dashboard_browsers_dropped_total",
			Help: "Feeds that ended, by reason: left, slow, shutdown, and for browsers that were refused full (MAX_BROWSERS) and address (MAX_PER_ADDRESS)."}, []string{"reason"}),
		closed: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_dashboard_connections_closed_total",
			Help: "Connections without a feed that were closed because there were too many, by limit: all, address (MAX_PER_ADDRESS)."}, []string{"limit"}),
		publish: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_dashboard_publish_total",
			Help: "Posted events by result: stored, kept (the last event was later and stays), bad, too_large, unauthorized, no_room, unreachable."}, []string{"result"}),
		latency: f.NewHistogram(prometheus.HistogramOpts{Name: "profiles_dashboard_publish_to_write_seconds",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
			Help:    "Time from when the stream stored an event to when it was written to a browser that had caught up, by the clocks of two machines."}),
		stored: otherclock.New(r, log, "publish_to_write", "a NATS server's"),
		sessions: f.NewCounter(prometheus.CounterOpts{Name: "profiles_dashboard_sessions_total",
			Help: "How often the dashboard began to follow the stream: at the start, when NATS came back, and when the stream was created again."}),
	}
	// Create the labels at the start: rate() misses a counter's first increment.
	for counter, values := range map[*prometheus.CounterVec][]string{
		m.omitted: {omitSubject, omitJSON, omitSize, omitRoom},
		m.ended:   {endedLeft, endedSlow, endedShutdown, endedFull, endedAddress},
		m.closed:  {string(service.LimitAll), string(service.LimitPerAddress)},
		m.publish: {publishStored, publishKept, publishBad, publishTooLarge, publishUnauthorized, publishNoRoom, publishUnreachable},
	} {
		for _, v := range values {
			counter.WithLabelValues(v)
		}
	}
	return m
}

// wrote counts events that were written to a browser. If the browser had caught
// up, it also observes how long ago the stream stored them.
func (m *metrics) wrote(stored []time.Time, caughtUp bool) {
	m.out.Add(float64(len(stored)))
	if !caughtUp {
		return
	}
	for _, at := range stored {
		m.latency.Observe(m.stored.Since(at).Seconds())
	}
}
