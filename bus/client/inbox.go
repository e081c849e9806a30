package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/internal/logkey"
)

// An Inbox hands the messages of a durable consumer, which many workers share, to
// handlers in this process. It holds each message from its delivery until it is
// acknowledged, terminated or handed back, and extends the deadline of its
// acknowledgement meanwhile. It fetches messages only as fast as the handlers
// work: a slow worker must not keep messages that another worker could handle.
//
// Messages that wait for another try never keep new ones out: a bounded number of
// them waits here, and they have a lane of their own (see lane).
//
// T is what a message is parsed into. All methods are safe for concurrent use.
type Inbox[T any] struct {
	client *Client
	cfg    InboxConfig[T]
	cons   jetstream.Consumer
	// ackWait is the consumer's own. The worker that created it may have other
	// settings than this one.
	ackWait time.Duration

	fetching context.Context // ends when no more messages are wanted
	working  context.Context // ends when handlers must end
	first    *lane[T]        // messages that were not tried here
	again    *lane[T]        // messages that were
	slots    chan struct{}   // has a value for each handler at work
	taken    chan struct{}   // gets a value when a handler has taken a message of the first lane
	requeues sync.WaitGroup  // messages whose wait is over and that are not queued yet

	mu     sync.Mutex
	closed bool // the lanes are closed
	inHand map[uint64]*Delivery[T]
	kept   int // messages in hand that wait for another try, or are queued for it
}

// InboxConfig says how an Inbox works. Every field without "may" must be set.
type InboxConfig[T any] struct {
	Stream, Consumer string
	Handlers         int                  // calls of Handle at the same time, without those that Await; 1 at least
	MaxAwait         int                  // calls of Handle that may Await at the same time; may be 0
	Drain            time.Duration        // how long they may go on after the end of fetching
	Room             int                  // the most messages of a fetch, and in the queue, while each needs a handler
	MaxFetch         int                  // the most messages of a fetch while most of them need no handler
	QueueSize        int                  // the length of the queue; messages beyond it are handed back
	FullDelay        func() time.Duration // after this the server delivers those again
	MaxKept          int                  // the most messages that KeepFor keeps; may be 0

	// Receive parses a message as it is delivered. Where it returns false, nothing
	// needs to be done and the message is acknowledged. It runs in the NATS library's
	// callback and must not block.
	Receive func(*Delivery[T]) bool
	// Handle works on one message and must end it by Ack, Term, HandBack, or a KeepFor
	// that returns true.
	Handle func(ctx context.Context, d *Delivery[T])
	// BeforeHandBack may be set. It is called before a message is handed back.
	BeforeHandBack func(*Delivery[T])
	// Redelivered may be set. It is called for each message that was delivered before.
	Redelivered func()
}

// A Delivery is one message in hand.
type Delivery[T any] struct {
	Value    T
	Msg      jetstream.Msg // do not acknowledge it; use the Inbox
	Seq      uint64        // its place in the stream
	Count    uint64        // how often it was delivered, this time included
	StoredAt time.Time     // by the server's clock
	// Again means that the message was tried here before. Receive sets it if the message
	// was handed back after a try; KeepFor sets it, too.
	Again bool

	retry *time.Timer // while it waits for another try
	kept  bool        // it is counted in Inbox.kept
}

// RunInbox works until ctx ends, and returns nil then; any other error is the
// reason why it can't go on. When it returns, every message has been acknowledged,
// terminated or handed back: queued messages at once, those in work within Drain.
// open is called with the Inbox before the first message is received.
func RunInbox[T any](ctx context.Context, c *Client, cfg InboxConfig[T], open func(*Inbox[T])) error {
	cons, err := c.js.Consumer(ctx, cfg.Stream, cfg.Consumer)
	if err != nil {
		return fmt.Errorf("open consumer %s: %w", cfg.Consumer, err)
	}
	working, endWork := context.WithCancel(context.WithoutCancel(ctx))
	defer endWork()
	fetching, endFetching := context.WithCancel(ctx)
	defer endFetching()
	in := &Inbox[T]{
		client: c, cfg: cfg, cons: cons, ackWait: cons.CachedInfo().Config.AckWait, fetching: fetching, working: working,
		slots: make(chan struct{}, cfg.Handlers), taken: make(chan struct{}, 1), inHand: map[uint64]*Delivery[T]{},
	}
	// Tries that are repeated have at most half of the handlers.
	in.first = newLane(in, cfg.QueueSize, cfg.Handlers, cfg.MaxAwait-cfg.MaxAwait/2)
	in.again = newLane(in, cfg.MaxKept, max(1, cfg.Handlers/2), cfg.MaxAwait/2)
	open(in)
	var extending sync.WaitGroup
	extending.Go(in.extendDeadlines)
	in.first.start()
	in.again.start()
	err = in.fetch(endFetching)
	drain := time.AfterFunc(cfg.Drain, endWork)
	defer drain.Stop()
	in.close()
	for _, l := range []*lane[T]{in.first, in.again} {
		for d := range l.queue {
			in.HandBack(d, 0)
		}
	}
	in.first.wait()
	in.again.wait()
	in.requeues.Wait()
	endWork()
	extending.Wait()
	return err
}

// fetch fetches messages until in.fetching ends, and returns nil then; any other error
// is the reason why it can't go on. end makes Stopping true before the last messages
// are received, so that they are handed back.
func (in *Inbox[T]) fetch(end context.CancelFunc) error {
	defer end()
	ctx, n := in.fetching, in.cfg.Room
	for ctx.Err() == nil {
		if err := fetch(ctx, in.cons, n, in.receive, end); err != nil {
			return err
		}
		if len(in.first.queue) <= in.cfg.Room/2 {
			n = min(2*n, in.cfg.MaxFetch) // most messages needed no handler
			continue
		}
		for len(in.first.queue) > in.cfg.Room/2 && ctx.Err() == nil {
			select {
			case <-in.taken:
			case <-ctx.Done():
			}
		}
		n = in.cfg.Room - len(in.first.queue)
	}
	return nil
}

