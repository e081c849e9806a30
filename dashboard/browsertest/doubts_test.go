//go:build browser

package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/dashboard"
)

// doubtful returns an event of five points whose sample has been told about its recordings.
func doubtful(name string, more map[string]any) map[string]any {
	event := map[string]any{
		"type": "attack_profile", "name": name, "shape": "shape", "curve": []float64{0, 1, 0.5, 0, 0}, "p25": []float64{0, 0.5, 0.5, 0, 0}, "p75": []float64{0, 1, 1, 0, 0},
		"median_raw": []float64{0, 8, 4, 0, 0}, "p25_raw": []float64{0, 4, 4, 0, 0}, "p75_raw": []float64{0, 8, 8, 0, 0},
		"n_used": 7, "n_attempted": 8, "target": 100, "channel": "proc.cpu_user_jiffies", "unit": "jiffies/s", "n": []int{7, 7, 5, 0, 7},
	}
	for key, value := range more {
		event[key] = value
	}
	return event
}

var (
	noSource = map[string]any{"reason": "no_source", "meaning": "the archive lacks the channel's telemetry file", "n": 1, "host": "lab-01", "episode": "ep-1"}
	dropped  = map[string]any{"kind": "rows_dropped", "n": 2, "worst": 12, "host": "lab-02", "episode": "ep-2"}
	silent   = map[string]any{"kind": "longest_gap", "n": 7, "worst": 2.5, "host": "lab-03", "episode": "ep-3"}
)

// TestDoubtsOfRecordings: the detail shows what is wrong with the recordings of a sample. A card shows it where it concerns a
// quarter of the episodes.
func TestDoubtsOfRecordings(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.until(isLive)
	publish := func(name string, more map[string]any) { s.publish(doubtful(name, more)) }
	with := func(m map[string]any, key string, value any) map[string]any {
		out := map[string]any{key: value}
		for k, v := range m {
			if k != key {
				out[k] = v
			}
		}
		return out
	}
	publish("io-walk", map[string]any{"reasons": []any{noSource}, "quality": []any{dropped, with(dropped, "kind", "new_kind"), silent}})
	publish("bursty-c2", map[string]any{"quality": []any{with(dropped, "n", 5), silent}})
	publish("cpu-saturate", map[string]any{"n_used": 5, "n": []int{5, 5, 5, 5, 5}, "reasons": []any{noSource, with(with(noSource, "n", 2), "reason", "bad_clock")}})
	publish("low-and-slow", map[string]any{"n": []int{7, 7, 7, 7, 7}, "quality": []any{with(dropped, "kind", "restarts"), with(dropped, "kind", "empty_points"), silent}})
	publish("shell-resident", map[string]any{"n": []int{7, 3, 3, 7, 7}})
	s.publish(map[string]any{"type": "attack_profile", "name": "scan-and-dial", "curve": []int{0, 1, 0}}) // of an older program
	b.until(fmt.Sprintf("document.querySelector(%s)", js(card("scan-and-dial", ".median"))))
	for name, want := range map[string]string{
		"io-walk":        "2 of 7 episodes are sloppy: rows out of order, worst in lab-02/ep-2.",
		"bursty-c2":      "5 of 7 episodes are sloppy: rows out of order, worst in lab-02/ep-2.",
		"cpu-saturate":   "3 of 8 episodes give no curve. Most often the archive lacks the channel's telemetry file, as in lab-01/ep-1.",
		"low-and-slow":   "",
		"shell-resident": "At 2 of 5 points most episodes have no value.",
		"scan-and-dial":  "",
	} {
		if got := b.text(card(name, ".doubt summary")); got != want || get[bool](b, fmt.Sprintf("document.querySelector(%s).hidden", js(card(name, ".doubt")))) != (want == "") {
			t.Errorf("the card of %s says %q, want %q", name, got, want)
		}
	}
	// The warning opens, and says which episodes.
	b.run(fmt.Sprintf("document.querySelector(%s).focus()", js(card("io-walk", ".doubt summary"))))
	b.press(kb.Enter)
	b.until(fmt.Sprintf("document.querySelector(%s).checkVisibility()", js(card("io-walk", ".doubt li"))))
	if got := get[int](b, fmt.Sprintf("document.querySelectorAll(%s).length", js(card("io-walk", ".doubt li")))); got != 5 {
		t.Errorf("the warning has %d lines", got)
	}
	b.audit("an open warning")
	b.shoot("doubts-overview")

	b.run("location.hash = '#/profile/io-walk'")
	b.until("document.querySelector('#detail h2').textContent === 'io-walk' && !document.querySelector('.recordings').hidden")
	want := []string{
		"No curve: the archive lacks the channel's telemetry file (1 episode: lab-01/ep-1).",
		"2 of 7 have rows out of order or without a time; the most, 12, in lab-02/ep-2.",
		"2 of 7 have new kind; the most, 12, in lab-02/ep-2.",
		"The longest time without a sample is 2.5 s, in lab-03/ep-3.",
		"At some points no episode has a value.",
	}
	if got := get[[]string](b, "[...document.querySelectorAll('.recordings li')].map((n) => n.textContent)"); !slices.Equal(got, want) {
		t.Errorf("the detail says %q, want %q", got, want)
	}
	if summary := b.text("#detail .visually-hidden[id^=summary]"); !strings.Contains(summary, want[1]) {
		t.Errorf("screen readers get %q", summary)
	}
	b.audit("recordings")
	b.shoot("doubts-detail")

	// The number of episodes stands where it is lower, and a point without any value is a gap.
	checkGaps(b)

	b.run("location.hash = '#/profile/low-and-slow'")
	b.until("document.querySelector('#detail h2').textContent === 'low-and-slow' && document.querySelectorAll('.recordings li').length === 3")
	b.run("location.hash = '#/profile/scan-and-dial'")
	b.until("document.querySelector('#detail h2').textContent === 'scan-and-dial' && document.querySelector('.recordings').hidden")
}

