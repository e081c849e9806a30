//go:build browser

package browsertest

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/streamer"
)

// metric publishes the accuracy of a model, and returns what is true of a page that shows it.
func (s *system) metric(model string) (shown string) {
	s.t.Helper()
	s.publish(streamer.ModelMetric{Type: events.TypeModelMetric, Model: model, Metric: 0.5})
	return fmt.Sprintf("[...document.querySelectorAll('#accuracy li')].some((li) => li.textContent === %s)", js(model+"0.500"))
}

// script is a step that runs a script in each new document.
func script(text string) chromedp.Action[chromedp.Void] {
	return call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: text})
}

// TestEightTabs: a browser opens six connections to one host. Eight tabs are live all the
// same, by one feed, and stay so when the first is closed.
func TestEightTabs(t *testing.T) {
	s := start(t, dashboard.Config{MaxBrowsers: 1})
	first := open(t, s.URL())
	tabs := []*tab{first}
	for range 7 {
		tabs = append(tabs, first.another(s.URL()))
	}
	shown := s.metric("one")
	for _, b := range tabs {
		b.until(isLive + " && " + shown)
	}
	tabs[3].do(chromedp.Navigate("about:blank"))
	late := first.another(s.URL())
	late.until(isLive + " && " + shown)
	first.do(chromedp.Navigate("about:blank"))
	shown = s.metric("two")
	for i, b := range append(tabs, late) {
		if i != 0 && i != 3 {
			b.until(isLive + " && " + shown)
		}
	}
}

// hiding lets a test hide the page, and shortens the time until it lets go of its feed.
const hiding = `{
	const slow = window.setTimeout;
	window.setTimeout = (f, ms, ...rest) => slow(f, ms === 20000 ? 100 : ms, ...rest);
	let hidden = false;
	Object.defineProperty(Document.prototype, 'hidden', { get: () => hidden });
	window.hide = (to) => { hidden = to; document.dispatchEvent(new Event('visibilitychange')); };
}`

// TestHiddenTabs: a hidden tab lets go of its feed, and catches up when it is shown again.
func TestHiddenTabs(t *testing.T) {
	for name, prepare := range map[string]string{"shared": hiding, "own feed": hiding + "\ndelete window.SharedWorker;"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, dashboard.Config{MaxBrowsers: 1})
			b := open(t, s.URL(), script(prepare))
			shown := s.metric("one")
			b.until(isLive + " && " + shown)
			b.run("hide(true)")
			other := open(t, s.URL())
			other.allowBroken()
			other.until(isLive + " && " + shown) // there is room for one browser
			shown = s.metric("two")
			other.do(chromedp.Navigate("about:blank"))
			b.allowBroken()
			b.run("hide(false)")
			b.until(isLive + " && " + shown)
		})
	}
}

// TestTooManyBrowsers: the page says which limit is met, and that it tries again.
func TestTooManyBrowsers(t *testing.T) {
	s := start(t, dashboard.Config{MaxBrowsers: 1})
	first := open(t, s.URL())
	first.until(isLive)
	second := open(t, s.URL())
	second.allowBroken()
	second.until(state("retrying", "Reconnecting") + " && " + notice("which is all that MAX_BROWSERS allows. The page tries again."))
	first.do(chromedp.Navigate("about:blank"))
	second.until(isLive)
}
