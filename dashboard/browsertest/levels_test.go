//go:build browser

package browsertest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
)

// signature waits for the event of a profile's signature over all its episodes.
func (s *system) signature(name string) bus.AttackSignature {
	s.t.Helper()
	ctx := bustest.Context(s.t)
	for {
		var e bus.AttackSignature
		data, ok, err := s.bus.Dashboard().Last(ctx, bus.EventSubject(bus.TypeAttackSignature, name))
		if err != nil {
			s.t.Fatal(err)
		}
		if ok {
			if err := json.Unmarshal(data, &e); err != nil {
				s.t.Fatal(err)
			}
		}
		if e.Used == perProfile {
			return e
		}
		if ctx.Err() != nil {
			s.t.Fatalf("the signature of %s is over %d episodes", name, e.Used)
		}
	}
}

// levelsOf tells whether a card shows levels, and not its envelope.
func levelsOf(name string) string {
	return fmt.Sprintf(`(() => { const c = document.querySelector('.card[data-profile=%q]');
		return !c.querySelector('.levels').hidden && c.querySelector('.plot:not(.levels)').hidden && c.querySelector('.readout').hidden
			&& c.querySelectorAll('.levels .level').length === 7 && c.querySelector('.switch').ariaPressed === 'true' })()`, name)
}

// The second view of a card: reached by keyboard, kept through live updates, drawn
// in both themes.
func TestLevels(t *testing.T) {
	s := filled(t)
	for _, name := range six {
		s.signature(name)
	}
	b := open(t, s.URL())
	b.until(isLive + " && " + allFilled + ` && [...document.querySelectorAll('.switch')].every((n) => !n.hidden)`)
	for _, name := range six {
		if get[bool](b, levelsOf(name)) {
			t.Errorf("%s shows levels though nobody asked", name)
		}
	}
	// By keyboard: the switch of one card, then the slider behind it.
	b.run(`document.querySelector('.card[data-profile="bursty-c2"] .switch').focus()`)
	b.press(kb.Enter)
	b.until(levelsOf("bursty-c2"))
	if get[bool](b, levelsOf("io-walk")) {
		t.Error("another card turned, too")
	}
	b.press(kb.Tab)
	if at := get[string](b, `document.activeElement.ariaLabel`); at != "bursty-c2, levels of each channel and phase" {
		// the ring or the plot may be between; the slider is what comes next that can be focused
		t.Errorf("the next stop is %q", at)
	}
	said := func() string { return b.text(card("bursty-c2", ".said")) }
	if got := said(); !strings.HasPrefix(got, "cpu user, infected, running: ") || !strings.Contains(got, "bursts a minute") {
		t.Errorf("it says %q", got)
	}
	b.press(kb.ArrowDown + kb.ArrowDown)
	if got := said(); !strings.HasPrefix(got, "waits, infected, running: ") {
		t.Errorf("two channels down it says %q", got)
	}
	if got := get[string](b, `document.activeElement.ariaValueText`); got != said() {
		t.Errorf("it is read out as %q", got)
	}
	b.press(kb.Home)
	if got := said(); !strings.HasPrefix(got, "cpu user, clean lead: ") {
		t.Errorf("at home it says %q", got)
	}

	// A live update leaves view, choice and focus.
	e := s.signature("bursty-c2")
	e.Revision[1]++
	e.Digest = "another"
	e.Channels[0].Phases[0].PerMinute = 777
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	s.store(bus.TypeAttackSignature, "bursty-c2", data)
	b.until(fmt.Sprintf(`document.querySelector(%s).textContent.includes('777 bursts')`, js(card("bursty-c2", ".said"))))
	if !get[bool](b, levelsOf("bursty-c2")) || !get[bool](b, `document.activeElement.closest('.card').dataset.profile === 'bursty-c2'`) {
		t.Error("the update took away the view or the focus")
	}

	// All at once, and back.
	b.run(`[...document.querySelectorAll('button')].find((n) => n.textContent === 'Levels of all').click()`)
	for _, name := range six {
		b.until(levelsOf(name))
	}
	b.audit("the levels")
	b.shootBoth("levels")
	b.size(360, 740)
	b.audit("the levels on a phone")
	b.shoot("levels-phone")
	b.run(`[...document.querySelectorAll('button')].find((n) => n.textContent === 'Levels of all').click()`)
	b.until(`[...document.querySelectorAll('.card .levels')].every((n) => n.hidden)`)
}

// What can't be a signature is refused, and one with gaps is drawn.
func TestHostileSignatures(t *testing.T) {
	s := filled(t)
	for _, name := range six {
		s.signature(name)
	}
	b := open(t, s.URL())
	b.until(isLive + " && " + allFilled)
	refused := 0
	for _, bad := range []string{
		`{"type":"attack_signature","name":"io-walk"}`,
		`{"type":"attack_signature","name":"io-walk","channels":[]}`,
		`{"type":"attack_signature","name":"io-walk","channels":[{"median":[1]}]}`,
		`{"type":"attack_signature","name":"io-walk","channels":[{"median":[1,2]},{"median":[1,2,3]}]}`,
		`{"type":"attack_signature","name":"io-walk","channels":[{"median":[1,"2"]}]}`,
		`{"type":"attack_signature","channels":[{"median":[1,2]}]}`,
	} {
		s.store(bus.TypeAttackSignature, "bad", []byte(bad))
		refused++
		b.until(fmt.Sprintf(`document.querySelector('#refused').textContent.startsWith('%d event')`, refused))
	}
	s.store(bus.TypeAttackSignature, "io-walk", []byte(`{"type":"attack_signature","name":"io-walk","channels":[{"name":"<b>x</b>.y","median":[null,2,null]}]}`))
	b.run(`document.querySelector('.card[data-profile="io-walk"] .switch').click()`)
	b.until(`document.querySelectorAll('.card[data-profile="io-walk"] .level').length === 1`)
	if got := b.text(card("io-walk", ".said")); !strings.Contains(got, "nothing is known") {
		t.Errorf("it says %q", got)
	}
}
