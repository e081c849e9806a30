//go:build browser

package browsertest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/streamer"
)

// signature waits for the event of a profile's signature that has all its episodes.
func (s *system) signature(name string) streamer.AttackSignature {
	s.t.Helper()
	ctx := bustest.Context(s.t)
	for {
		var e streamer.AttackSignature
		data, ok, err := events.NewPublisher(s.bus).Last(ctx, events.Subject(events.TypeAttackSignature, name))
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
			s.t.Fatalf("the signature of %s has %d episodes", name, e.Used)
		}
	}
}

// levelsOf is true when a card shows levels, and not its envelope.
func levelsOf(name string) string {
	return fmt.Sprintf(`(() => { const c = document.querySelector('.card[data-profile=%q]');
		return !c.querySelector('.levels').hidden && c.querySelector('.plot:not(.levels)').hidden && c.querySelector('.readout').hidden
			&& c.querySelectorAll('.levels .level').length === 7 && c.querySelector('.switch').ariaPressed === 'true' })()`, name)
}

// TestLevels: a card shows levels after a switch by keyboard, keeps showing them
// when a new event arrives, and draws them in both themes.
func TestLevels(t *testing.T) {
	s := filled(t)
	for _, name := range six {
		s.signature(name)
	}
	b := open(t, s.URL())
	b.until(isLive + " && " + allFilled + ` && [...document.querySelectorAll('.switch')].every((n) => !n.hidden)`)
	for _, name := range six {
		if get[bool](b, levelsOf(name)) {
			t.Errorf("%s shows levels before the switch", name)
		}
	}
	e0 := s.signature("bursty-c2")
	// By keyboard: the switch of one card, then the slider after it.
	b.run(`document.querySelector('.card[data-profile="bursty-c2"] .switch').focus()`)
	b.press(kb.Enter)
	b.until(levelsOf("bursty-c2"))
	if get[bool](b, levelsOf("io-walk")) {
		t.Error("another card shows levels, too")
	}
	b.press(kb.Tab + kb.Tab) // the button between them saves the card
	if at := get[string](b, `document.activeElement.ariaLabel`); at != "bursty-c2, levels of each channel and phase" {
		t.Errorf("the next control is %q", at)
	}
	levelText := func() string { return b.text(card("bursty-c2", ".level-text")) }
	if got := levelText(); !strings.HasPrefix(got, "cpu user, infected, running: ") || !strings.Contains(got, "bursts a minute") {
		t.Errorf("the text is %q", got)
	}
	b.press(kb.ArrowDown + kb.ArrowDown)
	if got := levelText(); !strings.HasPrefix(got, "waits, infected, running: ") {
		t.Errorf("two channels down the text is %q", got)
	}
	if got := get[string](b, `document.activeElement.ariaValueText`); got != levelText() {
		t.Errorf("the text for screen readers is %q", got)
	}
	b.press(kb.Home)
	if got := levelText(); !strings.HasPrefix(got, "cpu user, clean lead: ") {
		t.Errorf("after Home the text is %q", got)
	}

	if got, share := levelText(), e0.Channels[0].Phases[0].Share; !strings.HasSuffix(got, fmt.Sprintf(" %s%% of this channel's total falls in this phase.", twoDigits(100*float64(share)))) {
		t.Errorf("the text is %q, and the share %g", got, share)
	}

	// A new event keeps the levels, the choice and the focus.
	e := s.signature("bursty-c2")
	e.Revision[1]++
	e.Digest = "another"
	e.Channels[0].Phases[0].PerMinute = 777
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	s.store(events.TypeAttackSignature, "bursty-c2", data)
	b.until(fmt.Sprintf(`document.querySelector(%s).textContent.includes('780 bursts')`, js(card("bursty-c2", ".level-text"))))
	if !get[bool](b, levelsOf("bursty-c2")) || !get[bool](b, `document.activeElement.closest('.card').dataset.profile === 'bursty-c2'`) {
		t.Error("after a new event the levels or the focus are gone")
	}

	// All cards at once, and back.
	b.run(`document.querySelector('[data-choice=view][value=levels]').click()`)
	for _, name := range six {
		b.until(levelsOf(name))
	}
	b.audit("the levels")
	b.shootBoth("levels")
	b.size(360, 740)
	b.audit("the levels on a phone")
	b.shoot("levels-phone")
	b.run(`document.querySelector('[data-choice=view][value=curve]').click()`)
	b.until(`[...document.querySelectorAll('.card .levels')].every((n) => n.hidden)`)
}

// twoDigits formats a positive number of at most 100 with two digits.
func twoDigits(x float64) string { return strconv.FormatFloat(x, 'g', 2, 64) }

