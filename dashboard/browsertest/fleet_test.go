//go:build browser

package browsertest

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

// families are the first words of the names of a fleet's profiles, which are also its groups.
var families = []string{"botnet", "cryptominer", "dropper", "ransomware", "wiper"}

// fleetSpec is the spec event of a fleet of n profiles.
func fleetSpec(n int) streamer.Spec {
	e := streamer.Spec{Type: events.TypeSpec, Name: streamer.WantedName, Target: 100, Phases: fleetPhases(), Generation: "fleetfleet"}
	e.Order = events.Order{Revision: [2]uint64{1, 1}, Turn: 1, Incarnation: "a/b"}
	for i := range n {
		family := families[i%len(families)]
		channel, unit := "proc.cpu_user_jiffies", "jiffies/s"
		if i%4 == 3 {
			channel, unit = "proc.io_wchar", "bytes/s"
		}
		e.Profiles = append(e.Profiles, streamer.SpecProfile{
			Name: fit.ProfileName(fmt.Sprintf("%s-%03d", family, i)), Shape: fmt.Sprintf("what %s number %d does", family, i), Channel: channel, Unit: unit, Group: "family " + family,
		})
	}
	return e
}

func fleetPhases() []fit.Span {
	points := fit.DefaultPoints()
	spans := points.Spans()
	return spans[:]
}

// fleetPeak is the peak of profile i of a fleet, in its unit.
func fleetPeak(p streamer.SpecProfile, i int) float64 {
	if p.Unit == "bytes/s" {
		return 1000 * (2*float64(i) + 1)
	}
	return 2*float64(i) + 1
}

// fleetProfile is the event of profile i of a fleet, of n episodes, whose peak is higher by more.
func fleetProfile(p streamer.SpecProfile, i, n int, more float64) streamer.AttackProfile {
	e := streamer.AttackProfile{
		Type: events.TypeAttackProfile, Name: string(p.Name), Shape: p.Shape, Used: n, Attempted: n, Target: 100, Complete: n == 100,
		Phases: streamer.ShowPhases(fit.DefaultPoints(), nil), Channel: p.Channel, Unit: p.Unit, Generation: "fleetfleet", UpdatedAt: time.Now(),
		Order: events.Order{Revision: [2]uint64{1, uint64(1 + more)}, Turn: 1, Incarnation: "a/b"},
	}
	peak := fleetPeak(p, i) + more
	for k := range 80 {
		v := 0.0
		if k >= 20 && k < 65 && n > 0 {
			v = (1 + math.Sin(float64(k)/float64(2+i%5))) / 2
		}
		if k == 40 && n > 0 {
			v = 1
		}
		e.Curve, e.P25, e.P75 = append(e.Curve, v), append(e.P25, 0.8*v), append(e.P75, 1.2*v)
		e.MedianRaw, e.P25Raw, e.P75Raw = append(e.MedianRaw, peak*v), append(e.P25Raw, 0.8*peak*v), append(e.P75Raw, 1.2*peak*v)
		e.N = append(e.N, n)
	}
	return e
}

func (s *system) storeEvent(kind, name string, event any) {
	s.t.Helper()
	data, err := json.Marshal(event)
	if err != nil {
		s.t.Fatal(err)
	}
	s.store(kind, name, data)
}

// fleet stores the spec and the profiles of a fleet. The counts of episodes repeat.
func (s *system) fleet(n int, counts ...int) streamer.Spec {
	s.t.Helper()
	spec := fleetSpec(n)
	for i, p := range spec.Profiles {
		s.storeEvent(events.TypeAttackProfile, string(p.Name), fleetProfile(p, i, counts[i%len(counts)], 0))
	}
	s.storeEvent(events.TypeSpec, spec.Name, spec)
	return spec
}

const shownNames = `[...document.querySelectorAll('.card[data-profile]')].map((c) => c.dataset.profile)`

// allSeen is true when each card on the screen has drawn what it shows.
const allSeen = `[...document.querySelectorAll('.card[data-profile]')].filter((c) => { const r = c.getBoundingClientRect(); return r.bottom > 0 && r.top < innerHeight })
	.every((c) => c.querySelector('.median') || c.querySelector('.waiting').checkVisibility())`

func namesOf(spec streamer.Spec) []string {
	var names []string
	for _, p := range spec.Profiles {
		names = append(names, string(p.Name))
	}
	return names
}

