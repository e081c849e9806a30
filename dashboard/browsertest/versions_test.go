//go:build browser

package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/dashboard/web"
)

// replay serves the page with a feed of these events, {type, JSON}, and nothing after them.
func replay(t *testing.T, all [][2]string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(web.Files))
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i, e := range all {
			fmt.Fprintf(w, "event: %s\nid: %d\ndata: %s\n\n", e[0], i+1, e[1])
		}
		fmt.Fprint(w, "event: caught-up\ndata: {}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// numbers returns a JSON list of n numbers from a function of the place.
func numbers(n int, at func(i int) float64) string {
	all := make([]float64, n)
	for i := range all {
		all[i] = at(i)
	}
	return js(all)
}

// earlier are events without the fields that came after the first version: no spec, no counts of
// points, no seconds, no reasons, no hosts, no drift, no intervals, no order and no times.
func earlier() [][2]string {
	wave := numbers(80, func(i int) float64 { return float64(i%8) / 7 })
	raw := numbers(80, func(i int) float64 { return float64(i%8) * 3 })
	all := [][2]string{{"bridge", `{"nats":"connected"}`}}
	for _, name := range []string{"one", "two"} {
		all = append(all,
			[2]string{"attack_profile", fmt.Sprintf(`{"type":"attack_profile","name":%q,"shape":"old","curve":%s,"median_raw":%s,"n_used":7,"unit":"jiffies/s","channel":"proc.cpu_user_jiffies"}`, name, wave, raw)},
			[2]string{"attack_signature", fmt.Sprintf(`{"type":"attack_signature","name":%q,"channels":[{"name":"proc.minflt","median":%s}]}`, name, raw)})
	}
	return append(all,
		[2]string{"model_metric", `{"type":"model_metric","model":"knn","metric":0.9}`},
		[2]string{"model_perf", `{"type":"model_perf","model":"knn","latency_us":20,"accuracy":0.9}`})
}

// later are the same events with fields and types that this version does not know.
func later() [][2]string {
	all := earlier()
	for i := range all {
		all[i][1] = strings.Replace(all[i][1], "{", `{"future":{"a":[1,{"b":null}]},"target":{"of":"another shape"},"phases":7,"hosts":"many",`, 1)
	}
	return append(all, [2]string{"attack_forecast", `{"type":"attack_forecast","name":"one","value":[1,2]}`})
}

// TestOtherVersions: the page shows what it can of events of an earlier and of a later version: cards,
// details, levels, slides and figures.
func TestOtherVersions(t *testing.T) {
	for name, all := range map[string][][2]string{"earlier": earlier(), "later": later()} {
		t.Run(name, func(t *testing.T) {
			b := open(t, replay(t, all))
			b.allowBroken()
			b.until(isLive + " && document.querySelectorAll('.card[data-profile] .median').length === 2 && document.querySelectorAll('#accuracy li').length === 1 && document.querySelectorAll('#speed circle.model').length === 1")
			if !get[bool](b, "document.querySelector('#invalid').hidden") {
				t.Error(b.text("#invalid"))
			}
			b.audit(name)
			for _, view := range []string{"#/?view=levels", "#/profile/one?with=two", "#/profile/one?with=two&view=levels", "#/scene/6", "#/scene/8", "#/scene/12", "#/?scale=raw&widths=seconds"} {
				b.run("location.hash = " + js(view))
				b.until("location.hash === " + js(view))
				b.waitStill()
				if n := get[int](b, "[...document.querySelectorAll('.plot svg, .bars li')].filter((n) => n.checkVisibility()).length"); n == 0 {
					t.Errorf("%s shows no plot", view)
				}
				if broken := get[[]string](b, `[...document.querySelectorAll('main *')].filter((n) => n.checkVisibility() && n.children.length === 0 && /NaN|undefined|null|Infinity/.test(n.textContent)).map((n) => n.textContent)`); len(broken) > 0 {
					t.Errorf("%s shows %q", view, broken)
				}
			}
			b.run("location.hash = '#/'")
			b.until(overviewShown)
			if texts := textsOf(t, saveFrom(b, "#save", "SVG", "profiles.svg")); !slices.Contains(texts, "one") {
				t.Errorf("the figure has %q", texts)
			}
		})
	}
}

// TestFrameTimes prints how long the frames of 200 profiles take while ten events a second come, in
// the list and while it scrolls. PROFILES_FRAMES is for how many seconds; without it nothing is
// measured. A machine with a display has other figures than one without, so nothing is judged.
func TestFrameTimes(t *testing.T) {
	seconds, err := strconv.Atoi(os.Getenv("PROFILES_FRAMES"))
	if err != nil {
		t.Skip("PROFILES_FRAMES is not a number of seconds")
	}
	s := start(t, dashboard.Config{})
	spec := s.fleet(200, 100, 7)
	b := open(t, s.URL())
	b.until(fmt.Sprintf("%s && %s.length === 200 && %s", isLive, shownNames, allSeen))
	for _, scroll := range []int{0, 20} {
		b.run(fmt.Sprintf(`window.frames_ = []; let last = performance.now(); window.measuring = true;
			const step = (now) => {
				window.frames_.push(now - last);
				last = now;
				scrollBy(0, %d);
				if (window.measuring) requestAnimationFrame(step);
			};
			requestAnimationFrame(step);`, scroll))
		tick := time.NewTicker(100 * time.Millisecond)
		for i := range 10 * seconds {
			<-tick.C
			p := spec.Profiles[i%len(spec.Profiles)]
			s.storeEvent(events.TypeAttackProfile, string(p.Name), fleetProfile(p, i%len(spec.Profiles), 100, float64(1000*scroll+i+1)))
		}
		tick.Stop()
		b.run("window.measuring = false")
		frames := get[[]float64](b, "window.frames_.slice(1).sort((a, b) => a - b)")
		at := func(q float64) float64 { return frames[min(len(frames)-1, int(q*float64(len(frames))))] }
		long := len(frames) - slices.IndexFunc(append(frames, 1e9), func(f float64) bool { return f > 16.8 })
		t.Logf("scrolling by %d px a frame: %d frames in %d s, median %.1f ms, 95%% %.1f ms, 99%% %.1f ms, longest %.1f ms; %d are longer than 16.8 ms",
			scroll, len(frames), seconds, at(0.5), at(0.95), at(0.99), frames[len(frames)-1], max(0, long))
	}
}