// TestLevelsExplainThemselves: the legend and each card say what dark, light, the order and the scale
// are. The detail shows the levels of one profile or of two, and its address has the choice.
func TestLevelsExplainThemselves(t *testing.T) {
	s := filled(t)
	for _, name := range six {
		s.signature(name)
	}
	b := open(t, s.URL()+"#/?view=levels")
	b.until(isLive + " && " + allFilled)
	for _, name := range six {
		b.until(levelsOf(name))
	}
	const legend = `[...document.querySelectorAll('#legend > span')].filter((n) => n.checkVisibility()).map((n) => n.textContent)`
	if got := get[[]string](b, legend); !slices.Equal(got, []string{"dark: median", "light: upper quartile"}) {
		t.Errorf("the legend is %q", got)
	}
	if got := b.text(card("io-walk", ".axis-name")); got != "sorted from high to low, not time · logarithmic" {
		t.Errorf("the axis is %q", got)
	}
	// One card with its curve: the legend has both.
	b.run(`document.querySelector('.card[data-profile="io-walk"] .switch').click()`)
	b.until(legend + ".length > 3")
	if got := b.text(card("io-walk", ".axis-name")); got != "proc.cpu_sys_jiffies, scaled · time by points" {
		t.Errorf("the axis of the curve is %q", got)
	}

	b.run("location.hash = '#/profile/bursty-c2?with=low-and-slow'")
	b.until("document.querySelectorAll('#detail .plot .median').length === 2 && !document.querySelector('#detail .level-pane').checkVisibility()")
	b.run("document.querySelector('#detail [data-choice=view][value=levels]').click()")
	const shown = "document.querySelectorAll('#detail .level-column .level').length === 14 && document.querySelector('#detail .level-pane').checkVisibility()"
	b.until("location.hash === '#/profile/bursty-c2?with=low-and-slow&view=levels' && " + shown)
	if got := b.text("#detail .level-pane .note"); !strings.Contains(got, "sorted from high to low, so left to right is no longer time") || !strings.Contains(got, "logarithmic scale, the same for all profiles") {
		t.Errorf("the explanation is %q", got)
	}
	if get[bool](b, "document.querySelector('#detail .readout').checkVisibility()") {
		t.Error("the numbers of the curve stand below the levels")
	}
	// The same value is as high in both plots.
	tops := get[[][]string](b, `[...document.querySelectorAll('#detail .level-column')].map((c) => [...c.querySelectorAll('.plot text')].map((n) => n.textContent).filter((w) => /^to \d/.test(w)))`)
	if len(tops) != 2 || len(tops[0]) != 7 || !slices.Equal(tops[0], tops[1]) {
		t.Errorf("the scales are %q", tops)
	}
	b.audit("levels in detail")
	for _, size := range [][2]int64{{390, 844}, {1280, 720}, {1440, 900}, {2560, 1440}} {
		b.size(size[0], size[1])
		b.until(fmt.Sprintf("innerWidth === %d", size[0]))
		b.waitStill()
		if got := get[int64](b, "document.documentElement.scrollWidth"); got != size[0] {
			t.Errorf("at %d the page is %d px wide", size[0], got)
		}
		b.shootBoth(fmt.Sprintf("levels-detail-%d", size[0]))
	}
	b.do(chromedp.Reload())
	b.until(isLive + " && " + shown)
	b.run("document.querySelector('#detail [data-choice=view][value=curve]').click()")
	b.until("location.hash === '#/profile/bursty-c2?with=low-and-slow' && document.querySelector('#detail .readout').checkVisibility()")
}

// TestHostileSignatures: invalid signatures are not shown, and gaps are drawn.
func TestHostileSignatures(t *testing.T) {
	s := filled(t)
	for _, name := range six {
		s.signature(name)
	}
	b := open(t, s.URL())
	b.until(isLive + " && " + allFilled)
	invalid := 0
	for _, bad := range []string{
		`{"type":"attack_signature","name":"io-walk"}`,
		`{"type":"attack_signature","name":"io-walk","channels":[]}`,
		`{"type":"attack_signature","name":"io-walk","channels":[{"median":[1]}]}`,
		`{"type":"attack_signature","name":"io-walk","channels":[{"median":[1,2]},{"median":[1,2,3]}]}`,
		`{"type":"attack_signature","name":"io-walk","channels":[{"median":[1,"2"]}]}`,
		`{"type":"attack_signature","channels":[{"median":[1,2]}]}`,
	} {
		s.store(events.TypeAttackSignature, "bad", []byte(bad))
		invalid++
		b.until(fmt.Sprintf(`document.querySelector('#invalid').textContent.startsWith('%d invalid event')`, invalid))
	}
	s.store(events.TypeAttackSignature, "io-walk", []byte(`{"type":"attack_signature","name":"io-walk","channels":[{"name":"<b>x</b>.y","median":[null,2,null]}]}`))
	b.run(`document.querySelector('.card[data-profile="io-walk"] .switch').click()`)
	b.until(`document.querySelectorAll('.card[data-profile="io-walk"] .level').length === 1`)
	if got := b.text(card("io-walk", ".level-text")); !strings.Contains(got, "no data") {
		t.Errorf("the text is %q", got)
	}
}
