// Package otherclock measures how long ago something happened by the clock of another
// machine. If that clock is ahead, the time is less than nothing: then it is 0, counted, and
// logged.
package otherclock

import (
	"log/slog"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/time/rate"

	"github.com/cis490/profiles/internal/logkey"
)

// A Clock is one kind of time stamp that comes from other machines. It is safe for
// concurrent use.
type Clock struct {
	name  string
	whose string
	log   *slog.Logger
	often rate.Sometimes
	ahead prometheus.Counter
	sum   prometheus.Counter
}

// loggedFrom is how far ahead a clock must be to be logged. Clocks that are kept by NTP
// differ by less.
const loggedFrom = 100 * time.Millisecond

// New declares the metrics. name is the measured time as a label value, such as
// "accepted_to_envelope"; whose says in a few words which clock sets the time stamps.
func New(r prometheus.Registerer, log *slog.Logger, name, whose string) *Clock {
	f, labels := promauto.With(r), prometheus.Labels{"measured": name}
	return &Clock{
		name: name, whose: whose, log: log, often: rate.Sometimes{First: 1, Interval: 10 * time.Minute},
		ahead: f.NewCounter(prometheus.CounterOpts{Name: "profiles_clock_ahead_total", ConstLabels: labels,
			Help: "Times between two clocks that came out below 0 because the clock that set the time stamp is ahead; they count as 0."}),
		sum: f.NewCounter(prometheus.CounterOpts{Name: "profiles_clock_ahead_seconds_total", ConstLabels: labels,
			Help: "Seconds by which these clocks were ahead, added up."}),
	}
}

// Since returns the time since at, which another clock has set. It is never below 0. A clock
// that is ahead by a tenth of a second or more is logged, at most every ten minutes.
func (c *Clock) Since(at time.Time) time.Duration {
	since := time.Since(at)
	if since >= 0 {
		return since
	}
	ahead := -max(since, -math.MaxInt64) // the least duration has no opposite
	c.ahead.Inc()
	c.sum.Add(ahead.Seconds())
	if ahead >= loggedFrom {
		c.often.Do(func() {
			c.log.Warn("a clock is ahead of this machine's: a measured time counts as 0; set the clock, for example by NTP",
				logkey.Clock, c.whose, logkey.Ahead, ahead.Round(time.Millisecond), logkey.Measured, c.name)
		})
	}
	return 0
}
