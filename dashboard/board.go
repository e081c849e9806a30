package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cis490/profiles/bus"
)

// A board is what all browsers look at: the state, and how the bridge stands to
// the bus. It is safe for concurrent use.
type board struct {
	now func() time.Time

	mu     sync.RWMutex
	state  *state
	life   bus.Life
	epoch  uint64 // raised when what browsers have seen is void; 0: there is no state yet
	folded uint64 // events so far, to count what was merged
	status status
	moved  chan struct{} // closed and replaced whenever something changes
}

// A status is what browsers are told in a bridge event.
type status struct {
	NATS    string    `json:"nats"` // connected, or lost: then what is shown may be old
	Since   time.Time `json:"since"`
	Version string    `json:"version"`
	// Life is another one when nothing that a browser has seen counts any more.
	// Empty: the bridge has not seen the stream yet.
	Life string `json:"life"`
	// Full says that there are more subjects than the dashboard keeps.
	Full bool `json:"full,omitempty"`
}

const (
	natsConnected = "connected"
	natsLost      = "lost"
)

func newBoard(version string) *board {
	b := &board{now: time.Now, state: newState(0, 0), moved: make(chan struct{})}
	b.status = status{NATS: natsLost, Since: b.stamp(), Version: version}
	return b
}

// stamp is the present second: a browser shows no more.
func (b *board) stamp() time.Time { return b.now().UTC().Truncate(time.Second) }

// change wakes whoever waits. mu is held.
func (b *board) change() {
	close(b.moved)
	b.moved = make(chan struct{})
}

// setNATS notes whether the state is kept up to date. mu is held.
func (b *board) setNATS(to string) {
	if b.status.NATS != to {
		b.status.NATS, b.status.Since = to, b.stamp()
		b.change()
	}
}

// lost says that the state may be old from now on.
func (b *board) lost() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.setNATS(natsLost)
}

// connected takes a state that is whole. What browsers have seen goes on to
// count where it is of the same life and follows what was there.
func (b *board) connected(life bus.Life, s *state) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.epoch == 0 || life != b.life || !s.follows(b.state) {
		b.status.Life = lifeName(life)
		if b.epoch > 0 && life == b.life { // browsers must be able to tell it from the one before
			b.status.Life += "-" + strconv.FormatInt(b.now().UnixNano(), 36)
		}
		b.epoch++
	} else if s.seq > b.state.seq {
		b.folded += uint64(len(s.order) - s.after(b.state.seq))
	}
	b.state, b.life = s, life
	b.status.Full = s.full
	b.setNATS(natsConnected)
	b.change()
}

// lifeName is short and says nothing but whether two lives are the same.
func lifeName(life bus.Life) string {
	sum := sha256.Sum256([]byte(life))
	return hex.EncodeToString(sum[:6])
}

// put folds an event into the state that connected brought.
func (b *board) put(e *event) (evicted int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	evicted = b.state.put(e)
	b.status.Full = b.state.full
	b.folded++
	b.change()
	return evicted
}

// goesBack tells whether an event stands before the one of its subject that browsers
// have seen.
func (b *board) goesBack(e *event) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	before := b.state.last[e.subject]
	return before != nil && bus.Behind(e.data, before.data)
}

// beyond tells whether the board has seen more of a life than up to seq.
func (b *board) beyond(life bus.Life, seq uint64) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.epoch > 0 && life == b.life && b.state.seq > seq
}

// same returns the event with that sequence where the board has it already.
func (b *board) same(life bus.Life, subject string, seq uint64) *event {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if e := b.state.last[subject]; e != nil && life == b.life && e.seq == seq {
		return e
	}
	return nil
}

// room tells whether an event of a subject and size would be kept.
func (b *board) room(subject string, size int) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	s := b.state
	return b.epoch == 0 || s.last[subject] != nil || len(s.last) < s.maxSubjects && s.bytes+int64(size)+overhead <= s.maxBytes
}

// sizes are for the metrics.
func (b *board) sizes() (subjects int, bytes int64, connected bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.state.last), b.state.bytes, b.status.NATS == natsConnected
}

// A glance is what the board says at one moment.
type glance struct {
	status status
	epoch  uint64
	until  uint64 // sequence of the last event
	folded uint64
	moved  <-chan struct{} // closed when there is more to see
}

func (b *board) glance() glance {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return glance{b.status, b.epoch, b.state.seq, b.folded, b.moved}
}

// A chunk is a stretch of the state on its way to a browser. Its memory is used
// again for the next.
type chunk struct {
	bytes  []byte
	stored []time.Time // when the stream stored each of its events
	last   uint64      // sequence of the last one
}

// chunkBytes is what is gathered for one write; a single event may be longer.
const chunkBytes = 64 << 10

// read gathers into c the next events later than after and not later than
// until, by sequence. more: there may be others. valid: all this was still of
// that epoch.
func (b *board) read(c *chunk, epoch, after, until uint64) (more, valid bool) {
	c.bytes, c.stored = c.bytes[:0], c.stored[:0]
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.epoch != epoch {
		return false, false
	}
	for _, p := range b.state.order[b.state.after(after):] {
		switch {
		case p.seq > until:
			return false, true
		case p.event == nil:
			continue
		case len(c.bytes) > 0 && len(c.bytes)+len(p.frame) > chunkBytes:
			return true, true
		}
		c.bytes = append(c.bytes, p.frame...)
		c.stored = append(c.stored, p.at)
		c.last = p.seq
	}
	return false, true
}

// subjects are those of a type, or all, in order.
func (b *board) subjects(kind string) []string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := make([]string, 0, len(b.state.last))
	for subject, e := range b.state.last {
		if kind == "" || e.kind == kind {
			all = append(all, subject)
		}
	}
	slices.Sort(all)
	return all
}

// lastOf returns the last event of a subject; nil: there is none.
func (b *board) lastOf(subject string) *event {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.state.last[subject]
}

// appendBridge writes the event that tells a browser how the bridge stands.
// forget makes it forget the id that it would resume from.
func appendBridge(b []byte, s status, forget bool) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings, a time and a bool
	}
	b = append(b, "event: "+bridgeEvent+"\n"...)
	if forget {
		b = append(b, "id\n"...)
	}
	b = append(b, "data: "...)
	b = append(b, data...)
	return append(b, "\n\n"...)
}

// Events of the bridge itself, beside those of the stream.
const (
	bridgeEvent   = "bridge"
	caughtUpEvent = "caught-up"
)
