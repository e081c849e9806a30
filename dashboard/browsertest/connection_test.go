//go:build browser

package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/page"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/dashboard/web"
)

// allStale is true when each card with an event says that it is from before.
const allStale = `[...document.querySelectorAll('.card[data-profile] .before')].length === 6
	&& [...document.querySelectorAll('.card .before')].every((n) => n.checkVisibility() && n.textContent.endsWith('from before'))
	&& [...document.querySelectorAll('.card[data-profile]')].every((c) => c.classList.contains('stale'))`

const noneStale = `[...document.querySelectorAll('.before')].every((n) => n.textContent === '') && !document.querySelector('.stale') && document.querySelector('#notice').hidden`

func state(name, words string) string {
	return fmt.Sprintf("document.querySelector('#link').dataset.state === %s && document.querySelector('#link').textContent.startsWith(%s)", js(name), js(words))
}

func notice(words string) string {
	return fmt.Sprintf("!document.querySelector('#notice').hidden && document.querySelector('#notice').textContent.includes(%s)", js(words))
}

// An open page says when NATS or the bridge is gone, that what it shows is from
// before, and recovers by itself.
func TestRestarts(t *testing.T) {
	s := filled(t)
	models(s)
	b := open(t, s.URL())
	b.breaking()
	b.until(isLive + " && " + allFilled + " && " + modelsShown + " && " + noneStale)

	s.nats.Stop()
	b.until(state("lost", "NATS lost since "))
	b.until(notice("The bridge has lost NATS and tries to reach it. What is shown is from before ") + " && " + allStale)
	b.shoot("lost")
	s.nats.Restart()
	b.until(isLive + " && " + allFilled + " && " + noneStale)

	s.bridge.stop()
	b.until(state("retrying", "Reconnecting") + " && " + notice("What is shown is from before ") + " && " + allStale)
	b.until(allFilled) // it still shows what it had
	// What happens meanwhile comes with the connection.
	plain := map[string]any{"type": "model_metric", "model": "while-away", "metric": 0.999}
	s.store("model_metric", "while-away", []byte(js(plain)))
	s.bridge.start()
	b.until(isLive + " && " + noneStale + " && [...document.querySelectorAll('#scene8 li')].some((li) => li.textContent === 'while-away0.999')")

	// Both at once.
	s.bridge.stop()
	s.nats.Stop()
	b.until(state("retrying", "Reconnecting"))
	s.nats.Restart()
	s.bridge.start()
	b.until(isLive + " && " + allFilled + " && " + noneStale)
}

// What another life of the stream held is not shown as if it counted.
func TestAnotherLife(t *testing.T) {
	s := start(t, dashboard.Config{})
	s.publish(bus.ModelMetric{Type: bus.TypeModelMetric, Model: "old", Metric: 0.5})
	b := open(t, s.URL())
	b.breaking()
	b.until(isLive + " && document.querySelector('#scene8 li')?.textContent === 'old0.500'")
	s.nats.Wipe()
	b.until(isLive + " && !document.querySelector('#scene8 li') && !document.querySelector('#scene8 .waits').hidden")
	s.publish(bus.ModelMetric{Type: bus.TypeModelMetric, Model: "new", Metric: 0.25})
	b.until("document.querySelector('#scene8 li')?.textContent === 'new0.250'")
}

// A bridge that wants a token says so on the page; ?token= is passed on.
func TestToken(t *testing.T) {
	s := start(t, dashboard.Config{ReadToken: "open sesame&"})
	b := open(t, s.URL())
	b.breaking()
	b.until(state("refused", "Refused") + " && " + notice("the bridge wants a token"))
	b = open(t, s.URL()+"?token=open+sesame%26")
	b.until(isLive)
	b.run("fetch(document.querySelector('#json').href).then((r) => { window.answer = r.status })")
	b.until("window.answer")
	if got := get[int](b, "window.answer"); got != http.StatusOK {
		t.Errorf("the link to the events answers %d", got)
	}
}

func TestBasePath(t *testing.T) {
	s := start(t, dashboard.Config{BasePath: "/lab/profiles/"})
	b := open(t, s.URL())
	b.until(isLive)
}

// A connection that nobody closed, and on which nothing comes any more, does
// not pass for a live one. Neither do answers that are no feed.
func TestSilence(t *testing.T) {
	var tries atomic.Int32
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(web.Files))
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		const greeting = "event: bridge\ndata: {\"nats\":\"connected\",\"life\":\"a\"}\n\nid: 7\nevent: model_metric\ndata: {\"type\":\"model_metric\",\ndata: \"model\":\"m\",\"metric\":1}\n\nevent: caught-up\ndata: {}\n\n"
		switch tries.Add(1) {
		case 1:
			http.Error(w, "there are 1000 browsers already", http.StatusServiceUnavailable)
		case 2:
			fmt.Fprint(w, "<p>a proxy's own page")
		case 3: // in pieces, with every kind of line end, then silence
			w.Header().Set("Content-Type", "text/event-stream")
			for _, piece := range strings.SplitAfter(strings.ReplaceAll(greeting, "\n\n", "\r\n\r"), "\r") {
				fmt.Fprint(w, piece)
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
		default:
			if id := r.Header.Get("Last-Event-ID"); id != "7" || r.FormValue("life") != "a" {
				t.Errorf("it resumes after %q", id)
			}
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			fmt.Fprint(w, greeting)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	// Long waits are short here; what was said meanwhile is kept.
	const script = `{
		const slow = window.setTimeout;
		window.setTimeout = (f, ms, ...rest) => slow(f, ms > 30000 ? 1000 : ms, ...rest);
		window.said = [];
		addEventListener('DOMContentLoaded', () => new MutationObserver(() => window.said.push(document.querySelector('#notice').textContent))
			.observe(document.querySelector('#notice'), {childList: true}));
	}`
	b := open(t, server.URL, call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}))
	b.breaking()
	for _, words := range []string{"there are 1000 browsers already", "what answers is no bridge", "the connection fell silent"} {
		b.until(fmt.Sprintf("window.said.some((s) => s.includes(%s))", js(words)))
	}
	b.until(isLive + " && document.querySelector('#scene8 li')?.textContent === 'm1.000'")
}