// TestFleetSizes: from one profile to 200, with no, one, seven and 100 episodes, on a phone and on
// a wall: the page is as wide as the screen, the panels of models keep their height, and the
// accessibility audit finds nothing.
func TestFleetSizes(t *testing.T) {
	for _, n := range []int{1, 6, 46, 200} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := start(t, dashboard.Config{})
			spec := s.fleet(n, 100, 7, 1, 0)
			models(s)
			b := open(t, s.URL())
			b.until(fmt.Sprintf("%s && %s.length === %d", isLive, shownNames, n))
			if got := get[[]string](b, shownNames); !slices.Equal(got, namesOf(spec)) {
				t.Errorf("the cards are %q", got)
			}
			for _, width := range []int64{390, 1280, 1440, 2560} {
				height := map[int64]int64{390: 844, 1280: 720, 1440: 900, 2560: 1440}[width]
				b.size(width, height)
				b.until(fmt.Sprintf("innerWidth === %d && %s", width, allSeen))
				b.waitStill()
				if got := get[int64](b, "document.documentElement.scrollWidth"); got > width {
					t.Errorf("%d profiles at %d: %d px wide", n, width, got)
				}
				if high := get[int64](b, "Math.round(document.querySelector('.panels').getBoundingClientRect().height)"); width >= 1280 && high > height {
					t.Errorf("%d profiles at %d: the panels of models are %d px high", n, width, high)
				}
				b.shootBoth(fmt.Sprintf("fleet-%d-%d", n, width))
				b.media("light", false)
			}
			b.audit(fmt.Sprintf("%d profiles", n))
			if drawn := get[int](b, "document.querySelectorAll('.card[data-profile] .median').length"); n == 200 && drawn > 120 {
				t.Errorf("%d of %d cards are drawn", drawn, n)
			}
		})
	}
}

// TestCardsFollowTheSpec: cards are those of the wanted spec, in its order. A later spec moves,
// adds and removes cards; profiles of other programs come last.
func TestCardsFollowTheSpec(t *testing.T) {
	s := start(t, dashboard.Config{})
	b := open(t, s.URL())
	b.until(isLive + ` && document.querySelector('#nothing').textContent.startsWith('There is no profile yet.')`)
	spec := fleetSpec(8)
	s.storeEvent(events.TypeSpec, spec.Name, spec)
	waitFor := func(names ...string) {
		t.Helper()
		b.until(fmt.Sprintf("%s.join() === %s", shownNames, js(strings.Join(names, ","))))
	}
	names := namesOf(spec)
	waitFor(names...)
	if got := b.text(card(names[3], ".waiting")); got != "Waiting for the first envelope of this profile." {
		t.Errorf("a card without an event says %q", got)
	}
	if got := b.text(card(names[3], ".shape")); got != spec.Profiles[3].Shape {
		t.Errorf("a card without an event has the shape %q", got)
	}
	s.publish(map[string]any{"type": "attack_profile", "name": "posted", "curve": []int{0, 1, 0}})
	waitFor(append(slices.Clone(names), "posted")...)
	// The seventh has the colour of the first and another dash pattern.
	styles := get[[]string](b, `[...document.querySelectorAll('.card[data-profile]')].map((c) => [...c.classList].filter((n) => /^(colour|dash)-/.test(n)).join(' '))`)
	if want := []string{"colour-0 dash-0", "colour-1 dash-0", "colour-2 dash-0", "colour-3 dash-0", "colour-4 dash-0", "colour-5 dash-0", "colour-0 dash-1", "colour-1 dash-1", "colour-2 dash-1"}; !slices.Equal(styles, want) {
		t.Errorf("the styles are %q", styles)
	}
	s.storeEvent(events.TypeAttackProfile, names[0], fleetProfile(spec.Profiles[0], 0, 7, 0))
	b.until(fmt.Sprintf("document.querySelector(%s)", js(card(names[0], ".median"))))

	later := spec
	later.Revision[0] = 2
	later.Profiles = []streamer.SpecProfile{spec.Profiles[5], spec.Profiles[0]}
	s.storeEvent(events.TypeSpec, spec.Name, later)
	waitFor(names[5], names[0], "posted")
	// The event of a profile that is removed removes its card.
	s.storeEvent(events.TypeAttackProfile, "posted", streamer.Removed{Type: events.TypeAttackProfile, Name: "posted", Removed: true})
	waitFor(names[5], names[0])
	if invalid := get[bool](b, "!document.querySelector('#invalid').hidden"); invalid {
		t.Errorf("invalid events: %s", b.text("#invalid"))
	}
}

// TestStreamerWithoutSpec: a streamer of an earlier version sends no spec. There is a card for each profile that has an event.
func TestStreamerWithoutSpec(t *testing.T) {
	s := start(t, dashboard.Config{})
	for i, p := range fleetSpec(3).Profiles {
		s.storeEvent(events.TypeAttackProfile, string(p.Name), fleetProfile(p, i, 100, 0))
	}
	b := open(t, s.URL())
	b.until(isLive + " && " + shownNames + ".join() === 'botnet-000,cryptominer-001,dropper-002'")
}

