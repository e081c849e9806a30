package dashboard

import (
	"cmp"
	"slices"

	"github.com/cis490/profiles/bus"
)

// A state is the last event of each subject of one stream, in order of
// sequence. It is bounded: of more than there is room for, the latest stay, as
// they would after a restart. It has no lock.
type state struct {
	maxSubjects int
	maxBytes    int64

	last  map[string]*event
	order []place // rising; an event that was replaced leaves a hole
	head  int     // no event stands before it
	bytes int64
	seq   uint64 // highest folded
	full  bool   // some event was left out
}

// A place is where an event stands. A hole keeps the sequence only.
type place struct {
	seq uint64
	*event
}

func newState(maxSubjects int, maxBytes int64) *state {
	return &state{maxSubjects: maxSubjects, maxBytes: maxBytes, last: map[string]*event{}}
}

// put folds an event, which must be later than all before it, and returns how
// many had to make room for it.
func (s *state) put(e *event) (evicted int) {
	s.seq = e.seq
	if old := s.last[e.subject]; old != nil {
		s.drop(old)
	}
	s.last[e.subject] = e
	s.order = append(s.order, place{e.seq, e})
	s.bytes += e.size()
	for len(s.last) > s.maxSubjects || s.bytes > s.maxBytes {
		s.drop(s.first())
		s.full = true
		evicted++
	}
	if holes := len(s.order) - len(s.last); holes > len(s.last)+64 {
		s.order = slices.DeleteFunc(s.order, func(p place) bool { return p.event == nil })
		s.head = 0
	}
	return evicted
}

func (s *state) first() *event {
	for s.order[s.head].event == nil {
		s.head++
	}
	return s.order[s.head].event
}

func (s *state) drop(e *event) {
	delete(s.last, e.subject)
	s.bytes -= e.size()
	s.order[s.after(e.seq-1)].event = nil
}

// after is the index of the first place later than seq.
func (s *state) after(seq uint64) int {
	i, found := slices.BinarySearchFunc(s.order, seq, func(p place, seq uint64) int { return cmp.Compare(p.seq, seq) })
	if found {
		i++
	}
	return i
}

// follows tells whether s may come after old in one stream: it has every subject of
// old, at the same place or a later one, with the same event or a later one. What
// had to make room counts as there. A stream that was restored from a backup may
// have grown beyond its old end, so that its last sequence alone tells nothing.
func (s *state) follows(old *state) bool {
	for subject, before := range old.last {
		now := s.last[subject]
		switch {
		case now == nil && !s.full,
			now != nil && now.seq < before.seq,
			now != nil && now.seq > before.seq && bus.Behind(now.data, before.data):
			return false
		}
	}
	return s.seq >= old.seq
}
