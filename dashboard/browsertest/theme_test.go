//go:build browser

package browsertest

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestTheme: the page follows the system's theme until the reader chooses one. The button says what
// it will do. The page remembers the choice, also that it follows the system.
func TestTheme(t *testing.T) {
	s := filled(t)
	b := open(t, s.URL())
	b.until(isLive)
	check := func(when string, light bool, button string) {
		t.Helper()
		b.until(fmt.Sprintf("document.querySelector('#theme').textContent === %s", js(button)))
		if got := get[bool](b, "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).reduce((a, v) => a + +v, 0) > 380"); got != light {
			t.Errorf("%s: light is %v", when, got)
		}
	}
	click := func() { b.do(chromedp.Click(chromedp.CSS("#theme"))) }
	check("a light system", true, "Use dark")
	b.media("dark", false)
	check("a dark system", false, "Use light")
	click()
	check("a dark system, light chosen", true, "Use dark")
	b.do(chromedp.Reload())
	b.until(isLive)
	check("after a reload", true, "Use dark")
	other := b.another(s.URL())
	other.media("dark", false)
	other.until(isLive + " && document.querySelector('#theme').textContent === 'Use dark'")
	click()
	check("a dark system, dark chosen", false, "Follow system")
	other.until("document.querySelector('#theme').textContent === 'Follow system'")
	b.media("light", false)
	check("a light system, dark chosen", false, "Use light")
	click()
	check("a light system, light chosen", true, "Follow system")
	click()
	check("a light system is followed", true, "Use dark")
	b.do(chromedp.Reload())
	b.until(isLive)
	b.media("dark", false)
	check("a dark system is followed", false, "Use light")
	if got := get[string](b, "localStorage.getItem('profiles.theme')"); got != "system" {
		t.Errorf("the page remembers %q", got)
	}
}
