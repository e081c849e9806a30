package dashboard

import (
	"cmp"
	"slices"

	"github.com/cis490/profiles/bus/events"
)

// A state is the last event of each subject of one stream, in order of
// sequence. When it is full, it drops the events with the lowest sequences. It
// is not safe for concurrent use.
type state struct {
	maxSubjects int
	maxBytes    int64

	last  map[string]*event // by subject
	order []slot            // rising by sequence
	head  int               // all slots before this index are empty
	bytes int64             // the sum of the events' sizes
	seq   uint64            // the highest sequence that was put
	full  bool              // an event was dropped for lack of room
}

// A slot is the place of one event in the order. It becomes empty (a nil event)
// when a later event of the subject replaces the event.
type slot struct {
	seq   uint64
	event *event
}

func newState(maxSubjects int, maxBytes int64) *state {
	return &state{maxSubjects: maxSubjects, maxBytes: maxBytes, last: map[string]*event{}}
}

// put stores an event, whose sequence must be higher than all before. It returns
// how many events were dropped to make room.
func (s *state) put(e *event) (dropped int) {
	s.seq = e.seq
	if old := s.last[e.subject]; old != nil {
		s.drop(old)
	}
	s.last[e.subject] = e
	s.order = append(s.order, slot{e.seq, e})
	s.bytes += e.size()
	for len(s.last) > s.maxSubjects || s.bytes > s.maxBytes {
		s.drop(s.oldest())
		s.full = true
		dropped++
	}
	if empty := len(s.order) - len(s.last); empty > len(s.last)+64 {
		s.order = slices.DeleteFunc(s.order, func(p slot) bool { return p.event == nil })
		s.head = 0
	}
	return dropped
}

func (s *state) oldest() *event {
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

// after returns the index of the first slot whose sequence is higher than seq.
func (s *state) after(seq uint64) int {
	i, found := slices.BinarySearchFunc(s.order, seq, func(p slot, seq uint64) int { return cmp.Compare(p.seq, seq) })
	if found {
		i++
	}
	return i
}

// hasRoom reports whether an event with a body of that size fits without
// another subject being dropped.
func (s *state) hasRoom(subject string, size int) bool {
	return s.last[subject] != nil || len(s.last) < s.maxSubjects && s.bytes+int64(size)+eventOverhead <= s.maxBytes
}

// continues reports whether s can be a later state of the stream that old was
// read from: each subject of old has the same event or a later one, or was
// dropped for lack of room. Comparing the last sequences is not enough, since a
// stream that was restored from a backup may have grown beyond its old end.
func (s *state) continues(old *state) bool {
	for subject, before := range old.last {
		now := s.last[subject]
		switch {
		case now == nil && !s.full,
			now != nil && now.seq < before.seq,
			now != nil && now.seq > before.seq && events.IsBefore(now.data, before.data):
			return false
		}
	}
	return s.seq >= old.seq
}
