//go:build browser

package browsertest

import (
	"fmt"
	"testing"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/streamer"
)

// models publishes the metric and the latency of five models.
func models(s *system) {
	s.t.Helper()
	for _, m := range []struct {
		name      string
		score, us float64
	}{{"gru-64", 0.957, 412}, {"xgboost", 0.944, 21.5}, {"random-forest", 0.931, 38.2}, {"1-NN DTW", 0.903, 9800}, {"logistic", 0.812, 1.9}} {
		s.publish(streamer.ModelMetric{Type: events.TypeModelMetric, Model: m.name, Metric: m.score})
		s.publish(streamer.ModelPerf{Type: events.TypeModelPerf, Model: m.name, Latency: m.us, Accuracy: m.score})
	}
}

// modelsShown is true when the page shows the five of models and the two that the
// worker measures.
const modelsShown = "document.querySelectorAll('#accuracy li').length === 7 && document.querySelectorAll('#speed .label').length === 7"

// TestEverySize: from a phone to a wall, the page is not wider than the screen and
// no text leaves its plot. Large screens need no scrolling.
func TestEverySize(t *testing.T) {
	s := filled(t)
	models(s)
	b := open(t, s.URL())
	b.until(isLive + " && " + allFilled + " && " + modelsShown)
	for _, size := range [][2]int64{{320, 640}, {360, 740}, {600, 900}, {768, 1024}, {1024, 768}, {1280, 720}, {1440, 900}, {1920, 1080}, {3840, 2160}} {
		for _, hash := range []string{"#/", "#/profile/io-walk?with=bursty-c2"} {
			b.size(size[0], size[1])
			checkLayout(b, hash, size[0], size[1])
		}
	}
}

// checkLayout checks one page at one size.
func checkLayout(b *tab, hash string, width, height int64) {
	b.t.Helper()
	b.run(fmt.Sprintf("location.hash = %s", js(hash)))
	b.until(fmt.Sprintf("document.querySelector('#overview').hidden === %v && innerWidth === %d", hash != "#/", width))
	b.waitStill()
	if got := get[int64](b, "document.documentElement.scrollWidth"); got > width {
		b.t.Errorf("%s at %d: %d px wide", hash, width, got)
	}
	// No text in a plot leaves it.
	out := get[[]string](b, `[...document.querySelectorAll('.plot')].filter((p) => p.checkVisibility()).flatMap((p) => {
		const box = p.getBoundingClientRect();
		return [...p.querySelectorAll('text')].filter((t) => t.textContent).filter((t) => {
			const r = t.getBoundingClientRect();
			return r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 2 || r.bottom > box.bottom + 2;
		}).map((t) => t.textContent);
	})`)
	if len(out) > 0 {
		b.t.Errorf("%s at %d: %q lie outside of their plots", hash, width, out)
	}
	// All five names of phases are shown, and none covers another.
	phases := get[[]int](b, `[...document.querySelectorAll('.plot[aria-label$="points of the curve"]')].filter((p) => p.checkVisibility()).map((p) => {
		const boxes = [...p.querySelectorAll('svg > g:first-of-type text')].map((t) => t.getBoundingClientRect());
		const clash = boxes.some((a, i) => boxes.some((b, k) => k > i && a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom));
		return clash ? -1 : boxes.length;
	})`)
	for _, n := range phases {
		if n != 5 {
			b.t.Errorf("%s at %d: names of phases: %v", hash, width, phases)
			break
		}
	}
	if width >= 1280 {
		if got := get[int64](b, "document.documentElement.scrollHeight"); got != height {
			b.t.Errorf("%s at %d by %d: %d px high", hash, width, height, got)
		}
	}
}
