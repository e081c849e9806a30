package worker_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// gauges returns the values of a gauge by the values of its labels, in their order.
func (r *running) gauges(t *testing.T, name string) map[string]float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				key := ""
				for _, l := range m.GetLabel() {
					key += l.GetValue() + " "
				}
				shown[key] = m.GetGauge().GetValue()
			}
		}
	}
	return shown
}

// A silent store gives no answer a number of times.
type silentStore struct {
	episode.Store
	times atomic.Int32
}

func (s *silentStore) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	if s.times.Add(-1) >= 0 {
		return nil, errors.New("nobody there")
	}
	return s.Store.Open(ctx, ref)
}

// TestClockAhead: an accepted_at three hours ahead leaves the sum of the histogram at 0 or
// above; it is counted.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	w := f.start()
	n := rows(t)[0]
	n.At = time.Now().Add(3 * time.Hour)
	if _, err := f.bus.Publish(bustest.Context(t), n); err != nil {
		t.Fatal(err)
	}
	f.settled()
	const ahead = "profiles_clock_ahead_total"
	until(t, func() bool { return w.count(t, ahead, "measured=accepted_to_envelope") == 1 })
	if seconds := w.count(t, "profiles_clock_ahead_seconds_total", "measured=accepted_to_envelope"); seconds < 3*3600-120 || seconds > 3*3600 {
		t.Errorf("ahead by %d s", seconds)
	}
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if h := f.GetMetric()[0].GetHistogram(); f.GetName() == "profiles_accepted_to_envelope_seconds" && (h.GetSampleSum() < 0 || h.GetSampleCount() != 1) {
			t.Errorf("%d samples, sum %g", h.GetSampleCount(), h.GetSampleSum())
		}
	}
}

// TestGauges: the metrics that alerts and dashboards use.
func TestGauges(t *testing.T) {
	t.Parallel()
	store := &silentStore{Store: recordedStore(t)}
	store.times.Store(2)
	f := newFleet(t, fit.DefaultSpec(), store)
	w := f.start()
	for _, n := range rows(t)[:5] {
		f.send(n)
	}
	f.send(bus.Notice{Host: "../h", Episode: "x", Profile: "io-walk"})
	gen := f.settled()
	// Labels come in order of their names: epoch, generation, revision.
	is := func(g bus.Generation) func() bool {
		key := strconv.FormatUint(g.Epoch, 10) + " " + string(g.ID) + " " + strconv.FormatInt(g.Spec.Revision, 10) + " "
		return func() bool {
			shown := w.gauges(t, "profiles_worker_generation_info")
			return len(shown) == 1 && shown[key] == 1
		}
	}
	until(t, is(gen))
	for _, name := range []string{"profiles_consumer_pending", "profiles_consumer_unacked"} {
		until(t, func() bool {
			shown := w.gauges(t, name)
			align, ok := shown["align "]
			reduce, too := shown["reduce "]
			return ok && too && align == 0 && reduce == 0
		})
	}
	until(t, func() bool {
		shown := w.gauges(t, "profiles_stream_bytes")
		return len(shown) == 9 && shown["EPISODES "] > 0 && shown["KV_curves "] > 0
	})
	until(t, func() bool {
		should, have := w.gauges(t, "profiles_stream_replicas"), w.gauges(t, "profiles_stream_replicas_current")
		return len(should) == 9 && should["EPISODES "] == 1 && have["EPISODES "] == 1
	})
	until(t, func() bool { return w.gauges(t, "profiles_ready")["worker "] == 1 })
	if at := w.gauges(t, "profiles_nats_answered_timestamp_seconds")["worker "]; time.Since(time.Unix(int64(at), 0)) > time.Hour {
		t.Errorf("NATS last answered at %g", at)
	}
	if n := w.count(t, "profiles_rejected_total", "reason=malformed"); n != 1 {
		t.Errorf("%d malformed ones were rejected", n)
	}
	if n := w.count(t, "profiles_store_unanswered_total"); n != 2 {
		t.Errorf("the store was silent %d times", n)
	}

	// Another generation replaces the first.
	if err := f.bus.Remove(bustest.Context(t), gen.ID); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		next, ok := f.wanted(bustest.Context(t))
		return ok && next.ID != gen.ID && is(next)()
	})
}

// histogram returns how many samples a histogram of the worker has.
func (r *running) histogram(t *testing.T, name string) uint64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// TestAcceptedBefore: what was accepted before a generation began is only read again, and measures
// nothing. A later episode does, and its envelope carries the time.
func TestAcceptedBefore(t *testing.T) {
	t.Parallel()
	const latency = "profiles_accepted_to_envelope_seconds"
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	notices := rows(t)
	for _, n := range notices[:10] {
		n.At = time.Now().Add(-time.Hour)
		if _, err := f.bus.Publish(bustest.Context(t), n); err != nil {
			t.Fatal(err)
		}
	}
	w := f.start()
	gen := f.settled()
	if n := w.histogram(t, latency); n != 0 {
		t.Errorf("%d episodes were measured that were accepted before the generation began", n)
	}
	profile := fit.ProfileName(notices[0].Profile)
	if env, found, err := f.bus.ReadEnvelope(bustest.Context(t), gen.ID, profile); err != nil || !found || !env.AcceptedAt.IsZero() {
		t.Errorf("%v, %v: accepted at %s", found, err, env.AcceptedAt)
	}

	later := notices[slices.IndexFunc(notices[10:], func(n bus.Notice) bool { return n.Profile == string(profile) })+10]
	later.At = time.Now().UTC()
	if _, err := f.bus.Publish(bustest.Context(t), later); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		env, found, err := f.bus.ReadEnvelope(bustest.Context(t), gen.ID, profile)
		return err == nil && found && env.AcceptedAt.Equal(later.At) && w.histogram(t, latency) > 0
	})
}
