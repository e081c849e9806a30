//go:build browser

package browsertest

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/dashboard"
)

// TestEscape: Esc leaves the detail for the list as it was. In a plot with a chosen point it first
// undoes that choice.
func TestEscape(t *testing.T) {
	s := start(t, dashboard.Config{})
	s.fleet(12, 100)
	b := open(t, s.URL()+"#/?sort=name")
	b.until(fmt.Sprintf("%s && %s.length === 12", isLive, shownNames))
	enter := func() {
		t.Helper()
		b.run(fmt.Sprintf("document.querySelector(%s).focus()", js(card("wiper-004", "h3 a"))))
		b.press(kb.Enter)
		b.until("document.querySelector('#detail h2').textContent === 'wiper-004' && document.activeElement.tagName === 'H2'")
	}
	enter()
	b.press(kb.Escape)
	back := overviewShown + " && location.hash === '#/?sort=name' && document.activeElement.textContent === 'wiper-004'"
	b.until(back)
	enter()
	b.until("document.querySelector('#detail .median')")
	b.run("document.querySelector('#detail .plot').focus()")
	b.press(kb.ArrowRight)
	b.press(kb.Escape)
	if !get[bool](b, "!document.querySelector('#detail').hidden && !document.querySelector('#detail .readout').classList.contains('chosen')") {
		t.Error("Esc in a plot does not undo the choice, or leaves the detail")
	}
	b.press(kb.Escape)
	b.until(back)
}

// TestUnknownProfile: an address with an unknown profile says so once the page has all events, and
// leads back. When the profile comes, it is shown.
func TestUnknownProfile(t *testing.T) {
	s := start(t, dashboard.Config{})
	s.fleet(2, 100)
	b := open(t, s.URL()+"#/profile/no%20such")
	b.until(isLive + ` && document.querySelector('#detail .waiting').textContent.startsWith('No profile has the name “no such”.') && document.querySelector('#detail .waiting').checkVisibility()`)
	b.shootBoth("unknown")
	s.publish(map[string]any{"type": "attack_profile", "name": "no such", "curve": []int{0, 1, 0}})
	b.until("document.querySelector('#detail .median') && !document.querySelector('#detail .waiting').checkVisibility()")
	b.run("location.hash = '#/profile/gone'")
	b.until("document.querySelector('#detail .waiting').textContent.startsWith('No profile has the name “gone”.')")
	b.run("document.querySelector('#detail .back a').click()")
	b.until(overviewShown)
}

// TestWordsOfTheReader: the page has no name of a part of the code, whatever its state.
func TestWordsOfTheReader(t *testing.T) {
	internal := regexp.MustCompile(`(?i)\b(bridge|scene|metric|model_metric|model_perf|point \d+|null|undefined|NaN)\b`)
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.allowBroken()
	check := func(when string) {
		t.Helper()
		all := get[string](b, `document.body.innerText + ' ' + [...document.querySelectorAll('[aria-label], [aria-valuetext], [title]')].map((n) => [n.ariaLabel, n.ariaValueText, n.title].join(' ')).join(' ')
			+ [...document.querySelectorAll('.visually-hidden')].map((n) => n.textContent).join(' ')`)
		if found := internal.FindAllString(all, -1); len(found) > 0 {
			t.Errorf("%s: the page says %q", when, found)
		}
	}
	b.until(isLive)
	check("empty")
	s.fit()
	s.emit()
	models(s)
	b.until(allFilled + " && " + modelsShown)
	for _, name := range six {
		s.signature(name)
	}
	b.run(`document.querySelector('[data-choice=view][value=levels]').click()`)
	b.until(levelsOf("io-walk"))
	check("levels")
	b.run("location.hash = '#/profile/io-walk?with=bursty-c2'")
	b.until("document.querySelectorAll('#detail .plot .median').length === 2")
	check("detail")
	s.bridge.stop()
	b.until(state("retrying", "Reconnecting"))
	check("stale")
}

// TestHeadsAligned: the names of the cards of one row stand on one line, and so do the counts beside
// them, and the headings of the models.
func TestHeadsAligned(t *testing.T) {
	s := filled(t)
	models(s)
	b := open(t, s.URL())
	b.until(isLive + " && " + allFilled + " && " + modelsShown)
	b.waitStill()
	const baselines = `(selector) => [...document.querySelectorAll(selector)].map((n) => { const r = document.createRange(); r.selectNodeContents(n); const b = r.getBoundingClientRect(); return (b.top + b.bottom) / 2; })`
	heads := get[[]float64](b, "("+baselines+")('.card[data-profile] h3 bdi').slice(0, 3).concat(("+baselines+")('#accuracy > h3'))")
	for _, at := range heads {
		if abs(at-heads[0]) > 1 {
			t.Errorf("the middles of the names and of the models' heading are at %v px", heads)
			break
		}
	}
	off := get[[]float64](b, `[...document.querySelectorAll('.card[data-profile] .count')].flatMap((n) => {
		const middle = (m) => { const r = m.getBoundingClientRect(); return (r.top + r.bottom) / 2; };
		return [middle(n.querySelector('svg')) - middle(n.querySelector('span')), middle(n) - middle(n.closest('.card-head').querySelector('h3'))];
	})`)
	for _, d := range off {
		if abs(d) > 2 {
			t.Errorf("rings, counts and names differ by %v px in height", off)
			break
		}
	}
}

// TestLandscape: on a phone in landscape, a whole card and the detail's plot with its numbers fit on
// the screen.
func TestLandscape(t *testing.T) {
	s := filled(t)
	models(s)
	b := open(t, s.URL())
	b.size(844, 390)
	b.until(isLive + " && " + allFilled + " && " + modelsShown)
	b.waitStill()
	if got := get[int](b, "document.documentElement.scrollWidth"); got != 844 {
		t.Errorf("the page is %d px wide", got)
	}
	for _, high := range get[[]float64](b, "[...document.querySelectorAll('.card[data-profile]')].map((c) => c.getBoundingClientRect().height)") {
		if high > 390 {
			t.Errorf("a card is %g px high", high)
		}
	}
	b.audit("landscape")
	b.shootBoth("landscape")
	b.run("location.hash = '#/profile/io-walk'")
	b.until("document.querySelector('#detail .median')")
	b.waitStill()
	if got := get[float64](b, "document.querySelector('#detail .readout').getBoundingClientRect().bottom - document.querySelector('#detail .plot').getBoundingClientRect().top"); got > 390 {
		t.Errorf("the plot and its numbers take %g px", got)
	}
	if got := get[float64](b, "document.querySelector('#detail .plot').getBoundingClientRect().bottom"); got > 390 {
		t.Errorf("the plot ends at %g px", got)
	}
	b.audit("the detail in landscape")
	b.shootBoth("landscape-detail")
}
