package bus

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
)

// A Put is one entry that was put into the curves bucket: by itself the request
// to reduce its profile.
type Put struct {
	Profile    fit.ProfileName
	Seq        uint64    // its sequence in the bucket's stream
	AcceptedAt time.Time // of the episode; zero where unknown
	Deliveries uint64
}

// headerAcceptedAt carries the episode's time beside the entry, for measuring.
const headerAcceptedAt = "Accepted-At"

// ConsumePuts hands what is pending on a generation's reduce consumer to reduce,
// at most 256 puts at a time, until ctx ends; it returns nil then. A batch is
// acknowledged when reduce returns nil, else handed back. What is in work then has
// drain to end. Any other return says why consuming can't go on.
func (b *Bus) ConsumePuts(ctx context.Context, gen fit.Generation, drain time.Duration, reduce func(context.Context, []Put) error) error {
	cons, err := b.js.Consumer(ctx, bucketStream(CurvesBucket), ReduceConsumer(gen))
	if err != nil {
		return fmt.Errorf("open consumer %s: %w", ReduceConsumer(gen), err)
	}
	work, endWork := context.WithCancel(context.WithoutCancel(ctx))
	defer endWork()
	p := &puts{
		bus: b, reduce: reduce, work: work,
		queue:  make(chan *putMsg, 2*reduceAhead),
		inHand: map[uint64]*putMsg{},
	}
	p.pull = newPull(ctx, cons, reduceAhead, reduceAhead, p.receive, func() int { return len(p.queue) })
	var reducing, beating sync.WaitGroup
	beating.Go(func() { p.beat(work, p.sign) })
	reducing.Go(p.handle)
	err = p.run()
	late := time.AfterFunc(drain, endWork)
	defer late.Stop()
	p.close()
	for m := range p.queue { // what is not begun goes to others at once
		p.handBack(m, 0)
	}
	reducing.Wait()
	endWork()
	beating.Wait()
	return err
}

// A putMsg is a put in hand.
type putMsg struct {
	msg  jetstream.Msg
	put  Put
	ours bool // else its key is nobody's request
}

// puts is one running ConsumePuts.
type puts struct {
	*pull
	bus    *Bus
	reduce func(context.Context, []Put) error
	work   context.Context
	queue  chan *putMsg

	mu     sync.Mutex
	closed bool
	inHand map[uint64]*putMsg // by sequence
}

// receive is the client's callback.
func (p *puts) receive(msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		p.bus.log.Error("a message without JetStream metadata", "subject", msg.Subject(), "err", err)
		return
	}
	m := &putMsg{msg: msg}
	m.put, m.ours = parsePut(msg, meta)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.inHand[m.put.Seq] != nil:
		return // what becomes of the one in hand settles this one, too
	case p.closed || p.stopping():
		_ = msg.Nak()
		return
	}
	select {
	case p.queue <- m:
		p.inHand[m.put.Seq] = m
	default: // more than was asked for
		_ = msg.NakWithDelay(reduceRetry)
	}
}

// handle reduces batch after batch: whatever is there, but never waiting for more.
func (p *puts) handle() {
	for first := range p.queue {
		batch := []*putMsg{first}
		for len(batch) < reduceBatch {
			m := p.next()
			if m == nil {
				break
			}
			batch = append(batch, m)
		}
		p.take()
		p.settle(batch)
	}
}

// next returns a message that waits; nil where there is none now.
func (p *puts) next() *putMsg {
	select {
	case m := <-p.queue:
		return m
	default:
		return nil
	}
}

// settle reduces a batch and does with its messages what that says.
func (p *puts) settle(batch []*putMsg) {
	if p.stopping() {
		for _, m := range batch {
			p.handBack(m, 0)
		}
		return
	}
	var ours []Put
	for _, m := range batch {
		if m.ours {
			ours = append(ours, m.put)
		}
	}
	err := reduceSafely(p.work, ours, p.reduce)
	if err != nil {
		p.bus.log.Warn("reduce", "puts", len(ours), "err", err)
	}
	for _, m := range batch {
		if err != nil {
			p.handBack(m, reduceRetry)
		} else {
			p.release(m)
			_ = m.msg.Ack()
		}
	}
}

// handBack gives the message to whoever asks next.
func (p *puts) handBack(m *putMsg, delay time.Duration) {
	p.release(m)
	_ = m.msg.NakWithDelay(delay)
}

func (p *puts) release(m *putMsg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.inHand, m.put.Seq)
}

func (p *puts) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	close(p.queue)
}

// sign tells the server that what is in hand is in work: a batch may write many
// envelopes, and the next waits for it.
func (p *puts) sign() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.inHand {
		_ = m.msg.InProgress()
	}
}

// reduceRetry keeps a reduce that fails at once from spinning.
const reduceRetry = 250 * time.Millisecond

func reduceSafely(ctx context.Context, puts []Put, reduce func(context.Context, []Put) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return reduce(ctx, puts)
}

// parsePut reads `$KV.curves.<generation>.<profile>.<rank>`. A key that is not
// of this form is nobody's request.
func parsePut(msg jetstream.Msg, meta *jetstream.MsgMetadata) (Put, bool) {
	p := Put{Seq: meta.Sequence.Stream, Deliveries: meta.NumDelivered}
	parts := strings.Split(msg.Subject(), ".")
	if len(parts) != 5 {
		return p, false
	}
	p.Profile = fit.ProfileName(parts[3])
	p.AcceptedAt, _ = time.Parse(time.RFC3339Nano, msg.Headers().Get(headerAcceptedAt))
	return p, true
}
