//go:build browser

package browsertest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/signature"
	"github.com/cis490/profiles/streamer"
)

// TestDriftAndHosts: the detail shows the drift and the hosts of a profile's sample.
func TestDriftAndHosts(t *testing.T) {
	s := filled(t)
	e := s.signature("io-walk")
	b := open(t, s.URL()+"#/profile/io-walk")
	var hosts []string
	for _, of := range e.Hosts.Used {
		hosts = append(hosts, fmt.Sprintf("%s n=%d", of.Host, of.Used))
	}
	if !slices.Equal(hosts, []string{"lab-02 n=3", "lab-01 n=2", "lab-03 n=2"}) || e.Hosts.Hosts != 3 {
		t.Fatalf("the event has the hosts %q of %d", hosts, e.Hosts.Hosts)
	}
	b.until(isLive + fmt.Sprintf(" && [...document.querySelectorAll('.sample .hosts li')].map((n) => n.textContent).join() === %s", js(strings.Join(hosts, ","))))
	cells := func(caption string) [][]string {
		return get[[][]string](b, fmt.Sprintf(`[...document.querySelectorAll('.sample table')].filter((t) => !t.hidden && t.caption.textContent === %s).flatMap((t) => [...t.tBodies[0].rows].map((r) => [...r.cells].map((c) => c.textContent)))`, js(caption)))
	}
	// Seven episodes of three hosts are too few for a test.
	if got := b.text(".sample .comparison"); e.Hosts.Tested != 0 || got != "Too few episodes per host to compare the hosts." {
		t.Errorf("%d tests, and the text is %q", e.Hosts.Tested, got)
	}
	if rows := cells("Snapshots"); len(rows) != len(e.Drift) || len(rows) == 0 || !near(rows[len(rows)-1][1], float64(e.Drift[0].Accepted)) {
		t.Errorf("the snapshots are %q, want %+v", rows, e.Drift)
	}
	if len(cells("Where hosts differ")) != 0 {
		t.Error("hosts differ without a test")
	}
	b.shoot("sample")

	// With many snapshots and hosts the keyboard scrolls the pane.
	now := time.Now()
	for later := range 60 {
		e.Drift = append(e.Drift, signature.Drift{At: now.AddDate(0, 0, later-60), Accepted: 100, Distance: signature.Value(0.5 - 0.008*float64(later)), Outside: 0.25})
	}
	e.Drift[0].Distance, e.Drift[0].Accepted = 0.1234, 50
	e.Hosts.Tested, e.Hosts.Differ, e.Hosts.All, e.Hosts.Hosts = 35, true, 21, 30
	for range 20 {
		e.Hosts.Differences = append(e.Hosts.Differences, signature.Difference{Channel: "proc.minflt", Phase: "infected_running", H: 20, P: 0.0042})
		e.Hosts.Used = append(e.Hosts.Used, streamer.HostUsed{Host: strings.Repeat("long-", 25), Used: 5})
	}
	e.Hosts.Differences[0].P = 1e-9
	e.Hosts.Used = e.Hosts.Used[:20]
	store := func() {
		t.Helper()
		e.Revision[1]++
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		s.store(events.TypeAttackSignature, "io-walk", data)
	}
	store()
	b.until("document.querySelector('.sample .comparison').textContent === 'Hosts differ in 21 of 35 tests.'")
	// Not yesterday, if midnight has passed meanwhile.
	if got := b.text(".sample .drift"); !regexp.MustCompile(`^The levels changed by about 2\.8% since (yesterday|\d+ \w+), by about 12% since the first 50 episodes\.$`).MatchString(got) {
		t.Errorf("the drift is %q", got)
	}
	if rows := cells("Where hosts differ"); len(rows) != 20 || !slices.Equal(rows[0], []string{"page faults", "infected, running", "< 0.0001"}) || rows[1][2] != "0.0042" {
		t.Errorf("the differences are %q", rows)
	}
	if rows := cells("Snapshots"); len(rows) != len(e.Drift) || !slices.Equal(rows[0][1:], []string{"100", "2.8%", "25%"}) {
		t.Errorf("the snapshots begin with %q", rows[0])
	}
	if got := get[[]string](b, "[...document.querySelectorAll('.sample .hosts li')].map((n) => n.textContent)"); len(got) != 21 || got[20] != "and 10 more" {
		t.Errorf("the hosts are %q", got)
	}
	if n := get[int](b, "document.querySelectorAll('.sample .drift-plot .bar').length"); n != len(e.Drift) {
		t.Errorf("%d bars for %d snapshots", n, len(e.Drift))
	}
	// The axis is in percent, and large changes are marked.
	if got := get[[]string](b, "[...document.querySelectorAll('.drift-plot text')].map((n) => n.textContent)"); !slices.Contains(got, "0%") || !slices.Contains(got, "20%") {
		t.Errorf("the axis of the drift is %q", got)
	}
	if n := get[int](b, "document.querySelectorAll('.sample .drift-plot .large').length"); n != 38 {
		t.Errorf("%d bars are marked as large", n)
	}
	if !get[bool](b, "document.querySelector('.sample .doubt').hidden") {
		t.Error("a small change is called large")
	}
	b.size(1280, 720)
	b.waitStill()
	if high, wide := get[int](b, "document.documentElement.scrollHeight"), get[int](b, "document.documentElement.scrollWidth"); high != 720 || wide != 1280 {
		t.Errorf("the page is %d by %d px", wide, high)
	}
	b.run("document.querySelector('.sample').focus()")
	b.press(kb.End)
	b.until("document.querySelector('.sample').scrollTop > 100 && document.activeElement === document.querySelector('.sample')")
	b.press(kb.Home)
	b.until("document.querySelector('.sample').scrollTop === 0")
	b.audit("drift and hosts")
	b.shootBoth("sample")
	b.size(360, 740)
	b.waitStill()
	if wide := get[int](b, "document.documentElement.scrollWidth"); wide != 360 {
		t.Errorf("on a phone the page is %d px wide", wide)
	}
	b.audit("drift and hosts on a phone")

	e.Hosts.Differ, e.Hosts.Differences, e.Hosts.All = false, nil, 0
	store()
	b.until("document.querySelector('.sample .comparison').textContent === 'No difference found (35 tests).'")
	// Invalid values are shown as gaps. A profile without a signature has no such pane.
	for _, name := range []string{"another", "plain"} {
		s.publish(map[string]any{"type": "attack_profile", "name": name, "curve": []int{0, 1, 0}})
	}
	s.store(events.TypeAttackSignature, "another", []byte(`{"type":"attack_signature","name":"another","channels":[{"name":"a.b","median":[1,2]}],
		"drift":[{"at":"yesterday"},{"at":"2026-01-02T03:04:05Z","distance":-1},null,{"at":"2026-01-03T03:04:05Z","distance":null,"accepted":"x"}],"hosts":{"tested":-1,"used":[null],"differences":{}}}`))
	b.run("location.hash = '#/profile/another'")
	b.until("document.querySelector('#detail h2').textContent === 'another' && document.querySelector('.sample .comparison').textContent === 'Too few episodes per host to compare the hosts.'")
	if rows := cells("Snapshots"); len(rows) != 2 || !slices.Equal(rows[0][1:], []string{"–", "–", "–"}) {
		t.Errorf("the snapshots are %q", rows)
	}
	b.run("location.hash = '#/profile/plain'")
	b.until("document.querySelector('#detail h2').textContent === 'plain' && document.querySelector('.sample').hidden")
}
