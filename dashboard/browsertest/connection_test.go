//go:build browser

package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/dashboard/web"
	"github.com/cis490/profiles/streamer"
)

// allStale is true when each card with an event shows that it is outdated.
const allStale = `[...document.querySelectorAll('.card[data-profile] .outdated')].length === 6
	&& [...document.querySelectorAll('.card .outdated')].every((n) => n.checkVisibility() && n.textContent.endsWith('outdated'))
	&& [...document.querySelectorAll('.card[data-profile]')].every((c) => c.classList.contains('stale'))`

// noneStale is true when nothing on the page is shown as outdated.
const noneStale = `[...document.querySelectorAll('.outdated')].every((n) => n.textContent === '') && !document.querySelector('.stale') && document.querySelector('#notice').hidden`

// state is true when the connection has a state and is described by words.
func state(name, words string) string {
	return fmt.Sprintf("document.querySelector('#connection').dataset.state === %s && document.querySelector('#connection').textContent.startsWith(%s)", js(name), js(words))
}

// notice is true when the notice contains words.
func notice(words string) string {
	return fmt.Sprintf("!document.querySelector('#notice').hidden && document.querySelector('#notice').textContent.includes(%s)", js(words))
}

// TestRestarts: an open page shows when NATS or the bridge is gone and that its
// events are outdated, and connects again by itself.
func TestRestarts(t *testing.T) {
	s := filled(t)
	models(s)
	b := open(t, s.URL())
	b.allowBroken()
	b.until(isLive + " && " + allFilled + " && " + modelsShown + " && " + noneStale)

	s.nats.Stop()
	b.until(state("lost", "NATS lost since "))
	b.until(notice("The dashboard lost its connection to NATS and tries to connect again. The page shows the events up to ") + " && " + allStale)
	b.shoot("lost")
	s.nats.Restart()
	b.until(isLive + " && " + allFilled + " && " + noneStale)

	s.bridge.stop()
	b.until(state("retrying", "Reconnecting") + " && " + notice("The page shows the events up to ") + " && " + allStale)
	b.until(allFilled) // the page still shows the events
	// An event that is published meanwhile arrives with the connection.
	plain := map[string]any{"type": "model_metric", "model": "while-away", "metric": 0.999}
	s.store("model_metric", "while-away", []byte(js(plain)))
	s.bridge.start()
	b.until(isLive + " && " + noneStale + " && [...document.querySelectorAll('#accuracy li')].some((li) => li.textContent === 'while-away0.999')")

	// Both at once.
	s.bridge.stop()
	s.nats.Stop()
	b.until(state("retrying", "Reconnecting"))
	s.nats.Restart()
	s.bridge.start()
	b.until(isLive + " && " + allFilled + " && " + noneStale)
}

// TestAnotherIncarnation: when the stream was made again, its old events are removed.
func TestAnotherIncarnation(t *testing.T) {
	s := start(t, dashboard.Config{})
	s.publish(streamer.ModelMetric{Type: events.TypeModelMetric, Model: "old", Metric: 0.5})
	b := open(t, s.URL())
	b.allowBroken()
	b.until(isLive + " && document.querySelector('#accuracy li')?.textContent === 'old0.500'")
	s.nats.Wipe()
	b.until(isLive + " && !document.querySelector('#accuracy li') && !document.querySelector('#accuracy .waiting').hidden")
	s.publish(streamer.ModelMetric{Type: events.TypeModelMetric, Model: "new", Metric: 0.25})
	b.until("document.querySelector('#accuracy li')?.textContent === 'new0.250'")
}

// TestToken: the page shows that the dashboard requires a token, and sends its own
// ?token= with each request.
func TestToken(t *testing.T) {
	s := start(t, dashboard.Config{ReadToken: "open sesame&"})
	b := open(t, s.URL())
	b.allowBroken()
	b.until(state("refused", "Refused") + " && " + notice("the dashboard requires a token"))
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

// TestSilence: a connection that is open but silent is not live, and neither is an
// answer that is not a feed.
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
		case 3: // in pieces, with all three line ends, then silence
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
	// Shorten long time-outs, and record all texts of the notice. Without shared workers, the
	// feed is in the page.
	const prepare = `{
		delete window.SharedWorker;
		const slow = window.setTimeout;
		window.setTimeout = (f, ms, ...rest) => slow(f, ms > 30000 ? 1000 : ms, ...rest);
		window.notices = [];
		addEventListener('DOMContentLoaded', () => new MutationObserver(() => window.notices.push(document.querySelector('#notice').textContent))
			.observe(document.querySelector('#notice'), {childList: true}));
	}`
	b := open(t, server.URL, script(prepare))
	b.allowBroken()
	for _, words := range []string{"there are 1000 browsers already", "the server is no dashboard of this project", "the dashboard sent nothing for 40 s"} {
		b.until(fmt.Sprintf("window.notices.some((s) => s.includes(%s))", js(words)))
	}
	b.until(isLive + " && document.querySelector('#accuracy li')?.textContent === 'm1'")
}
