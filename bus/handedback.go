package bus

import (
	"sync"
	"time"
)

// handedBack remembers the messages that were handed back after a try, so that the tries
// of a message are counted although it does not stay here. A worker remembers only its
// own: the others count theirs. Losing an item costs only further tries. It is safe for
// concurrent use.
type handedBack struct {
	mu     sync.Mutex
	items  map[uint64]handedBackItem // by sequence
	pruned time.Time
}

type handedBackItem struct {
	state      any
	deliveries uint64 // when it was handed back
	// alive means that no reader of earlier deliveries can have died: the message was
	// delivered to this worker only.
	alive bool
	at    time.Time
}

const (
	maxHandedBack  = 100_000          // items
	handedBackTime = 10 * time.Minute // after it, an item may be forgotten; messages come back after a minute or so
)

func newHandedBack() *handedBack { return &handedBack{items: map[uint64]handedBackItem{}} }

// put remembers a message. If there are too many, it does nothing.
func (h *handedBack) put(seq uint64, item handedBackItem) {
	h.mu.Lock()
	defer h.mu.Unlock()
	item.at = time.Now()
	if item.at.Sub(h.pruned) > handedBackTime {
		h.pruned = item.at
		for old, i := range h.items {
			if item.at.Sub(i.at) > handedBackTime { // another worker has ended it
				delete(h.items, old)
			}
		}
	}
	if len(h.items) < maxHandedBack {
		h.items[seq] = item
	}
}

// take returns and forgets what was remembered of a message; the zero value if nothing
// was.
func (h *handedBack) take(seq uint64) handedBackItem {
	h.mu.Lock()
	defer h.mu.Unlock()
	item := h.items[seq]
	delete(h.items, seq)
	return item
}

// len returns how many messages are remembered.
func (h *handedBack) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.items)
}
