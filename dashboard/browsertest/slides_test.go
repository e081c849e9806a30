//go:build browser

package browsertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/dashboard"
)

// slide is true when a slide is shown, and its place among all.
func slide(hash, place string) string {
	return fmt.Sprintf("location.hash === %s && document.querySelector('#slides span').textContent === %s", js(hash), js(place))
}

// fills reports what a slide of the present size does wrong: it must fill the screen, have no
// scroll bars, and show its own part only.
const fills = `(() => {
	const problems = [];
	const { scrollWidth, scrollHeight } = document.documentElement;
	if (scrollWidth > innerWidth || scrollHeight > innerHeight) problems.push('the page is ' + scrollWidth + ' by ' + scrollHeight + ' px');
	const parts = [...document.querySelectorAll('.cards .card, #accuracy, #speed')].filter((n) => n.checkVisibility()).map((n) => n.getBoundingClientRect());
	if (parts.length === 0) return ['nothing is shown'];
	if (Math.max(...parts.map((r) => r.bottom)) < 0.93 * innerHeight) problems.push('the lower part of the screen is empty');
	for (const r of parts) if (r.bottom > innerHeight + 1 || r.right > innerWidth + 1) problems.push('a card leaves the screen: it ends at ' + r.right + ', ' + r.bottom);
	for (const p of [...document.querySelectorAll('.cards .plot, #speed .plot')].filter((n) => n.checkVisibility())) if (p.clientHeight < 40) problems.push('a plot is ' + p.clientHeight + ' px high');
	const least = Math.min(...[...document.querySelectorAll('main *')].filter((n) => n.checkVisibility() && [...n.childNodes].some((m) => m.nodeType === 3 && m.textContent.trim()) && !n.matches('.visually-hidden, .visually-hidden *, .readout *, th, td, caption')).map((n) => parseFloat(getComputedStyle(n).fontSize)));
	if (innerWidth >= 1280 && least < 12) problems.push('a text is ' + least + ' px high');
	return problems;
})()`

// TestSlides: each slide fills screens of all sizes, alone and in large type. Arrow keys go on, Esc
// leads back. The connection stays visible.
func TestSlides(t *testing.T) {
	s := filled(t)
	models(s)
	b := open(t, s.URL()+"#/?scale=raw")
	b.allowBroken()
	b.until(isLive + " && " + allFilled + " && " + modelsShown)
	b.run("document.querySelector('#to-slides').click()")
	hashes := []string{"#/scene/6?scale=raw", "#/scene/8?scale=raw", "#/scene/12?scale=raw"}
	b.until(slide(hashes[0], "1 of 3") + " && document.title === 'Typical runs of the profiles · Attack profiles'")
	for i, hash := range hashes {
		b.until(slide(hash, fmt.Sprintf("%d of 3", i+1)))
		shown := get[[]string](b, "['.cards', '#accuracy', '#speed'].filter((s) => document.querySelector(s).checkVisibility())")
		if want := []string{".cards", "#accuracy", "#speed"}[i]; strings.Join(shown, " ") != want {
			t.Errorf("%s shows %q", hash, shown)
		}
		for _, size := range [][2]int64{{390, 844}, {844, 390}, {1280, 720}, {1440, 900}, {2560, 1440}} {
			b.size(size[0], size[1])
			b.until(fmt.Sprintf("innerWidth === %d", size[0]))
			b.waitStill()
			for _, problem := range get[[]string](b, fills) {
				t.Errorf("%s at %d by %d: %s", hash, size[0], size[1], problem)
			}
			if !get[bool](b, "document.querySelector('#connection').checkVisibility() && document.querySelector('#connection').innerText === 'Live'") {
				t.Errorf("%s at %d: the connection is not visible", hash, size[0])
			}
			b.shootBoth(fmt.Sprintf("slide-%s-%d", strings.Fields("6 8 12")[i], size[0]))
		}
		b.audit(hash)
		b.press(kb.ArrowRight)
	}
	b.until(slide(hashes[0], "1 of 3"))
	b.press(kb.ArrowLeft)
	b.until(slide(hashes[2], "3 of 3"))
	b.press(kb.Home)
	b.until(slide(hashes[0], "1 of 3"))
	// A plot that was clicked does not keep the arrow keys, one that the keyboard chose does.
	b.run(`const p = document.querySelector('.card .plot'); dispatchEvent(new PointerEvent('pointerdown')); p.focus()`)
	b.press(kb.ArrowRight)
	b.until(slide(hashes[1], "2 of 3"))
	b.press(kb.ArrowLeft)
	b.until(slide(hashes[0], "1 of 3"))
	b.run("document.querySelector('.card h3 a').focus()")
	b.press(kb.Tab)
	b.press(kb.ArrowRight)
	if !get[bool](b, slide(hashes[0], "1 of 3")+" && document.activeElement.matches('[role=slider]')") {
		t.Error("the arrow keys of a plot that the keyboard chose change the slide")
	}
	b.press("f")
	b.until("document.fullscreenElement !== null")
	b.press("f")
	b.until("document.fullscreenElement === null")
	s.bridge.stop()
	b.until(state("retrying", "Reconnecting") + " && document.querySelector('#connection').checkVisibility() && document.querySelector('#notice').checkVisibility()")
	for _, problem := range get[[]string](b, fills) {
		t.Errorf("without a connection: %s", problem)
	}
	b.shoot("slide-lost")
	b.press(kb.Escape) // undoes the choice of the plot
	b.press(kb.Escape)
	b.until(overviewShown + " && location.hash === '#/?scale=raw' && !document.documentElement.dataset.scene")
}

