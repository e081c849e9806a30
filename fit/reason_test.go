package fit

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestReasons checks the table: every reason is valid, stands once, has a meaning, and has its row in the documents.
func TestReasons(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		if !r.valid() || seen[r] || r.Meaning() == "" {
			t.Errorf("reason %q: valid %v, twice %v, meaning %q", r, r.valid(), seen[r], r.Meaning())
		}
		seen[r] = true
		if !r.HasEntry() && !r.Rejected() {
			t.Errorf("reason %q has neither an entry nor a copy in REJECTED", r)
		}
		path := "../docs/EPISODES.md"
		if r.Rejected() {
			path = "../docs/MESSAGES.md"
		}
		if !hasRow(t, path, "`"+string(r)+"`") {
			t.Errorf("no table of %s has a row that begins with %s", path, r)
		}
	}
}

func TestReasonOfAnotherVersion(t *testing.T) {
	if r := Reason("not_thought_of_yet"); !r.valid() || r.Rejected() || !r.HasEntry() || r.Meaning() != "" {
		t.Errorf("valid %v, rejected %v, entry %v, meaning %q", r.valid(), r.Rejected(), r.HasEntry(), r.Meaning())
	}
}

// hasRow reports whether the document has a table with text in the first cell of a row.
func hasRow(t *testing.T, path, text string) bool {
	t.Helper()
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(doc)) {
		if cells := strings.Split(line, "|"); len(cells) > 2 && cells[0] == "" && strings.Contains(cells[1], text) {
			return true
		}
	}
	return false
}

func TestCountReasons(t *testing.T) {
	entries := []struct {
		rank byte
		e    Entry
	}{
		{5, Entry{Host: "h", Episode: "five", State: StateReason, Reason: ReasonMissing}},
		{3, Entry{Host: "h", Episode: "three", State: StateReason, Reason: ReasonMissing}},
		{4, Entry{Host: "h", Episode: "four", State: StateReason, Reason: ReasonMissing}},
		{2, Entry{Host: "h", Episode: "two", State: StateReason, Reason: ReasonNoSource}},
		{9, Entry{Host: "h", Episode: "nine", State: StateReason, Reason: ReasonCorrupt}},
		{1, Entry{Host: "h", Episode: "one", State: StateCurve, Curve: Curve{1}}},
		{0, Entry{Host: "h", Episode: "zero", State: StateRetracted}},
	}
	got := CountReasons(func(yield func(Rank, Entry) bool) {
		for _, x := range entries {
			if !yield(rankOf(x.rank), x.e) {
				return
			}
		}
	})
	want := []ReasonCount{{ReasonMissing, 3, "h", "three", rankOf(3)}, {ReasonCorrupt, 1, "h", "nine", rankOf(9)}, {ReasonNoSource, 1, "h", "two", rankOf(2)}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	text, err := json.Marshal(got[0])
	if err != nil || string(text) != `{"reason":"missing","n":3,"host":"h","episode":"three","rank":"`+rankOf(3).String()+`"}` {
		t.Errorf("%s, %v", text, err)
	}
}

// TestReasonsOfSample: the reasons add up to what Attempted counts beside the members.
func TestReasonsOfSample(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSample(rapid.IntRange(1, 4).Draw(t, "target"))
		for range rapid.IntRange(0, 20).Draw(t, "entries") {
			e := drawEntry(t)
			rank := rapid.Byte().Draw(t, "rank")
			e.Episode = fmt.Sprint(rank)
			s.Put(rankOf(rank), e)
			if rapid.Bool().Draw(t, "look") {
				s.Reasons()
			}
		}
		sum := 0
		for _, c := range s.Reasons() {
			sum += c.Count
			e, ok := s.Get(c.Rank)
			if !ok || e.State != StateReason || e.Reason != c.Reason || e.Episode != c.Episode || c.Count < 1 {
				t.Fatalf("%+v: the example is %+v", c, e)
			}
			for other := range c.Rank[0] {
				if e, ok := s.Get(rankOf(other)); ok && e.State == StateReason && e.Reason == c.Reason {
					t.Fatalf("%+v: the example has not the lowest rank, which is %v", c, rankOf(other))
				}
			}
		}
		if sum != s.Attempted()-s.Used() {
			t.Fatalf("%+v are not %d attempted without %d used", s.Reasons(), s.Attempted(), s.Used())
		}
		if e := s.Envelope(2); !slices.Equal(e.Reasons, s.Reasons()) {
			t.Fatalf("the envelope has %+v, want %+v", e.Reasons, s.Reasons())
		}
	})
}
