package bus

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A pull fetches the messages of a consumer only as whoever works on them keeps
// up: a slow worker must not sit on what another could do.
type pull struct {
	ctx     context.Context // until when messages are wanted
	cons    jetstream.Consumer
	ackWait time.Duration       // the consumer's: whoever made it may have other settings than ours
	room    int                 // messages that may wait here where all must be worked on
	most    int                 // messages of one fetch, where most need no work
	receive func(jetstream.Msg) // the client's callback; must not block
	waiting func() int          // received, and nobody works on them yet

	taken chan struct{} // gets a value when one of those was taken, by take
	ended atomic.Bool   // with or without ctx
}

func newPull(ctx context.Context, cons jetstream.Consumer, room, most int, receive func(jetstream.Msg), waiting func() int) *pull {
	return &pull{ctx: ctx, cons: cons, ackWait: cons.CachedInfo().Config.AckWait, room: room, most: most, receive: receive, waiting: waiting, taken: make(chan struct{}, 1)}
}

// take notes that a message which waited does so no more.
func (p *pull) take() {
	select {
	case p.taken <- struct{}{}:
	default:
	}
}

// stopping tells whether what still comes goes back at once.
func (p *pull) stopping() bool { return p.ended.Load() || p.ctx.Err() != nil }

// run fetches until ctx ends, nil then, or there is a reason not to go on. Once
// what was fetched has come it fetches more.
func (p *pull) run() error {
	defer p.ended.Store(true)
	n := p.room
	for p.ctx.Err() == nil {
		if err := p.fetch(n); err != nil {
			return err
		}
		if p.waiting() <= p.room/2 {
			n = min(2*n, p.most) // most could be skipped
			continue
		}
		for p.waiting() > p.room/2 && p.ctx.Err() == nil {
			select {
			case <-p.taken:
			case <-p.ctx.Done():
			}
		}
		n = p.room - p.waiting()
	}
	return nil
}

// fetch returns when n messages have come, or ctx ended, or with the reason why
// none can come any more.
func (p *pull) fetch(n int) error {
	c, err := consume(p.cons, n, p.receive)
	if err != nil {
		return err
	}
	came := c.cc.Closed()
	for err == nil && p.ctx.Err() == nil {
		select {
		case <-came:
			select {
			case err = <-c.failed: // that is why it was closed
			default:
			}
			return err
		case err = <-c.failed:
		case <-c.doubt:
			err = c.gone(p.ctx)
		case <-p.ctx.Done():
		}
	}
	p.ended.Store(true)
	c.stop()
	return err
}

// beat gives signs of life, three in an AckWait, until ctx ends.
func (p *pull) beat(ctx context.Context, sign func()) {
	tick := time.NewTicker(max(p.ackWait/3, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			sign()
		case <-ctx.Done():
			return
		}
	}
}
