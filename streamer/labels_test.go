package streamer_test

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/streamer"
)

// TestLabelsFromTheStart checks that the counter of published events has every type before the first event.
func TestLabelsFromTheStart(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	if _, err := streamer.New(streamer.Config{}, streamer.Deps{Bus: bustest.Start(t).Connect(), Log: slog.New(slog.DiscardHandler), Registry: registry}); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "profiles_events_published_total" {
				types[m.GetLabel()[0].GetValue()] = true
			}
		}
	}
	for _, kind := range []string{"attack_profile", "attack_signature", "model_metric", "model_perf", "suspects"} {
		if !types[kind] {
			t.Errorf("no counter of %s before the first event", kind)
		}
	}
	if len(types) != len(events.Types()) {
		t.Errorf("%d types, want %d", len(types), len(events.Types()))
	}
}
