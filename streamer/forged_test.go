package streamer_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/streamer"
)

// TestForgedOrder: an event whose order is beyond what specs and envelopes hold is replaced.
func TestForgedOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.register(generation(gen, gen, 1, 7))
	s.envelope(gen, "a", 3, 2)
	metric := 0.5
	r := s.start(streamer.Config{CyclePause: 50 * time.Millisecond, Models: streamer.Models{Name: "m", Metric: &metric}})
	real := s.shows("a", gen, 3)
	forge := func(kind, name string, change func(*events.Order)) {
		t.Helper()
		event := streamer.AttackProfile{Type: kind, Name: name, Curve: []float64{1}, Generation: "forgedforg", Order: real.Order}
		change(&event.Order)
		data, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.srv.JetStream().Publish(bustest.Context(t), events.Subject(kind, name), data); err != nil {
			t.Fatal(err)
		}
	}
	forged := 0
	isReplaced := func(what string) {
		t.Helper()
		forged++
		s.until(what+" to be counted", func() bool {
			return s.counter(r, "profiles_events_forged_total") >= float64(forged)
		})
	}
	const most = 1<<53 - 1
	for what, change := range map[string]func(*events.Order){
		"a revision of the spec":     func(o *events.Order) { o.Revision[0] = most },
		"a turn":                     func(o *events.Order) { o.Turn = most },
		"an epoch":                   func(o *events.Order) { o.Epoch++ },
		"a revision of the envelope": func(o *events.Order) { o.Revision[1]++ },
	} {
		forge(events.TypeAttackProfile, "a", change)
		isReplaced(what)
		s.shows("a", gen, 3)
	}
	forge(events.TypeModelMetric, "m", func(o *events.Order) { o.Revision[0] = most })
	isReplaced("an order of a model's event")
	s.until("the model's event", func() bool {
		data, _, err := events.NewPublisher(s.bus).Last(bustest.Context(t), events.Subject(events.TypeModelMetric, "m"))
		return err == nil && strings.Contains(string(data), `"metric":0.5`)
	})
	if n := s.counter(r, "profiles_events_forged_total"); n != float64(forged) {
		t.Errorf("%v were replaced, not %d", n, forged)
	}
	if said := s.said.Lines(`level=WARN msg="replace an event whose order is beyond everything that is stored: no streamer published it"`); len(said) != forged {
		t.Errorf("the log has %q", said)
	}
}

// counter returns the value of a counter of a streamer.
func (s *stage) counter(r *running, name string) float64 {
	s.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	s.Fatalf("there is no %s", name)
	return 0
}
