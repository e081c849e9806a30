//go:build browser

package browsertest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cis490/profiles/dashboard"
)

// TestHostileEvents: any program may publish events. No event executes code or
// replaces a valid one, and the page shows how many are invalid.
func TestHostileEvents(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.until(isLive)
	b.run("window.hacked = false")
	good := make([]float64, 80)
	good[7] = 1
	s.publish(map[string]any{"type": "attack_profile", "name": "io-walk", "shape": "valid", "curve": good})
	b.until(fmt.Sprintf("document.querySelector(%s)", js(card("io-walk", ".median"))))

	const evil = `<img src=x onerror="window.hacked=true"><script>window.hacked=true</script>`
	numbers := func(n int, v any) []any {
		out := make([]any, n)
		for i := range out {
			out[i] = v
		}
		return out
	}
	bad := 0
	invalid := func(kind, name string, event string) {
		bad++
		s.store(kind, name, []byte(event))
	}
	for k, curve := range []any{nil, "curve", map[string]any{"length": 80}, numbers(0, 0), numbers(1, 0), numbers(80, nil), numbers(80, "1"), numbers(80, 1e300), numbers(80, []int{1}), append(numbers(79, 0), evil)} {
		invalid("attack_profile", fmt.Sprint("bad-", k), js(map[string]any{"type": "attack_profile", "name": "io-walk", "shape": evil, "curve": curve}))
	}
	for k, event := range []string{
		`{"type":"attack_profile","curve":[0,1]}`, `{"type":"attack_profile","name":7,"curve":[0,1]}`, `{"type":"attack_profile","name":" ","curve":[0,1]}`,
		`{"type":"attack_profile","name":"` + strings.Repeat("long", 100) + `","curve":[0,1]}`,
		`{"type":"model_perf","name":"io-walk","curve":[0,1]}`, `[]`, `7`, `null`, `"text"`,
	} {
		invalid("attack_profile", fmt.Sprint("odd-", k), event)
	}
	for k, event := range []string{
		`{"type":"model_metric","model":"m"}`, `{"type":"model_metric","model":"m","metric":"0.9"}`, `{"type":"model_metric","metric":0.9}`, `{"type":"model_metric","model":"m","metric":1e999}`,
	} {
		invalid("model_metric", fmt.Sprint("odd-", k), event)
	}
	for k, event := range []string{
		`{"type":"model_perf","model":"m","latency_us":0,"accuracy":0.5}`, `{"type":"model_perf","model":"m","latency_us":-1,"accuracy":0.5}`,
		`{"type":"model_perf","model":"m","latency_us":5,"accuracy":7}`, `{"type":"model_perf","model":"m","latency_us":5,"accuracy":null}`,
	} {
		invalid("model_perf", fmt.Sprint("odd-", k), event)
	}
	b.until(fmt.Sprintf("document.querySelector('#invalid').textContent.startsWith('%d invalid events are not shown. The last is model_perf: its accuracy is not a number')", bad))

	// Valid events are drawn, with their texts as text.
	n := 0
	drawn := func(name string, more map[string]any) {
		n++
		event := map[string]any{"type": "attack_profile", "name": name, "shape": "", "curve": good}
		for k, v := range more {
			event[k] = v
		}
		s.store("attack_profile", fmt.Sprint("drawn-", n), []byte(js(event)))
	}
	drawn(evil, map[string]any{"shape": evil, "channel": evil, "unit": evil, "generation": evil, "updated_at": evil, "phases": []any{map[string]any{"name": evil, "start": 0, "points": 80}}})
	drawn("__proto__", map[string]any{"phases": numbers(5, nil), "p25": good, "p75": numbers(3, 1), "median_raw": "no", "n_used": -1, "target": 1.5})
	drawn("constructor", map[string]any{"n_used": 1e300, "target": 0, "phases": []any{map[string]any{"name": "clean_lead", "start": 70, "points": 70}}})
	drawn("\u202egnihtyna\u0000\n", map[string]any{"p25": numbers(80, -3e38), "p75": numbers(80, 3e38), "median_raw": numbers(80, math.MaxFloat32), "p25_raw": numbers(80, 0), "p75_raw": numbers(80, 0), "updated_at": "+275760-09-13T00:00:00Z"})
	drawn("one/two?with=#%", map[string]any{"curve": []int{3, 3}, "phases": []any{}})
	drawn("long", map[string]any{"curve": numbers(15_000, 0.5), "shape": strings.Repeat("long ", 5000)})
	s.publish(map[string]any{"type": "model_metric", "model": evil, "metric": -1e30})
	s.publish(map[string]any{"type": "model_perf", "model": evil, "latency_us": 1e30, "accuracy": 0})
	s.publish(map[string]any{"type": "model_perf", "model": "tiny", "latency_us": 1e-8, "accuracy": 1})
	b.until(fmt.Sprintf("document.querySelectorAll('.card[data-profile] .median').length === %d && document.querySelectorAll('#speed circle.model').length === 2 && document.querySelectorAll('#accuracy li').length === 1", n+1))
	if got := get[string](b, "[...document.querySelectorAll('.card[data-profile]')].find((c) => c.dataset.profile.startsWith('<img')).querySelector('.shape').textContent"); got != evil {
		t.Errorf("the shape is %q", got)
	}
	// Each of them in the detail, and compared with another.
	for i := range n {
		b.run(fmt.Sprintf("location.hash = [...document.querySelectorAll('.card[data-profile] h3 a')][1 + %d].hash", i))
		b.until("!document.querySelector('#detail').hidden && document.querySelector('#detail .plot .median')")
		b.run("const s = document.querySelector('#detail select'); s.selectedIndex = s.options.length - 1; s.dispatchEvent(new Event('change'))")
		b.until("document.querySelectorAll('#detail .plot .median').length === 2")
		b.run("document.querySelector('#detail .plot').focus()")
		b.run("location.hash = '#/'")
		b.until(overviewShown)
	}
	if got := get[string](b, "[...document.querySelectorAll('svg *')].flatMap((n) => [...n.attributes].filter((a) => /NaN|Infinity|undefined/.test(a.value)).map((a) => n.outerHTML)).join('\\n')"); got != "" {
		t.Errorf("attributes are not numbers: %s", got)
	}
	if got := b.text(card("io-walk", ".shape")); got != "valid" {
		t.Errorf("an invalid event replaced a valid one: %q", got)
	}
	if get[bool](b, "window.hacked || !!document.querySelector('main img, main script') || 'hacked' in Object.prototype") {
		t.Error("an event's text became part of the page")
	}

	// Many more profiles than the page shows.
	for i := range 700 {
		s.store("attack_profile", fmt.Sprint("many-", i), fmt.Appendf(nil, `{"type":"attack_profile","name":"many-%d","curve":[0,1]}`, i))
	}
	b.until("document.querySelectorAll('.card[data-profile]').length === 500")
	b.until("/^2[0-9][0-9] invalid events are not shown. The last is attack_profile: the page keeps no more than 500 events of one type/.test(document.querySelector('#invalid').textContent)")
}
