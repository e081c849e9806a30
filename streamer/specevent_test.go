package streamer_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

// lastSpec is the last event of the wanted spec.
func (s *stage) lastSpec() (e streamer.Spec) {
	s.Helper()
	data, ok, err := events.NewPublisher(s.bus).Last(bustest.Context(s.T), events.Subject(events.TypeSpec, streamer.WantedName))
	if err == nil && ok && json.Unmarshal(data, &e) != nil {
		s.Fatalf("the spec event is %s", data)
	}
	return e
}

// has reports whether a subject has an event that was not removed.
func (s *stage) has(kind, name string) bool {
	s.Helper()
	_, ok, err := events.NewPublisher(s.bus).Last(bustest.Context(s.T), events.Subject(kind, name))
	if err != nil {
		s.Fatal(err)
	}
	return ok
}

// TestSpecEvent: the wanted spec is an event, under the rule of order. When a later spec no longer
// names a profile, the profile's events are removed; those that other programs posted stay.
func TestSpecEvent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first := generation("aaaaaaaaaa", "aaaaaaaaaa", 0, 1)
	first.Spec.Profiles[1].Group = "memory"
	s.register(first)
	s.start(streamer.Config{CyclePause: 100 * time.Millisecond})
	s.until("the first spec", func() bool { return s.lastSpec().Generation == "aaaaaaaaaa" })
	e := s.lastSpec()
	if len(e.Profiles) != 2 || e.Profiles[0] != (streamer.SpecProfile{Name: "a", Shape: "shape of a", Channel: "proc.cpu_user_jiffies", Unit: "jiffies/s"}) ||
		e.Profiles[1].Group != "memory" || e.Target != 4 || len(e.Phases) != 5 || e.Revision != [2]uint64{1, 1} || e.Incarnation == "" {
		t.Errorf("the event is %+v", e)
	}
	s.envelope("aaaaaaaaaa", "a", 1, 1)
	s.envelope("aaaaaaaaaa", "b", 1, 1)
	s.shows("a", "aaaaaaaaaa", 1)
	s.shows("b", "aaaaaaaaaa", 1)
	for subject, event := range map[string]string{
		"dashboard.attack_profile.posted": `{"type":"attack_profile","name":"posted","curve":[0,1]}`,
		"dashboard.suspects.b":            `{"type":"suspects","name":"b","episodes":[],"n":0}`,
	} {
		if _, err := s.srv.JetStream().Publish(bustest.Context(t), subject, []byte(event)); err != nil {
			t.Fatal(err)
		}
	}

	second := generation("bbbbbbbbbb", "bbbbbbbbbb", 0, 2)
	second.Spec.Profiles = []fit.Profile{{Name: "c", Channel: "proc.minflt"}, {Name: "a", Channel: "proc.cpu_user_jiffies"}}
	s.register(second)
	s.until("the second spec", func() bool { return s.lastSpec().Generation == "bbbbbbbbbb" })
	s.until("the events of b to be removed", func() bool {
		return !s.has(events.TypeAttackProfile, "b") && !s.has(events.TypeSuspects, "b")
	})
	if !s.has(events.TypeAttackProfile, "a") || !s.has(events.TypeAttackProfile, "posted") {
		t.Error("the events of other profiles were removed, too")
	}

	// A spec of a lower revision changes nothing. An event that claims a higher one is replaced.
	s.register(generation("cccccccccc", "cccccccccc", 0, 1))
	forged := s.lastSpec()
	forged.Revision[0], forged.Generation = 9, "zzzzzzzzzz"
	data, err := json.Marshal(forged)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.srv.JetStream().Publish(bustest.Context(t), events.Subject(events.TypeSpec, streamer.WantedName), data); err != nil {
		t.Fatal(err)
	}
	s.until("the forged event to be replaced", func() bool { return s.lastSpec().Generation == "bbbbbbbbbb" })
}
