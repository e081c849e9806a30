package fit

import (
	"math"
	"strings"
	"testing"
)

func TestDigest(t *testing.T) {
	base := func() *Sample {
		s := NewSample(2)
		s.Put(rankOf(10), curveEntry(1, 1, nan))
		s.Put(rankOf(20), Entry{Seq: 2, Host: "h", Episode: "e", State: StateReason, Reason: ReasonCorrupt, Detail: "x"})
		s.Put(rankOf(30), curveEntry(3, 3, 0))
		return s
	}
	digest := base().Digest()
	if len(digest) != 16 || strings.Trim(string(digest), "0123456789abcdef") != "" {
		t.Errorf("digest %q", digest)
	}
	reason := func(seq uint64, r Reason, detail string) Entry {
		return Entry{Seq: seq, Host: "h", Episode: "e", State: StateReason, Reason: r, Detail: detail}
	}
	with := func(edit func(*Entry)) Entry {
		e := curveEntry(9, 1, nan)
		edit(&e)
		return e
	}
	signed := func(s Signature, seconds Seconds) Entry {
		e := curveEntry(9, 1, nan)
		e.Signature, e.Seconds = s, seconds
		return e
	}
	hash := func(s Signature, seconds Seconds) [8]byte { return hashValue(signed(s, seconds)) }
	if one := hash(Signature{{1}}, Seconds{1}); one == hash(Signature{{2}}, Seconds{1}) || one == hash(Signature{{1}}, Seconds{2}) {
		t.Error("different signatures or seconds have the same hash")
	}
	if hash(Signature{{float32(nan)}}, Seconds{1}) != hash(Signature{{math.Float32frombits(0x7fc00abc)}}, Seconds{1}) {
		t.Error("gaps differ in a signature")
	}
	tests := []struct {
		name  string
		rank  byte
		entry Entry
		same  bool
	}{
		{"raised sequence", 10, curveEntry(9, 1, nan), true},
		{"another gap", 10, curveEntry(9, 1, math.Float64frombits(0x7ff8000000000abc)), true},
		{"another value", 10, curveEntry(9, 1.0000000000000002, nan), false},
		{"another sign of zero", 30, curveEntry(9, 3, math.Copysign(0, -1)), false},
		{"a signature", 10, signed(Signature{{1}}, Seconds{1}), false},
		{"another detail", 20, reason(9, ReasonCorrupt, "y"), true},
		{"other seconds", 10, with(func(e *Entry) { e.Seconds[4] = 1 }), false},
		{"another quality", 10, with(func(e *Entry) { e.Quality.Dips = 1 }), false},
		{"another longest gap", 10, with(func(e *Entry) { e.Quality.Longest = 1 }), false},
		{"another reason", 20, reason(9, ReasonMissing, "x"), false},
		{"a curve at last", 20, curveEntry(9, 2, 2), false},
		{"a reason above", 40, reason(9, ReasonCorrupt, ""), true},
		{"a reason below", 5, reason(9, ReasonCorrupt, ""), false},
		{"a curve above", 40, curveEntry(9, 4, 4), true},
		{"a curve below", 5, curveEntry(9, 4, 4), false},
		{"a retracted one", 5, Entry{Seq: 9, Host: "h", Episode: "e", State: StateRetracted}, true},
		{"a retraction", 10, Entry{Seq: 9, Host: "h", Episode: "e", State: StateRetracted}, false},
	}
	for _, test := range tests {
		s := base()
		s.Digest() // an answer that is kept too long would show
		s.Put(rankOf(test.rank), test.entry)
		if got := s.Digest(); (got == digest) != test.same {
			t.Errorf("%s: digest %s, was %s", test.name, got, digest)
		}
		if e := s.Envelope(2); e.Digest != s.Digest() {
			t.Errorf("%s: the envelope's digest is %s", test.name, e.Digest)
		}
	}
}

// TestDigestOfEachQuality: each value of the quality counts, and at its own place.
func TestDigestOfEachQuality(t *testing.T) {
	seen := map[[8]byte]int{hashValue(curveEntry(1, 1)): -1}
	for i := range qualityValues {
		var counts [qualityCounts]int
		longest := float32(0)
		if i < len(counts) {
			counts[i] = 1
		} else {
			longest = 1
		}
		e := curveEntry(1, 1)
		e.Quality = qualityOf(counts, longest)
		if values := e.Quality.Values(); values[i] != 1 {
			t.Errorf("value %d of %v is not 1", i, values)
		}
		value := hashValue(e)
		if other, ok := seen[value]; ok {
			t.Errorf("the values %d and %d have the same hash", i, other)
		}
		seen[value] = i
	}
}

// The digest depends on which episode has which curve, though the envelope does not.
func TestDigestTellsRanks(t *testing.T) {
	a, b := NewSample(2), NewSample(2)
	a.Put(rankOf(1), curveEntry(1, 5))
	b.Put(rankOf(2), curveEntry(1, 5))
	if a.Digest() == b.Digest() {
		t.Error("another rank has the same digest")
	}
	c := NewSample(2)
	c.Put(rankOf(1), Entry{Seq: 1, Host: "h", Episode: "e", State: StateReason, Reason: ReasonMissing})
	c.Digest()
	if before := c.Digest(); !c.Put(rankOf(1), curveEntry(2)) || c.Digest() == before || c.Used() != 1 {
		t.Error("a curve of no points changes nothing")
	}
	before := c.Digest()
	if !c.Put(rankOf(1), Entry{Seq: 3, Host: "h", Episode: "e", State: StateRetracted}) || c.Digest() == before || c.Used() != 0 {
		t.Error("the retraction of a curve of no points changes nothing")
	}
}
