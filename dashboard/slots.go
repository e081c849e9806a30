package dashboard

import (
	"context"
	"hash/maphash"
	"sync/atomic"
	"time"
)

// Slots are a number of places that may be taken.
type slots struct {
	most  int64
	taken atomic.Int64
}

func newSlots(n int) slots { return slots{most: int64(n)} }

// take takes a place; false: there is none.
func (s *slots) take() bool {
	if s.taken.Add(1) > s.most {
		s.taken.Add(-1)
		return false
	}
	return true
}

func (s *slots) give() { s.taken.Add(-1) }

// Locks let those who publish under one subject go one after the other. They
// would otherwise lose compare-and-sets to each other.
type locks struct {
	seed maphash.Seed
	of   []chan struct{}
}

func newLocks() locks {
	l := locks{maphash.MakeSeed(), make([]chan struct{}, 64)}
	for i := range l.of {
		l.of[i] = make(chan struct{}, 1)
	}
	return l
}

// lock waits for a subject's turn and returns what ends it.
func (l *locks) lock(ctx context.Context, subject string) (unlock func(), err error) {
	c := l.of[maphash.String(l.seed, subject)%uint64(len(l.of))]
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Rarely limits what is said in the log: the first time, then at most once in
// ten seconds. The metrics count them all.
type rarely struct{ next atomic.Int64 }

func (r *rarely) due(now time.Time) bool {
	next := r.next.Load()
	return now.UnixNano() >= next && r.next.CompareAndSwap(next, now.Add(10*time.Second).UnixNano())
}
