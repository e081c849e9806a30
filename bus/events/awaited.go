package events

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// awaited are events that were heard when they were published, and that the feed has not
// read yet: an event is heard a moment before it is stored. It may never be stored, because
// the stream refuses an event where another publisher was first. So after awaitTime it is
// not waited for any more. It is safe for concurrent use.
type awaited struct {
	more chan struct{} // gets a value when an event was heard

	mu        sync.Mutex
	seed      maphash.Seed
	bySubject map[string]heardEvent // the last one of each subject
}

// A heardEvent is the hash of an event, and when it was heard.
type heardEvent struct {
	hash uint64
	at   time.Time
}

const (
	awaitTime  = 2 * time.Second
	maxAwaited = 10_000 // subjects; a feed that polls sees the others, too
)

func newAwaited() *awaited {
	return &awaited{more: make(chan struct{}, 1), seed: maphash.MakeSeed(), bySubject: map[string]heardEvent{}}
}

// hear notes an event that was published.
func (a *awaited) hear(msg *nats.Msg) {
	a.mu.Lock()
	if _, known := a.bySubject[msg.Subject]; known || len(a.bySubject) < maxAwaited {
		a.bySubject[msg.Subject] = heardEvent{maphash.Bytes(a.seed, msg.Data), time.Now()}
	}
	a.mu.Unlock()
	select {
	case a.more <- struct{}{}:
	default:
	}
}

// came notes an event that was read from the stream.
func (a *awaited) came(subject string, data []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if heard, ok := a.bySubject[subject]; ok && heard.hash == maphash.Bytes(a.seed, data) {
		delete(a.bySubject, subject)
	}
}

// waits reports whether an event was heard that may still be stored.
func (a *awaited) waits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for subject, heard := range a.bySubject {
		if time.Since(heard.at) > awaitTime {
			delete(a.bySubject, subject)
		}
	}
	return len(a.bySubject) > 0
}
