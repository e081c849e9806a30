package dashboard

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cis490/profiles/bus/events"
)

func makeEvent(t testing.TB, subject string, seq uint64, size int) *event {
	e, reason := newEvent(events.Stored{Subject: subject, Seq: seq, Data: fmt.Appendf(nil, "%q", strings.Repeat("x", size))})
	if e == nil {
		t.Fatal(reason)
	}
	return e
}

// TestState compares a state with a plain map: it keeps the latest events that
// there is room for, and a browser reads those after any sequence in order.
func TestState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newState(rapid.IntRange(1, 20).Draw(t, "subjects"), int64(rapid.IntRange(2000, 20000).Draw(t, "bytes")))
		shared := &sharedState{state: s, id: 1, changed: make(chan struct{})}
		model := map[string]*event{}
		seq := uint64(0)
		for range rapid.IntRange(0, 300).Draw(t, "events") {
			seq += uint64(rapid.IntRange(1, 3).Draw(t, "step"))
			e := makeEvent(new(testing.T), fmt.Sprint("dashboard.a.", rapid.IntRange(0, 25).Draw(t, "subject")), seq, rapid.IntRange(0, 900).Draw(t, "size"))
			shared.put(e)
			model[e.subject] = e
			for sum := total(model); len(model) > s.maxSubjects || sum > s.maxBytes; sum = total(model) {
				oldest := slices.MinFunc(slices.Collect(maps.Values(model)), func(a, b *event) int { return cmp.Compare(a.seq, b.seq) })
				delete(model, oldest.subject)
			}
		}
		if !maps.Equal(s.last, model) || s.bytes != total(model) || s.seq != seq {
			t.Fatalf("the state has %d events and %d bytes, want %d and %d", len(s.last), s.bytes, len(model), total(model))
		}
		if len(s.order) > 2*len(model)+66 {
			t.Fatalf("%d slots for %d events", len(s.order), len(model))
		}
		after, until := uint64(rapid.IntRange(0, int(seq)+1).Draw(t, "after")), uint64(rapid.IntRange(0, int(seq)+1).Draw(t, "until"))
		var want []byte
		for _, e := range slices.SortedFunc(maps.Values(model), func(a, b *event) int { return cmp.Compare(a.seq, b.seq) }) {
			if e.seq > after && e.seq <= until {
				want = append(want, e.frame...)
			}
		}
		var got []byte
		c := &chunk{}
		for more := true; more; {
			var ok bool
			if more, ok = shared.read(c, 1, after, until); !ok {
				t.Fatal("the state was replaced")
			}
			if len(c.stored) > 1 && len(c.bytes) > chunkBytes {
				t.Fatalf("a chunk of %d bytes", len(c.bytes))
			}
			got = append(got, c.bytes...)
			after = c.last
		}
		if string(got) != string(want) {
			t.Fatalf("read\n%s\nwant\n%s", got, want)
		}
	})
}

// TestRestoredStream: when a reconnect brings a state that does not continue the
// old one, browsers must drop what they have, even if the stream is of the same
// incarnation and longer than before.
func TestRestoredStream(t *testing.T) {
	type last map[string][2]uint64 // by subject: the sequence in the stream, and the envelope's revision
	stateOf := func(l last) *state {
		s := newState(100, 1<<20)
		for _, subject := range slices.SortedFunc(maps.Keys(l), func(a, b string) int { return cmp.Compare(l[a][0], l[b][0]) }) {
			e, reason := newEvent(events.Stored{Subject: subject, Seq: l[subject][0],
				Data: fmt.Appendf(nil, `{"type":"attack_profile","life":"l","revision":[1,%d]}`, l[subject][1])})
			if e == nil {
				t.Fatal(reason)
			}
			s.put(e)
		}
		return s
	}
	const a, b = "dashboard.attack_profile.a", "dashboard.attack_profile.b"
	before := last{a: {7, 3}, b: {8, 4}}
	for name, c := range map[string]struct {
		after     last
		continues bool
	}{
		"the same":                          {before, true},
		"later events":                      {last{a: {9, 5}, b: {10, 4}}, true},
		"it ends earlier":                   {last{a: {7, 3}, b: {6, 2}}, false},
		"it lacks a subject":                {last{b: {12, 6}}, false},
		"a subject has a lower sequence":    {last{a: {6, 2}, b: {12, 6}}, false},
		"it is longer, with an older event": {last{a: {9, 2}, b: {12, 6}}, false},
	} {
		shared := newSharedState("")
		shared.replace("incarnation", stateOf(before))
		incarnation := shared.status.Incarnation
		shared.replace("incarnation", stateOf(c.after))
		if continues := shared.status.Incarnation == incarnation; continues != c.continues {
			t.Errorf("%s: browsers keep what they have: %t", name, continues)
		}
	}
}

func total(events map[string]*event) (sum int64) {
	for _, e := range events {
		sum += e.size()
	}
	return sum
}

// TestChunks: a long state is read in chunks, and a longer event in a chunk of its
// own.
func TestChunks(t *testing.T) {
	shared := &sharedState{state: newState(100, 1<<30), id: 1, changed: make(chan struct{})}
	for i := range 10 {
		shared.put(makeEvent(t, fmt.Sprint("dashboard.a.", i), uint64(i+1), 20_000))
	}
	shared.put(makeEvent(t, "dashboard.a.big", 11, 300_000))
	c, reads, after := &chunk{}, []int(nil), uint64(0)
	for more := true; more; after = c.last {
		more, _ = shared.read(c, 1, after, 11)
		reads = append(reads, len(c.stored))
	}
	if !slices.Equal(reads, []int{3, 3, 3, 1, 1}) {
		t.Errorf("%v events in each chunk", reads)
	}
	if _, ok := shared.read(c, 2, 0, 11); ok {
		t.Error("read a state with another id")
	}
}