// TestFindSortAndGroup: many profiles can be searched, filtered, sorted and grouped. The address has the choices.
func TestFindSortAndGroup(t *testing.T) {
	s := start(t, dashboard.Config{})
	spec := s.fleet(46, 100, 7, 1, 0)
	b := open(t, s.URL())
	b.until(fmt.Sprintf("%s && %s.length === 46", isLive, shownNames))
	b.run("document.querySelector('.tools input').focus()")
	b.press("wiper 4")
	b.until(shownNames + ".join() === 'wiper-004,wiper-014,wiper-024,wiper-034,wiper-044'")
	if got := get[string](b, "location.hash"); got != "#/?find=wiper+4" {
		t.Errorf("the address is %q", got)
	}
	if got := b.text(".count-shown"); got != "5 of 46 profiles" {
		t.Errorf("the count is %q", got)
	}
	b.run("document.querySelector('.tools input').select()")
	b.press("nobody")
	b.until("document.querySelector('#nothing').textContent === 'No profile matches. Change the search or what is shown.'")
	choose := func(name, value string) {
		b.run(fmt.Sprintf(`const s = document.querySelector('[data-choice=%s]'); s.value = %s; s.dispatchEvent(new Event('change'))`, name, js(value)))
	}
	b.run("location.hash = '#/'")
	b.until(shownNames + ".length === 46")
	choose("show", "doubts")
	b.until(shownNames + `.length === 11 && [...document.querySelectorAll('.card .waiting')].every((n) => n.checkVisibility())`)
	choose("show", "all")
	choose("sort", "n")
	b.until(shownNames + ".slice(0, 2).join() === 'botnet-000,wiper-004'")
	choose("sort", "name")
	b.until(shownNames + ".slice(0, 2).join() === 'botnet-000,botnet-005'")
	choose("group", "group")
	b.until("[...document.querySelectorAll('.group-head')].map((n) => n.textContent).join() === 'family botnet 10,family cryptominer 9,family dropper 9,family ransomware 9,family wiper 9'")
	b.shoot("fleet-groups")
	choose("group", "prefix")
	b.until("[...document.querySelectorAll('.group-head')].map((n) => n.textContent).join() === 'botnet 10,cryptominer 9,dropper 9,ransomware 9,wiper 9'")
	b.audit("groups")
	address := get[string](b, "location.href")
	again := open(t, address)
	again.until(isLive + " && document.querySelectorAll('.group-head').length === 5 && document.querySelector('[data-choice=sort]').value === 'name'")

	// Cards do not move by themselves: the reader sorts them again.
	b.run("location.hash = '#/?sort=n'")
	b.until(shownNames + ".slice(0, 2).join() === 'botnet-000,wiper-004' && document.querySelector('.tools button').disabled")
	s.storeEvent(events.TypeAttackProfile, "cryptominer-001", fleetProfile(spec.Profiles[1], 1, 100, 1))
	b.until("!document.querySelector('.tools button').disabled")
	if got := get[[]string](b, shownNames); got[1] != "wiper-004" {
		t.Errorf("a card moved by itself: %q", got[:3])
	}
	b.run("document.querySelector('.tools button').click()")
	b.until(shownNames + ".slice(0, 2).join() === 'botnet-000,cryptominer-001'")
}

// TestScrollBack: the way back from a detail leads to the card, in the list as it was.
func TestScrollBack(t *testing.T) {
	s := start(t, dashboard.Config{})
	s.fleet(46, 100)
	b := open(t, s.URL()+"#/?sort=name")
	b.until(fmt.Sprintf("%s && %s.length === 46", isLive, shownNames))
	b.run(fmt.Sprintf("const a = document.querySelector(%s); a.scrollIntoView(); a.focus()", js(card("wiper-024", "h3 a"))))
	b.press(kb.Enter)
	b.until("document.querySelector('#detail h2').textContent === 'wiper-024'")
	b.run("history.back()")
	b.until(fmt.Sprintf("%s && location.hash === '#/?sort=name' && document.activeElement === document.querySelector(%s) && document.activeElement.getBoundingClientRect().top < innerHeight", overviewShown, js(card("wiper-024", "h3 a"))))
}

// TestStableLayout: while events come, nothing on the page moves.
func TestStableLayout(t *testing.T) {
	s := start(t, dashboard.Config{})
	spec := s.fleet(46, 7)
	models(s)
	b := open(t, s.URL())
	b.until(fmt.Sprintf("%s && %s.length === 46 && %s", isLive, shownNames, allSeen))
	b.waitStill()
	b.run(`window.shift = 0; new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shift += e.value }).observe({type: 'layout-shift', buffered: false})`)
	for i, p := range spec.Profiles[:12] {
		s.storeEvent(events.TypeAttackProfile, string(p.Name), fleetProfile(p, i, 8, 1000))
	}
	b.until(fmt.Sprintf("document.querySelector(%s).textContent.startsWith('8/100')", js(card(string(spec.Profiles[11].Name), ".count"))))
	b.waitStill()
	if shift := get[float64](b, "window.shift"); shift > 0.05 {
		t.Errorf("the layout shifted by %g", shift)
	}
}
