//go:build browser

package browsertest

import (
	"encoding/json"
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/streamer"
)

// TestSuspects: suspects are listed, and removed by an event without any.
func TestSuspects(t *testing.T) {
	s := start(t, dashboard.Config{})
	page := open(t, s.URL())
	page.until(isLive + ` && document.querySelector('#suspects').hidden`)
	list := func(of ...bus.Suspect) {
		data, err := json.Marshal(streamer.SuspectList{Type: events.TypeSuspects, Name: "bursty-c2", Episodes: append([]bus.Suspect{}, of...), All: len(of)})
		if err != nil {
			t.Fatal(err)
		}
		s.store(events.TypeSuspects, "bursty-c2", data)
	}
	list(bus.Suspect{Host: "lab-02", Episode: "<b>ep-1</b>", Profile: "bursty-c2", Said: "io-walk"})
	page.until(`document.querySelector('#suspects li')?.innerText === 'lab-02/<b>ep-1</b> is accepted for bursty-c2, looks like io-walk'`)
	list()
	page.until(`document.querySelector('#suspects').hidden`)
}