// checkGaps checks the third and the fourth point of the detail: of 5 and of no episodes.
func checkGaps(b *tab) {
	b.t.Helper()
	rows := get[[][]string](b, "[...document.querySelectorAll('.points tbody tr')].map((r) => [...r.cells].slice(5).map((c) => c.textContent))")
	if !slices.Equal(rows[2], []string{"4", "4", "8", "5"}) || !slices.Equal(rows[3], []string{"–", "–", "–", "0"}) || !slices.Equal(rows[4], []string{"0", "0", "0", "7"}) {
		b.t.Errorf("the table has %q", rows)
	}
	b.waitStill()
	d := get[string](b, "document.querySelector('#detail .plot .median').getAttribute('d')")
	if line := pathOf(b, "#detail .plot .median"); len(line) != 4 || strings.Count(d, "M") != 2 {
		b.t.Errorf("the line is %s", d)
	}
	if area := pathOf(b, "#detail .plot .band"); len(area) != 8 {
		b.t.Errorf("the band has %d points", len(area))
	}
	b.run("document.querySelector('#detail .plot').focus()")
	b.press(kb.Home)
	for _, want := range []struct{ where, spoken string }{
		{"10% through", "10% through: median 0, quartiles 0 to 0 jiffies/s"},
		{"30% through", "30% through: median 8, quartiles 4 to 8 jiffies/s"},
		{"50% through, n=5", "50% through: median 4, quartiles 4 to 8 jiffies/s, n=5"},
		{"70% through, n=0", "70% through: no value"},
	} {
		if where, _ := readout(b, "#detail"); where != want.where {
			b.t.Errorf("the readout is at %q, want %q", where, want.where)
		}
		if got := get[string](b, "document.querySelector('#detail .plot').getAttribute('aria-valuetext')"); got != want.spoken {
			b.t.Errorf("screen readers get %q, want %q", got, want.spoken)
		}
		b.press(kb.ArrowRight)
	}
}

// TestProfileWithoutCurves: where no episode gives a curve, card and detail give the reasons instead of a flat line.
func TestProfileWithoutCurves(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.until(isLive)
	zero := []float64{0, 0, 0, 0, 0}
	empty := map[string]any{
		"curve": zero, "p25": zero, "p75": zero, "median_raw": zero, "p25_raw": zero, "p75_raw": zero, "n": zero, "n_used": 0, "n_attempted": 3,
		"reasons": []any{
			noSource,
			map[string]any{"reason": "no_armed", "meaning": "no segment is armed", "n": 2, "host": "lab-01", "episode": "ep-5"},
		},
	}
	s.publish(doubtful("io-walk", empty))
	s.publish(doubtful("bursty-c2", map[string]any{"curve": zero, "n_used": 0, "n_attempted": 0}))
	s.publish(doubtful("low-and-slow", map[string]any{"curve": zero, "n_used": 0, "n_attempted": 1})) // of an older streamer
	s.publish(doubtful("cpu-saturate", nil))
	const words = "None of 3 episodes gives a curve: no segment is armed (2 episodes, such as lab-01/ep-5); the archive lacks the channel's telemetry file (1 episode: lab-01/ep-1)."
	for name, want := range map[string]string{
		"io-walk": words, "bursty-c2": "No accepted episode is left: all were retracted.", "low-and-slow": "The only episode gives no curve.",
	} {
		b.until(fmt.Sprintf("document.querySelector(%s)?.textContent === %s", js(card(name, ".waiting")), js(want)))
		if !get[bool](b, fmt.Sprintf("document.querySelector(%s).hidden && document.querySelector(%s).checkVisibility()", js(card(name, ".plot")), js(card(name, ".waiting")))) {
			t.Errorf("%s shows a plot", name)
		}
	}
	b.audit("profiles without curves")
	b.shoot("without-curves")

	b.run("location.hash = '#/profile/io-walk?with=bursty-c2'")
	b.until("document.querySelector('#detail h2').textContent === 'io-walk' && document.querySelector('#detail .waiting').checkVisibility()")
	if got := b.text("#detail .waiting"); got != words || get[bool](b, "document.querySelector('.detail-body').checkVisibility()") {
		t.Errorf("the detail says %q", got)
	}
	// It can't be compared with, either.
	b.run("location.hash = '#/profile/cpu-saturate?with=bursty-c2'")
	b.until("document.querySelectorAll('#detail .plot .median').length === 1")
	// A first curve replaces the words.
	s.publish(doubtful("io-walk", nil))
	b.run("location.hash = '#/profile/io-walk'")
	b.until("document.querySelector('#detail h2').textContent === 'io-walk' && document.querySelector('#detail .plot .median') && !document.querySelector('#detail .waiting').checkVisibility()")
	b.run("location.hash = '#/'")
	b.until(fmt.Sprintf("document.querySelector(%s).checkVisibility() && !document.querySelector(%s).checkVisibility()", js(card("io-walk", ".plot")), js(card("io-walk", ".waiting"))))
	// And the last curve that goes brings them back.
	s.publish(doubtful("io-walk", empty))
	b.until(fmt.Sprintf("!document.querySelector(%s).checkVisibility() && document.querySelector(%s).checkVisibility()", js(card("io-walk", ".plot")), js(card("io-walk", ".waiting"))))
}
