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

// TestRemovedModel: the figures of a model disappear with the event that says that they were removed.
func TestRemovedModel(t *testing.T) {
	s := start(t, dashboard.Config{})
	page := open(t, s.URL())
	names := `[...document.querySelectorAll('#accuracy li .model')].map((m) => m.textContent).join() + ' ' + [...document.querySelectorAll('#speed tbody th')].map((m) => m.textContent).join()`
	for _, model := range []string{"old", "new"} {
		s.store(events.TypeModelMetric, model, []byte(`{"type":"model_metric","model":"`+model+`","metric":0.9}`))
		s.store(events.TypeModelPerf, model, []byte(`{"type":"model_perf","model":"`+model+`","latency_us":30,"accuracy":0.9}`))
	}
	page.until(names + ` === 'new,old new,old'`)
	for _, kind := range []string{events.TypeModelMetric, events.TypeModelPerf} {
		data, err := json.Marshal(streamer.Removed{Type: kind, Model: "old", Removed: true})
		if err != nil {
			t.Fatal(err)
		}
		s.store(kind, "old", data)
	}
	page.until(names + ` === 'new new'`)
	later := open(t, s.URL())
	later.until(isLive + ` && ` + names + ` === 'new new'`)
}
