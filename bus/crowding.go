package bus

import (
	"context"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"
)

// crowding watches whether episodes that wait for another try, such as those whose
// archive is missing, take too many of the places that all workers share
// (MaxAckPending of the align consumer): new episodes would not be delivered then.
type crowding struct {
	inHand  func() (all, kept int)                                 // Inbox.InHand
	info    func(context.Context) (*jetstream.ConsumerInfo, error) // Inbox.ConsumerInfo
	crowded atomic.Bool
}

// now returns the result of the last check. When no episode waits here it is false until
// the next check.
func (c *crowding) now() bool {
	if _, kept := c.inHand(); kept == 0 {
		c.crowded.Store(false)
	}
	return c.crowded.Load()
}

func (c *crowding) check(ctx context.Context) { c.crowded.Store(c.ask(ctx)) }

// ask reports whether half of the places are taken, and a quarter by episodes that
// wait for another try. A worker does not know which episodes other workers hold. It
// assumes that as many episodes wait in each worker with an open fetch as wait here.
//
// If fewer than half of the episodes held here wait, this worker is only busy.
func (c *crowding) ask(ctx context.Context) bool {
	held, kept := c.inHand()
	if kept == 0 || 2*kept < held {
		return false
	}
	info, err := c.info(ctx)
	if err != nil {
		return false
	}
	places := info.Config.MaxAckPending
	return places > 0 && info.NumAckPending >= places/2 && kept*max(1, info.NumWaiting) >= places/4
}
