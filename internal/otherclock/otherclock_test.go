package otherclock_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/internal/otherclock"
)

// TestClockAhead: a time stamp of the future counts as 0, is counted, and is logged with how
// far it is ahead, not each time.
func TestClockAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := prometheus.NewRegistry()
		c := otherclock.New(r, slog.New(slog.NewTextHandler(&log, nil)), "a_to_b", "the receiver's")
		otherclock.New(r, slog.Default(), "b_to_c", "the worker's") // of the same registry
		now := time.Now()
		for _, step := range []struct {
			at   time.Time
			want time.Duration
		}{
			{now.Add(-time.Minute), time.Minute}, {now, 0}, {now.Add(time.Millisecond), 0},
			{now.Add(3 * time.Hour), 0}, {now.Add(3 * time.Hour), 0}, {now.AddDate(5000, 0, 0), 0},
		} {
			if got := c.Since(step.at); got != step.want {
				t.Errorf("since %s: %s, want %s", step.at, got, step.want)
			}
		}
		const says = `level=WARN msg="a clock is ahead of this machine's: a measured time counts as 0; set the clock, for example by NTP" clock="the receiver's" ahead=3h0m0s measured=a_to_b`
		if !strings.Contains(log.String(), says) || strings.Count(log.String(), "\n") != 1 {
			t.Error(log.String())
		}
		counts := map[string]float64{}
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				counts[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
		const total, seconds = "profiles_clock_ahead_total ", "profiles_clock_ahead_seconds_total "
		if counts[total+"a_to_b"] != 4 || counts[total+"b_to_c"] != 0 || len(counts) != 4 || counts[seconds+"a_to_b"] < 9e9 {
			t.Error(counts)
		}
		time.Sleep(11 * time.Minute)
		c.Since(time.Now().Add(time.Hour))
		if strings.Count(log.String(), "\n") != 2 {
			t.Error(log.String())
		}
	})
}
