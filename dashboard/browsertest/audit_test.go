//go:build browser

package browsertest

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/dashboard"
)

//go:embed audit.js
var audit string

// audit checks the accessibility of the page in both themes.
func (b *tab) audit(what string) {
	b.t.Helper()
	for _, theme := range []string{"light", "dark"} {
		b.media(theme, true)
		b.waitStill()
		for _, problem := range get[[]string](b, audit) {
			b.t.Errorf("%s, %s: %s", what, theme, problem)
		}
	}
}

func TestAudit(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.allowBroken()
	b.until(isLive)
	b.audit("empty")
	s.fit()
	s.emit()
	models(s)
	s.publish(map[string]any{"type": "attack_profile", "name": "another", "curve": []int{0, 1, 0}})
	s.store("attack_profile", "bad", []byte(`{}`))
	b.until(allFilled + " && " + modelsShown + " && !document.querySelector('#invalid').hidden")
	b.audit("the overview")
	b.checkFocus("the overview")
	for _, name := range append(slices.Clone(six), "another") {
		b.run(fmt.Sprintf("location.hash = %s", js("#/profile/"+name+"?with=bursty-c2")))
		b.until(fmt.Sprintf("document.querySelector('#detail h2').textContent === %s", js(name)))
		b.audit(name)
	}
	b.checkFocus("the detail")
	b.size(360, 740)
	b.audit("the detail on a phone")
	s.bridge.stop()
	b.until(state("retrying", "Reconnecting"))
	b.audit("the detail, stale")
	b.run("location.hash = '#/'")
	b.until(overviewShown)
	b.audit("the overview, stale")
}

// TestAuditFinds: the audit finds each kind of problem.
func TestAuditFinds(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.until(isLive)
	b.run(`const add = (tag, text, parent = document.querySelector('main')) => {
		const n = document.createElement(tag);
		n.textContent = text;
		parent.append(n);
		return n;
	};
	add('button', '');
	add('h5', 'too deep');
	add('p', 'too pale').style.color = 'rgb(170, 170, 170)';
	add('p', 'half gone').style.opacity = 0.4;
	add('p', 'elsewhere', document.body);
	add('div', 'role').setAttribute('role', 'banana');
	document.querySelector('main').append(document.createElementNS('http://www.w3.org/2000/svg', 'svg'));
	add('a', 'twice').id = 'profiles-title';
	document.querySelector('#accuracy').setAttribute('aria-labelledby', 'nowhere');`)
	found := strings.Join(get[[]string](b, audit), "\n")
	for _, want := range []string{
		`button. "": has no name`, `h5. "too deep": follows a heading of level 3`, `"too pale": has a contrast of 2.`, `"half gone": has a contrast of`,
		`"elsewhere": lies outside of the landmarks`, `has the role banana`, `svg. "": is a picture without role and name`, `the id profiles-title is there twice`, `aria-labelledby refers to nothing`,
	} {
		if !strings.Contains(found, want) {
			t.Errorf("the audit does not find: %s\nbut:\n%s", want, found)
		}
	}
}

// checkFocus goes through the page with the tab key. It must reach every control in
// the order of the page, and each must show that it has the focus.
func (b *tab) checkFocus(what string) {
	b.t.Helper()
	b.media("light", true)
	b.run("document.activeElement.blur(); scrollTo(0, 0); getSelection().removeAllRanges(); document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
	b.run(`window.controls = [...document.querySelectorAll('a[href], button, select, input, [tabindex]:not([tabindex="-1"])')].filter((n) => n.checkVisibility() && !n.disabled
		&& !(n.type === 'radio' && !n.checked))`)
	n := get[int](b, "window.controls.length")
	if n < 8 {
		b.t.Errorf("%s: only %d controls", what, n)
	}
	for i := range n {
		b.press(kb.Tab)
		got := get[string](b, fmt.Sprintf(`((n, want) => {
			if (n !== want) return 'the focus is on ' + n.outerHTML.slice(0, 80) + ', not on ' + want.outerHTML.slice(0, 80);
			const s = getComputedStyle(n);
			if (s.outlineStyle === 'none' || parseFloat(s.outlineWidth) < 2) return 'the focus is not visible on ' + n.outerHTML.slice(0, 80);
			return '';
		})(document.activeElement, window.controls[%d])`, i))
		if got != "" {
			b.t.Errorf("%s: %s", what, got)
			return
		}
	}
}
