//go:build browser

package browsertest

import (
	"encoding/json"
	"testing"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/streamer"
)

// TestTypedAndMeasured: figures that were typed and figures that were measured stand beside
// each other.
func TestTypedAndMeasured(t *testing.T) {
	s := start(t, dashboard.Config{})
	page := open(t, s.URL())
	page.until(isLive)
	store := func(kind, name string, event any) {
		data, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		s.store(kind, name, data)
	}
	store(events.TypeModelMetric, "knn", streamer.ModelMetric{Type: events.TypeModelMetric, Model: "knn", Metric: 0.762})
	store(events.TypeModelMetric, "knn-measured", streamer.ModelMetric{Type: events.TypeModelMetric, Name: "knn-measured", Model: "knn", Metric: 0.976})
	store(events.TypeModelPerf, "knn", streamer.ModelPerf{Type: events.TypeModelPerf, Model: "knn", Latency: 3410, Accuracy: 0.762})
	store(events.TypeModelPerf, "knn-measured", streamer.ModelPerf{Type: events.TypeModelPerf, Name: "knn-measured", Model: "knn", Latency: 40, Accuracy: 0.976})
	page.until(`[...document.querySelectorAll('.bars li')].map((row) => row.innerText.replace(/\s+/g, ' ').trim()).join('; ') === 'knn-measured 0.976; knn 0.762'`)
	page.until(`[...document.querySelectorAll('tbody th[scope=row]')].map((cell) => cell.textContent).filter((text) => text.startsWith('knn')).join(' ') === 'knn-measured knn'`)
}
