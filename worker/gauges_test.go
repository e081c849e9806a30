package worker_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync/atomic"
	"testing"

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
