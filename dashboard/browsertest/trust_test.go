//go:build browser

package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/dashboard/web"
	"github.com/cis490/profiles/streamer"
)

// TestFewerEpisodes: bars hang from the top where fewer episodes have a value, and the legend explains them.
func TestFewerEpisodes(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.until(isLive)
	s.publish(doubtful("all", map[string]any{"n": []int{7, 7, 7, 7, 7}}))
	s.publish(doubtful("some", nil)) // 7, 7, 5, 0, 7
	b.until(fmt.Sprintf("document.querySelectorAll(%s).length === 2", js(card("some", ".thin"))))
	high := get[[]float64](b, fmt.Sprintf("[...document.querySelectorAll(%s)].map((r) => r.height.baseVal.value)", js(card("some", ".plot .thin"))))
	if high[0] <= 0 || high[1] < 2*high[0] {
		t.Errorf("the bars of 5 and of 0 episodes are %v px long", high)
	}
	if n := get[int](b, fmt.Sprintf("document.querySelectorAll(%s).length", js(card("all", ".plot .thin")))); n != 0 {
		t.Errorf("%d bars though every point has all episodes", n)
	}
	b.until("[...document.querySelectorAll('#legend > span')].some((n) => n.textContent === 'fewer episodes' && n.checkVisibility())")
	b.shoot("fewer")
}

// TestEmptySample: a sample without episodes is a state of its own, and no line.
func TestEmptySample(t *testing.T) {
	s := start(t, dashboard.Config{})
	spec := s.fleet(2, 0, 1)
	b := open(t, s.URL())
	b.until(isLive + " && document.querySelectorAll('.card.empty').length === 1")
	name := string(spec.Profiles[0].Name)
	if got := b.text(card(name, ".waiting")); got != "No accepted episode is left: all were retracted." {
		t.Errorf("the card says %q", got)
	}
	if get[bool](b, fmt.Sprintf("!!document.querySelector(%s)", js(card(name, ".median")))) {
		t.Error("the empty sample has a line")
	}
}

// TestIntervals: each score of a model stands with its interval, or says that it has none.
func TestIntervals(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.until(isLive)
	measured := streamer.ModelMetric{
		Type: events.TypeModelMetric, Name: "lda-measured", Model: "lda", Metric: 1,
		Measured: &streamer.Measured{Episodes: 42, Low: 0.916, High: 1, Baseline: 0.25},
	}
	s.storeEvent(events.TypeModelMetric, measured.Name, measured)
	s.storeEvent(events.TypeModelPerf, measured.Name, streamer.ModelPerf{Type: events.TypeModelPerf, Name: measured.Name, Model: "lda", Latency: 30, Accuracy: 1})
	s.publish(streamer.ModelMetric{Type: events.TypeModelMetric, Model: "typed", Metric: 0.9})
	s.publish(streamer.ModelPerf{Type: events.TypeModelPerf, Model: "typed", Latency: 3, Accuracy: 0.9})
	b.until("document.querySelectorAll('.bars li').length === 2 && document.querySelectorAll('#speed circle.model').length === 2 && document.querySelectorAll('#speed .whisker').length === 1")
	if got := get[[]string](b, `[...document.querySelectorAll('.bars .value')].map((n) => n.textContent + getComputedStyle(n, '::after').content)`); !slices.Equal(got, []string{`0.916 to 1none`, `0.900" no interval"`}) {
		t.Errorf("the scores are %q", got)
	}
	if got := get[[]string](b, `['x1', 'x2'].map((a) => document.querySelector('.bars .whisker').getAttribute(a))`); !slices.Equal(got, []string{"91.60000000000001%", "100%"}) {
		t.Errorf("the interval is drawn at %q", got)
	}
	b.run("document.querySelector('#speed .plot').focus()")
	b.press(kb.End)
	b.until("document.querySelector('#speed .readout tbody').textContent === 'lda-measured300.916 to 1'")
	b.audit("intervals")
	b.shoot("intervals")
}

// TestOldFigures: figures that are old say how old, and the page says when no streamer sends anything.
func TestOldFigures(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(web.Files))
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		send := func(id int, age time.Duration, kind, data string) {
			fmt.Fprintf(w, "event: %s\nid: %d\nat: %d\ndata: %s\n\n", kind, id, time.Now().Add(-age).UnixMilli(), data)
		}
		fmt.Fprint(w, "event: bridge\ndata: {\"nats\":\"connected\",\"life\":\"a\"}\n\n")
		send(1, 3*time.Hour+time.Minute, "model_metric", `{"type":"model_metric","model":"old","metric":0.5}`)
		send(2, time.Minute, "model_metric", `{"type":"model_metric","model":"young","metric":0.4}`)
		send(3, 26*time.Minute, "attack_profile", `{"type":"attack_profile","name":"a","curve":[0,1],"life":"x/y","n_used":7}`)
		send(4, time.Second, "attack_profile", `{"type":"attack_profile","name":"posted","curve":[0,1]}`)
		fmt.Fprint(w, "event: caught-up\ndata: {}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b := open(t, server.URL)
	b.allowBroken()
	b.until(isLive + " && [...document.querySelectorAll('.bars .age')].map((n) => n.textContent).join('|') === ' 3 h ago|'")
	b.until("/^No streamer has sent anything since .* \\(26 min ago\\), so what is shown may be old. Does a streamer run\\?$/.test(document.querySelector('#silence').textContent) && document.querySelector('#silence').checkVisibility()")
	b.audit("silence")
	b.shoot("silence")
}

// TestColours: people who see fewer colours can tell the first six profiles apart by colour, and the next six by their dash pattern.
func TestColours(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	for _, scheme := range []string{"light", "dark"} {
		b.media(scheme, true)
		got := get[[]string](b, `(() => {
			// Machado, Oliveira and Fernandes 2009, severity 1; distances are CIE 1976.
			const kinds = {
				all: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
				protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
				deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
				tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
			};
			const times = (m, v) => m.map((row) => row.reduce((sum, x, i) => sum + x * v[i], 0));
			const lab = (rgb) => {
				const xyz = times([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], rgb.map((x) => Math.min(1, Math.max(0, x))));
				const [x, y, z] = xyz.map((v, i) => v / [0.9505, 1, 1.089][i]).map((v) => (v > 0.008856 ? Math.cbrt(v) : 7.787 * v + 16 / 116));
				return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
			};
			const styles = [0, 1, 2, 3, 4, 5].map((k) => {
				const n = document.createElement('i');
				n.className = 'key colour-' + k;
				document.querySelector('main').append(n);
				const rgb = getComputedStyle(n).backgroundColor.match(/[\d.]+/g).slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
				n.remove();
				return rgb;
			});
			const problems = [];
			for (const [kind, matrix] of Object.entries(kinds)) {
				const seen = styles.map((rgb) => lab(times(matrix, rgb)));
				seen.forEach((a, i) => seen.forEach((b, k) => {
					const d = Math.hypot(...a.map((v, c) => v - b[c]));
					if (k > i && d < 12) problems.push(kind + ': colours ' + i + ' and ' + k + ' differ by ' + d.toFixed(1));
				}));
			}
			return problems;
		})()`)
		if len(got) > 0 {
			t.Errorf("%s: %q", scheme, got)
		}
	}
}
