//go:build browser

package browsertest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cis490/profiles/dashboard"
)

// axisOf returns the ticks of a plot: value and height on the screen.
func axisOf(b *tab, plot string) (values, at []float64) {
	b.t.Helper()
	b.waitStill()
	for _, tick := range get[[][2]string](b, fmt.Sprintf(`[...document.querySelectorAll(%s)].map((t, i) => [t.textContent, t.parentNode.querySelectorAll('line')[i].getAttribute('y1')])`, js(plot+" svg > g:nth-of-type(2) text"))) {
		v, _ := strconv.ParseFloat(tick[0], 64)
		y, _ := strconv.ParseFloat(tick[1], 64)
		values, at = append(values, v), append(at, y)
	}
	if len(values) < 2 {
		b.t.Fatalf("%s has the ticks %v", plot, values)
	}
	return values, at
}

// TestAmplitude: each card says its peak in its unit and, for jiffies, in cores. Raw values share one axis
// among the cards of one unit. The address has the choice.
func TestAmplitude(t *testing.T) {
	s := start(t, dashboard.Config{})
	spec := s.fleet(8, 100) // the fourth and the eighth are bytes
	names := namesOf(spec)
	b := open(t, s.URL())
	b.until(fmt.Sprintf("%s && %s.length === 8 && %s", isLive, shownNames, allSeen))
	for i, want := range map[int]string{0: "peak 1 jiffies/s · 0.010 cores", 6: "peak 13 jiffies/s · 0.13 cores", 7: "peak 15,000 bytes/s"} {
		if got := b.text(card(names[i], ".peak")); got != want {
			t.Errorf("the card of %s says %q, want %q", names[i], got, want)
		}
	}
	if got := b.text(card(names[0], ".axis-name")); got != "proc.cpu_user_jiffies, scaled · time by points" {
		t.Errorf("the axis is called %q", got)
	}
	if n := strings.Count(get[string](b, "document.body.innerText"), "are one core"); n != 1 {
		t.Errorf("a core is explained %d times", n)
	}
	b.run("document.querySelector('[data-choice=scale][value=raw]').click()")
	b.until(fmt.Sprintf("location.hash === '#/?scale=raw' && document.querySelector(%s).textContent === 'proc.cpu_user_jiffies, jiffies/s · time by points'", js(card(names[0], ".axis-name"))))
	values, _ := axisOf(b, card(names[0], ".plot"))
	for i, name := range names {
		own, where := axisOf(b, card(name, ".plot"))
		if same := slices.Equal(own, values); same == (i%4 == 3) {
			t.Errorf("the axis of %s has the ticks %v, the first has %v", name, own, values)
		}
		// The peak is drawn at its height.
		top := math.Inf(1)
		for _, p := range pathOf(b, card(name, ".median")) {
			top = min(top, p[1])
		}
		last := len(own) - 1
		if want := where[0] + (fleetPeak(spec.Profiles[i], i)-own[0])/(own[last]-own[0])*(where[last]-where[0]); math.Abs(top-want) > 0.1 {
			t.Errorf("the peak of %s is drawn at %g, want %g", name, top, want)
		}
	}
	b.shoot("raw")
	again := open(t, s.URL()+"#/?scale=raw")
	again.until(fmt.Sprintf("%s && document.querySelector(%s)?.textContent === 'proc.cpu_user_jiffies, jiffies/s · time by points'", isLive, js(card(names[0], ".axis-name"))))

	// A profile without raw values stays scaled.
	b.run("location.hash = '#/'")
	s.publish(map[string]any{"type": "attack_profile", "name": "posted", "curve": []int{0, 1, 0}})
	b.run("location.hash = '#/?scale=raw'")
	b.until(fmt.Sprintf("document.querySelector(%s)?.textContent === 'scaled · time by points'", js(card("posted", ".axis-name"))))

	// Two channels of one unit say so.
	other := fleetSpec(3)
	e := fleetProfile(other.Profiles[2], 2, 100, 1)
	e.Channel = "proc.cpu_sys_jiffies"
	s.storeEvent("attack_profile", names[2], e)
	b.run(fmt.Sprintf("location.hash = '#/profile/%s?with=%s&scale=raw'", names[0], names[2]))
	b.until(fmt.Sprintf("document.querySelector('#detail .axis-name').textContent === 'raw, jiffies/s. Two channels: %s is proc.cpu_user_jiffies, %s is proc.cpu_sys_jiffies · time by points'", names[0], names[2]))
	b.run(fmt.Sprintf("location.hash = '#/profile/%s?with=%s'", names[0], names[1]))
	b.until("document.querySelector('#detail .axis-name').textContent === 'scaled: 0 to 1 is the range of each median, proc.cpu_user_jiffies · time by points'")
	b.run(fmt.Sprintf("location.hash = '#/profile/%s?with=%s&scale=raw'", names[0], names[3]))
	b.until("document.querySelector('#detail .axis-name').textContent.startsWith('scaled: ') && document.querySelector('#detail input[value=raw]').disabled")
}
