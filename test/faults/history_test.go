//go:build faults

package faults

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// A history compares each stored envelope with the previous one of the same profile and
// generation.
type history struct {
	follower *follower // of the envelopes

	mu          sync.Mutex
	last        map[string]bus.Envelope // by subject
	regressions []string                // as_of went back, since the last look
	falls       map[string]int          // sum of the decreases of n_used since then, by subject
	compared    int
}

func newHistory(js jetstream.JetStream) *history {
	h := &history{last: map[string]bus.Envelope{}, falls: map[string]int{}}
	h.follower = &follower{js: js, stream: "KV_" + bus.EnvelopesBucket, restart: h.forget, take: h.see}
	return h
}

// forget drops what was seen of another incarnation of the bucket.
func (h *history) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.last)
}

func (h *history) see(subject string, data []byte) {
	var env bus.Envelope
	if json.Unmarshal(data, &env) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	before, had := h.last[subject]
	h.last[subject] = env
	if !had || before.AsOf.Incarnation != env.AsOf.Incarnation {
		return
	}
	h.compared++
	if env.AsOf.Seq < before.AsOf.Seq {
		h.regressions = append(h.regressions, fmt.Sprintf("%s went back from as of %d to %d", subject, before.AsOf.Seq, env.AsOf.Seq))
	}
	h.falls[subject] += max(0, before.Used-env.Used)
}

// look returns an error if something went back since the last call. n_used may decrease
// by one for each retraction of an episode of the profile; with nil it may always
// decrease.
func (h *history) look(retractions map[string]int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	wrong, falls := h.regressions, h.falls
	h.regressions, h.falls = nil, map[string]int{}
	for subject, fell := range falls {
		profile := subject[strings.LastIndex(subject, ".")+1:]
		if retractions != nil && fell > retractions[profile] {
			wrong = append(wrong, fmt.Sprintf("n_used of %s fell by %d in all, but only %d episodes were retracted", subject, fell, retractions[profile]))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%d times, first: %s", len(wrong), wrong[0])
	}
	return nil
}

// TestHistory: an earlier as_of is an error, and so is a sample that shrinks by more than
// the retractions. In another incarnation both are allowed.
func TestHistory(t *testing.T) {
	const a, b = "$KV.envelopes.gen.a", "$KV.envelopes.gen.b"
	envelope := func(incarnation client.Incarnation, seq uint64, used int) []byte {
		data, err := json.Marshal(bus.Envelope{Envelope: fit.Envelope{Used: used}, AsOf: client.AsOf{Incarnation: incarnation, Seq: seq}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	h := newHistory(nil)
	want := func(what string, retractions map[string]int, right bool) {
		t.Helper()
		if err := h.look(retractions); (err == nil) != right {
			t.Errorf("%s: %v", what, err)
		}
	}
	h.see(a, envelope("x", 10, 5))
	h.see(b, envelope("x", 9, 4))
	h.see(a, envelope("x", 12, 6))
	h.see(a, []byte("no JSON"))
	want("forward", map[string]int{}, true)
	h.see(a, envelope("x", 11, 6))
	want("an earlier as_of", nil, false)
	h.see(a, envelope("x", 13, 4))
	h.see(a, envelope("x", 14, 6))
	h.see(a, envelope("x", 15, 5))
	want("fell by three, three taken back", map[string]int{"a": 3, "b": 1}, true)
	h.see(a, envelope("x", 16, 3))
	want("fell by two, one taken back", map[string]int{"a": 1, "b": 2}, false)
	h.see(a, envelope("x", 17, 2))
	want("fell, and may", nil, true)
	h.see(a, envelope("y", 1, 1))
	want("another life", map[string]int{}, true)
	if h.compared != 7 {
		t.Errorf("%d comparisons, want 7", h.compared)
	}
}
