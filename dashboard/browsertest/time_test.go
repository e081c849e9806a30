//go:build browser

package browsertest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

// TestTime: phases are as wide as their points or as their median seconds. The axis says which, and the address has the choice.
func TestTime(t *testing.T) {
	s := start(t, dashboard.Config{})
	spec := s.fleet(2, 100)
	seconds := []float64{30, 2, 8, 60, 20}
	e := fleetProfile(spec.Profiles[0], 0, 100, 1)
	e.Phases = streamer.ShowPhases(fit.DefaultPoints(), seconds)
	s.storeEvent(events.TypeAttackProfile, e.Name, e)
	b := open(t, s.URL())
	b.until(fmt.Sprintf("%s && %s && !document.querySelector('[data-choice=widths]').closest('fieldset').hidden", isLive, allSeen))
	b.run("document.querySelector('[data-choice=widths][value=seconds]').click()")
	const name, without = "botnet-000", "cryptominer-001"
	b.until(fmt.Sprintf("location.hash === '#/?widths=seconds' && document.querySelector(%s).textContent === 'proc.cpu_user_jiffies, scaled · time by median seconds'", js(card(name, ".axis-name"))))
	checkWidths := func(plot string) {
		t.Helper()
		b.waitStill()
		widths := get[[]float64](b, fmt.Sprintf("[...document.querySelectorAll(%s)].map((r) => r.width.baseVal.value)", js(plot+" .phase")))
		all := 0.0
		for _, w := range widths {
			all += w
		}
		for i, w := range widths {
			if want := all * seconds[i] / 120; math.Abs(w-want) > 0.5 {
				t.Errorf("phase %d is %g px wide, want %g", i, w, want)
			}
		}
	}
	checkWidths(card(name, ".plot"))
	if got := get[string](b, fmt.Sprintf("document.querySelector(%s).textContent", js(card(name, ".plot svg > g:first-of-type")))); !strings.Contains(got, "running 60 s") {
		t.Errorf("the phases are named %q", got)
	}
	// A profile whose seconds are not known keeps its points, and says so.
	if got := b.text(card(without, ".axis-name")); got != "proc.cpu_user_jiffies, scaled · time by points" {
		t.Errorf("the axis of a profile without seconds is called %q", got)
	}
	// A chosen point is where it is drawn.
	x := pathOf(b, card(name, ".median"))[12][0]
	b.run(fmt.Sprintf(`const p = document.querySelector(%s), r = p.getBoundingClientRect(); p.dispatchEvent(new PointerEvent('pointermove', {clientX: r.left + %g, clientY: r.top + 20}))`, js(card(name, ".plot")), x))
	if got := get[int](b, fmt.Sprintf("+document.querySelector(%s).getAttribute('aria-valuenow')", js(card(name, ".plot")))); got != 13 {
		t.Errorf("point %d is chosen, want 13", got)
	}
	b.shoot("seconds")
	b.run(fmt.Sprintf("document.querySelector(%s).click()", js(card(name, "h3 a"))))
	b.until("location.hash === '#/profile/botnet-000?widths=seconds' && document.querySelector('#detail .axis-name').textContent === 'raw, jiffies/s, proc.cpu_user_jiffies · time by median seconds'")
	checkWidths("#detail .plot")
	b.audit("time by seconds")
	b.shoot("seconds-detail")
}

// TestRecordedSeconds: the medians of what the entries keep reach the page.
func TestRecordedSeconds(t *testing.T) {
	s := filled(t)
	for _, phase := range s.envelope("io-walk").Phases {
		if phase.Seconds <= 0 {
			t.Errorf("%s takes %g s", phase.Name, phase.Seconds)
		}
	}
	b := open(t, s.URL()+"#/profile/io-walk?widths=seconds")
	b.until(isLive + " && document.querySelector('#detail .axis-name').textContent.endsWith(' · time by median seconds')")
}