// TestManySlides: many profiles take several slides.
func TestManySlides(t *testing.T) {
	s := start(t, dashboard.Config{})
	spec := s.fleet(30, 100, 7, 0)
	models(s)
	b := open(t, s.URL()+"#/scene/6")
	b.until(isLive + " && " + slide("#/scene/6", "1 of 5") + " && " + shownNames + ".length === 12")
	b.press(kb.ArrowRight)
	b.until(slide("#/scene/6?page=2", "2 of 5"))
	b.press(" ")
	b.until(slide("#/scene/6?page=3", "3 of 5"))
	if got, want := strings.Join(get[[]string](b, shownNames), ","), strings.Join(namesOf(spec)[24:], ","); got != want {
		t.Errorf("the third slide has %s, want %s", got, want)
	}
	b.press(kb.ArrowLeft)
	for _, size := range [][2]int64{{390, 844}, {1280, 720}, {1440, 900}, {2560, 1440}} {
		b.size(size[0], size[1])
		b.until(fmt.Sprintf("innerWidth === %d && %s", size[0], allSeen))
		b.waitStill()
		for _, problem := range get[[]string](b, fills) {
			t.Errorf("at %d by %d: %s", size[0], size[1], problem)
		}
		b.shootBoth(fmt.Sprintf("slide-many-%d", size[0]))
	}
	// Fewer profiles: the page that is gone shows the last one.
	b.size(1440, 900)
	b.run("location.hash = '#/scene/6?page=900'")
	b.until("document.querySelector('#slides span').textContent === '3 of 5' && " + shownNames + ".length === 6")
}

// TestCycle: a wall display shows one slide after the other. The address may have the cycle before
// the #, too.
func TestCycle(t *testing.T) {
	s := start(t, dashboard.Config{})
	s.fleet(2, 100)
	b := open(t, s.URL()+"?cycle=20", script(`{
		const slow = window.setTimeout;
		window.waits = [];
		window.setTimeout = (f, ms, ...rest) => {
			if (ms === 20000) window.waits.push(f);
			return slow(f, ms, ...rest);
		};
	}`))
	b.until(isLive + " && " + slide("#/scene/6?cycle=20", "1 of 3"))
	for _, next := range []string{"8", "12", "6"} {
		b.run("window.waits.at(-1)()")
		b.until(fmt.Sprintf("location.hash === '#/scene/%s?cycle=20'", next))
	}
	b.run("location.hash = '#/scene/8'")
	b.until("document.querySelector('#accuracy').checkVisibility()")
	if n, m := get[int](b, "window.waits.length"), get[int](b, "history.length"); n != 4 || m > 4 {
		t.Errorf("%d waits, %d entries of the history", n, m)
	}
}
