package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
)

// A sharedState is the state that all browsers read, and the dashboard's status.
// It is safe for concurrent use.
type sharedState struct {
	mu          sync.RWMutex
	state       *state
	incarnation client.Incarnation // of the stream that state was read from
	// id is raised when a new state does not continue the old one: the events that
	// browsers have are then void. 0 means that no state has been read yet.
	id       uint64
	received uint64 // how many events were put, to count those that browsers skipped
	status   status
	changed  chan struct{} // closed and replaced at each change
}

// A status is the data of a bridge event.
type status struct {
	NATS    string    `json:"nats"` // natsConnected, or natsLost: the events may be outdated
	Since   time.Time `json:"since"`
	Version string    `json:"version"`
	// Incarnation changes when browsers must drop all events that they have. It is empty
	// until the dashboard has read the stream.
	Incarnation string `json:"life"`
	// Full means that the stream has more subjects than the dashboard keeps.
	Full bool `json:"full,omitempty"`
}

const (
	natsConnected = "connected"
	natsLost      = "lost"
)

func newSharedState(version string) *sharedState {
	s := &sharedState{state: newState(0, 0), changed: make(chan struct{})}
	s.status.Version = version
	s.setNATS(natsLost)
	return s
}

// setNATS sets the status. The caller holds mu.
func (s *sharedState) setNATS(to string) {
	if s.status.NATS != to {
		s.status.NATS, s.status.Since = to, time.Now().UTC().Truncate(time.Second)
	}
}

// notify wakes all goroutines that wait for a change. The caller holds mu.
func (s *sharedState) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// setLost notes that the state is no longer kept up to date.
func (s *sharedState) setLost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setNATS(natsLost)
	s.notify()
}

// replace takes a complete state, which it owns from then on, and notes that it
// is up to date. If next does not continue the present state, browsers begin
// anew.
func (s *sharedState) replace(incarnation client.Incarnation, next *state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.id == 0 || incarnation != s.incarnation:
		s.id++
		s.status.Incarnation = hash(incarnation)
	case !next.continues(s.state):
		s.id++
		s.status.Incarnation = hash(incarnation) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	case next.seq > s.state.seq:
		s.received += uint64(len(next.order) - next.after(s.state.seq))
	}
	s.state, s.incarnation = next, incarnation
	s.status.Full = next.full
	s.setNATS(natsConnected)
	s.notify()
}

// hash returns a short name for an incarnation.
func hash(incarnation client.Incarnation) string {
	sum := sha256.Sum256([]byte(incarnation))
	return hex.EncodeToString(sum[:6])
}

// put stores an event, as (*state).put does.
func (s *sharedState) put(e *event) (dropped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dropped = s.state.put(e)
	s.status.Full = s.state.full
	s.received++
	s.notify()
	return dropped
}

// isOlder reports whether e is older, by the order in the events themselves, than
// the last event of its subject.
func (s *sharedState) isOlder(e *event) bool {
	last := s.lastOf(e.subject)
	return last != nil && events.IsBefore(e.data, last.data)
}

// isAhead reports whether the state has events of that incarnation after seq.
func (s *sharedState) isAhead(incarnation client.Incarnation, seq uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.id > 0 && incarnation == s.incarnation && s.state.seq > seq
}

// find returns the event with that sequence if the state has it, or nil.
func (s *sharedState) find(incarnation client.Incarnation, subject string, seq uint64) *event {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.state.last[subject]; e != nil && incarnation == s.incarnation && e.seq == seq {
		return e
	}
	return nil
}

// hasRoom is (*state).hasRoom. It is true until a state has been read.
func (s *sharedState) hasRoom(subject string, size int) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.id == 0 || s.state.hasRoom(subject, size)
}

// sizes returns the values of the gauges.
func (s *sharedState) sizes() (subjects int, bytes int64, connected bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.state.last), s.state.bytes, s.status.NATS == natsConnected
}

// A snapshot is a sharedState at one moment, without its events.
type snapshot struct {
	status   status
	id       uint64
	seq      uint64 // of the last event
	received uint64
	changed  <-chan struct{} // closed at the next change
}

func (s *sharedState) snapshot() snapshot {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return snapshot{s.status, s.id, s.state.seq, s.received, s.changed}
}

// A chunk holds events on their way to one browser.
type chunk struct {
	bytes  []byte
	stored []time.Time // when the stream stored each of the events
	last   uint64      // sequence of the last event
}

// chunkBytes is the most that a chunk holds, unless one event is longer.
const chunkBytes = 64 << 10

// read fills c, whose memory it reuses, with the next events after the sequence
// after, up to and including until. It reports whether there may be more. ok is
// false if the state is no longer the one with that id.
func (s *sharedState) read(c *chunk, id, after, until uint64) (more, ok bool) {
	c.bytes, c.stored = c.bytes[:0], c.stored[:0]
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.id != id {
		return false, false
	}
	for _, p := range s.state.order[s.state.after(after):] {
		switch {
		case p.seq > until:
			return false, true
		case p.event == nil:
			continue
		case len(c.bytes) > 0 && len(c.bytes)+len(p.event.frame) > chunkBytes:
			return true, true
		}
		c.bytes = append(c.bytes, p.event.frame...)
		c.stored = append(c.stored, p.event.at)
		c.last = p.seq
	}
	return false, true
}

// subjects returns the subjects of one type, or of all if kind is empty, sorted.
func (s *sharedState) subjects(kind string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]string, 0, len(s.state.last))
	for subject, e := range s.state.last {
		if kind == "" || e.kind == kind {
			all = append(all, subject)
		}
	}
	slices.Sort(all)
	return all
}

// lastOf returns the last event of a subject, or nil.
func (s *sharedState) lastOf(subject string) *event {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.last[subject]
}
