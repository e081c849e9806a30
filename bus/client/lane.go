package client

import (
	"sync"
	"time"
)

// awaitGrace is how long a handler may Await before another one works in its place.
// Most answers come earlier.
const awaitGrace = 5 * time.Millisecond

// A lane is a queue of an Inbox, and the goroutines that handle its messages. Both lanes
// share the slots of the Inbox: a goroutine has one while it works. A lane that has fewer
// goroutines than there are slots leaves the others to the other lane.
type lane[T any] struct {
	in       *Inbox[T]
	queue    chan *Delivery[T]
	handlers int // goroutines, without those that wait
	maxAway  int // how many of those that wait are replaced
	running  sync.WaitGroup

	mu   sync.Mutex
	all  int // goroutines
	away int // goroutines that wait without a slot
}

func newLane[T any](in *Inbox[T], size, handlers, maxAway int) *lane[T] {
	return &lane[T]{in: in, queue: make(chan *Delivery[T], size), handlers: handlers, maxAway: maxAway}
}

func (l *lane[T]) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fill()
}

func (l *lane[T]) wait() { l.running.Wait() }

// fill starts the goroutines that are missing.
func (l *lane[T]) fill() {
	for ; l.all < l.wanted(); l.all++ {
		l.running.Go(l.handle)
	}
}

func (l *lane[T]) wanted() int { return l.handlers + min(l.away, l.maxAway) }

// handle is one of the goroutines. It ends when the queue is closed, or when there are
// more goroutines than are wanted.
func (l *lane[T]) handle() {
	for d := range l.queue {
		l.in.noteTaken(d)
		l.in.slots <- struct{}{}
		l.in.cfg.Handle(l.in.working, d)
		<-l.in.slots
		l.mu.Lock()
		surplus := l.all > l.wanted()
		if surplus {
			l.all--
		}
		l.mu.Unlock()
		if surplus {
			return
		}
	}
}

// leave gives the slot of a goroutine away while it waits.
func (l *lane[T]) leave() {
	<-l.in.slots
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away++
	l.fill()
}

// comeBack waits for a slot for a goroutine that has left.
func (l *lane[T]) comeBack() {
	l.in.slots <- struct{}{}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away--
}

// Await calls f, which waits for another program, such as a store, and needs no
// processor meanwhile. If that takes long, other messages are handled in its place, and
// Await returns only when this one has its turn again. Only Handle may call it, with its
// own message.
func (in *Inbox[T]) Await(d *Delivery[T], f func() error) error {
	l := in.first
	if d.Again {
		l = in.again
	}
	left := make(chan struct{})
	leaving := time.AfterFunc(awaitGrace, func() {
		l.leave()
		close(left)
	})
	defer func() {
		if !leaving.Stop() {
			<-left
			l.comeBack()
		}
	}()
	return f()
}