// receive is the NATS library's callback. It never blocks: messages that were
// fetched ahead would time out behind it.
func (in *Inbox[T]) receive(msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		in.client.log.Error("a message without JetStream metadata", logkey.Subject, msg.Subject(), logkey.Err, err)
		return
	}
	if meta.NumDelivered > 1 && in.cfg.Redelivered != nil {
		in.cfg.Redelivered()
	}
	seq := meta.Sequence.Stream
	in.mu.Lock()
	held := in.inHand[seq] != nil
	in.mu.Unlock()
	switch {
	case held:
		return // it is acknowledged or handed back together with the one in hand
	case in.Stopping():
		_ = msg.Nak()
		return
	}
	d := &Delivery[T]{Msg: msg, Seq: seq, Count: meta.NumDelivered, StoredAt: meta.Timestamp}
	if !in.cfg.Receive(d) {
		_ = msg.Ack()
		return
	}
	in.enqueue(d)
}

// Stopping reports whether messages are handed back without work.
func (in *Inbox[T]) Stopping() bool { return in.fetching.Err() != nil }

// enqueue queues a message, or hands it back where the queues are closed or its queue
// is full.
func (in *Inbox[T]) enqueue(d *Delivery[T]) {
	in.mu.Lock()
	d.retry = nil
	delay := time.Duration(0)
	if !in.closed {
		in.inHand[d.Seq] = d
		if in.queued(d) {
			in.mu.Unlock()
			return
		}
		delay = in.cfg.FullDelay()
	}
	in.mu.Unlock()
	in.HandBack(d, delay)
}

// queued queues a message, and returns false if its queue is full.
func (in *Inbox[T]) queued(d *Delivery[T]) bool {
	to := in.first
	if d.Again {
		if !d.kept && in.kept >= in.cfg.MaxKept {
			return false
		}
		to = in.again
	}
	select {
	case to.queue <- d:
		if d.Again && !d.kept {
			d.kept = true
			in.kept++
		}
		return true
	default:
		return false
	}
}

// noteTaken is called when a handler has taken a message from a queue.
func (in *Inbox[T]) noteTaken(d *Delivery[T]) {
	if d.Again {
		in.mu.Lock()
		in.noLongerKept(d)
		in.mu.Unlock()
		return
	}
	select {
	case in.taken <- struct{}{}:
	default:
	}
}

func (in *Inbox[T]) noLongerKept(d *Delivery[T]) {
	if d.kept {
		d.kept = false
		in.kept--
	}
}

// TakeMore returns up to n messages that are queued at this moment. The caller
// handles them as if they had been given to Handle.
func (in *Inbox[T]) TakeMore(n int) []*Delivery[T] {
	var more []*Delivery[T]
	for len(more) < n {
		select {
		case d, ok := <-in.first.queue:
			if !ok {
				return more
			}
			more = append(more, d)
			in.noteTaken(d)
		default:
			return more
		}
	}
	return more
}

// Ack acknowledges a message: it is done.
func (in *Inbox[T]) Ack(d *Delivery[T]) {
	in.release(d)
	_ = d.Msg.Ack()
}

// Term ends a message for good without an acknowledgement.
func (in *Inbox[T]) Term(d *Delivery[T]) {
	in.release(d)
	_ = d.Msg.Term()
}

// HandBack gives a message back to the server, which delivers it again, to any
// worker, after delay.
func (in *Inbox[T]) HandBack(d *Delivery[T], delay time.Duration) {
	in.release(d)
	if in.cfg.BeforeHandBack != nil {
		in.cfg.BeforeHandBack(d)
	}
	_ = d.Msg.NakWithDelay(delay)
}

func (in *Inbox[T]) release(d *Delivery[T]) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.noLongerKept(d)
	delete(in.inHand, d.Seq)
}

// KeepFor keeps a message in hand and queues it for another try after a while. It
// returns false if the Inbox is stopping, or keeps MaxKept messages already: hand the
// message back then.
func (in *Inbox[T]) KeepFor(d *Delivery[T], after time.Duration) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed || in.Stopping() || in.kept >= in.cfg.MaxKept {
		return false
	}
	in.requeues.Add(1)
	in.kept++
	d.Again, d.kept = true, true
	d.retry = time.AfterFunc(after, func() {
		defer in.requeues.Done()
		in.enqueue(d)
	})
	return true
}

// AckWait is how long the server waits for an acknowledgement, or for an extension
// of the deadline, before it delivers a message again.
func (in *Inbox[T]) AckWait() time.Duration { return in.ackWait }

// close closes the queues and hands back the messages that wait for another try.
func (in *Inbox[T]) close() {
	var waiting []*Delivery[T]
	in.mu.Lock()
	in.closed = true
	close(in.first.queue)
	close(in.again.queue)
	for _, d := range in.inHand {
		if d.retry != nil && d.retry.Stop() {
			in.requeues.Done()
			waiting = append(waiting, d)
		}
	}
	in.mu.Unlock()
	for _, d := range waiting {
		in.HandBack(d, 0)
	}
}

// extendDeadlines extends the deadline of every message in hand, three times in an
// AckWait, until the work ends.
func (in *Inbox[T]) extendDeadlines() {
	tick := time.NewTicker(max(in.ackWait/3, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			in.mu.Lock()
			for _, d := range in.inHand {
				_ = d.Msg.InProgress()
			}
			in.mu.Unlock()
		case <-in.working.Done():
			return
		}
	}
}
