package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// An EpisodeTask is the work that one message of the log asks for. It is made once
// for each delivery and goes with the message until the message ends. Its methods
// are called by one goroutine at a time.
type EpisodeTask interface {
	// Done reports whether nothing is left to do. It is called when the message is
	// delivered and again before Run, because much may have changed while the message
	// waited. It must be quick and must not block.
	Done() bool
	// Run does the work. Its error decides what becomes of the message:
	//
	//	nil          done: acknowledged
	//	*Rejection   filed under REJECTED, then terminated
	//	*Retry       given to Run again later: kept here with its deadline extended, or
	//	             handed back with a delay, if many wait already
	//	other        handed back: delivered again, to any worker, after a second
	//
	// ctx ends when the time to drain is over.
	Run(ctx context.Context, a Attempt) error
}

// An Attempt describes one try to a task.
type Attempt struct {
	Deliveries uint64 // how often the message was delivered, this time included
	// Died counts the readers of earlier tries that died, see FatalTries. Below
	// FatalTries some of them may only be slow.
	Died int
	// State is that of the Retry with which the last try in this process ended; nil at
	// the first try, or if the last one was long ago.
	State any
	// Await calls a function that waits for another program and needs no processor. If
	// it takes long, other messages are handled meanwhile. Only Run may call it.
	Await func(func() error) error
}

// Retry asks for another try.
type Retry struct {
	After time.Duration
	Err   error // the reason
	State any   // for the next try in this process; it is kept, so it must be small
}

func (r *Retry) Error() string { return fmt.Sprintf("again in %s: %v", r.After, r.Err) }
func (r *Retry) Unwrap() error { return r.Err }

// EpisodeOptions tune ConsumeEpisodes.
type EpisodeOptions struct {
	Concurrency int           // tasks that run at the same time; at least 1
	DrainTime   time.Duration // how long they may go on after ctx ends
	// Rejected may be set. It is called for each message that was filed under
	// REJECTED, with what could be read of the message; Redelivered for each that was
	// delivered before. Both must be quick and safe for concurrent use.
	Rejected    func(Notice, *Rejection)
	Redelivered func()
}

// handBackDelay keeps a message that fails at once from being delivered again and
// again without a pause.
const handBackDelay = time.Second

// ConsumeEpisodes handles the messages of a generation's align consumer until ctx
// ends, and returns nil then. Any other error is the reason why it can't go on. When
// it returns, every message in hand has ended or was handed back.
//
// prepare makes the task of a message; nil if nothing needs to be done. Its error
// is treated as one of EpisodeTask.Run. Like Done, it must be quick and not block.
func (b *Bus) ConsumeEpisodes(ctx context.Context, gen fit.Generation, opt EpisodeOptions, prepare func(Notice) (EpisodeTask, error)) error {
	concurrency := max(1, opt.Concurrency)
	c := &episodeConsumer{bus: b, gen: gen, opt: opt, prepare: prepare, handedBack: newHandedBack()}
	return client.RunInbox(ctx, b.Client, client.InboxConfig[*episode]{
		Stream: EpisodesStream, Consumer: AlignConsumer(gen),
		Handlers: concurrency, MaxAwait: alignAwait, Drain: opt.DrainTime,
		Room: min(alignAhead*concurrency, alignFetch), MaxFetch: alignFetch, QueueSize: 2 * alignFetch, FullDelay: c.fullDelay,
		MaxKept: alignKept,
		Receive: c.receive, Handle: c.handle, Redelivered: opt.Redelivered, BeforeHandBack: c.beforeHandBack,
	}, func(in *client.Inbox[*episode]) { c.inbox = in })
}

// An episode is a message of the log in hand.
type episode struct {
	notice Notice
	task   EpisodeTask
	err    error // why there is no task
	marks  marks
	state  any // of the last Retry
	// alive means that no reader of earlier deliveries can have died.
	alive bool
}

// episodeConsumer is one running ConsumeEpisodes.
type episodeConsumer struct {
	bus        *Bus
	gen        fit.Generation
	opt        EpisodeOptions
	prepare    func(Notice) (EpisodeTask, error)
	inbox      *client.Inbox[*episode]
	handedBack *handedBack
	alone      sync.RWMutex // held for writing while an episode is read alone
}

// receive parses a message and reports whether there is work to do.
func (c *episodeConsumer) receive(d *client.Delivery[*episode]) bool {
	before := c.handedBack.take(d.Seq)
	e := &episode{marks: marks{bus: c.bus, gen: c.gen, seq: d.Seq}, state: before.state}
	e.alive = d.Count == 1 || before.alive && d.Count == before.deliveries+1
	d.Value, d.Again = e, before.state != nil
	e.notice, e.err = parseNotice(d.Msg.Subject(), d.Msg.Data())
	e.notice.Seq = d.Seq
	if e.err != nil {
		e.err = &Rejection{Reason: fit.ReasonMalformed, Detail: e.err.Error()}
		return true // a rejection needs the network, so it is left to a handler
	}
	e.err = withoutPanic(func() (err error) {
		e.task, err = c.prepare(e.notice)
		return err
	})
	return e.err != nil || e.task != nil
}

var (
	// errStopping ends the handling of a message that is to be handed back unread.
	errStopping = errors.New("stopping")
	// errPanic matches errors that were panics.
	errPanic = errors.New("panic")
)

// withoutPanic calls f and returns a panic as an error.
func withoutPanic(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	return f()
}

// handle gives one message to its task and ends it.
func (c *episodeConsumer) handle(ctx context.Context, d *client.Delivery[*episode]) {
	c.end(ctx, d, withoutPanic(func() error { return c.run(ctx, d) }))
}

// run runs the task once. A message whose earlier readers may have died is marked first,
// and read alone if it has marks of others.
func (c *episodeConsumer) run(ctx context.Context, d *client.Delivery[*episode]) error {
	e := d.Value
	switch {
	case c.inbox.Stopping():
		return errStopping
	case e.err != nil:
		return e.err
	case e.task.Done():
		return nil
	}
	died := 0
	if !e.alive {
		var err error
		if died, err = e.marks.count(ctx); err != nil {
			return err
		}
	}
	lock, unlock := c.alone.RLock, c.alone.RUnlock
	if died >= marksUntilAlone {
		lock, unlock = c.alone.Lock, c.alone.Unlock
	}
	// Leave the handler to others meanwhile: those that have the lock and Await something
	// need one to go on.
	_ = c.inbox.Await(d, func() error { lock(); return nil })
	defer unlock()
	// Mark only once we hold the lock; otherwise a neighbour's crash counts against
	// this episode.
	if !e.alive {
		if err := e.marks.place(ctx); err != nil {
			return err
		}
	}
	await := func(f func() error) error { return c.inbox.Await(d, f) }
	return e.task.Run(ctx, Attempt{Deliveries: d.Count, Died: e.marks.died, State: e.state, Await: await})
}

// end ends or keeps a message, as the error of its task says (see EpisodeTask).
func (c *episodeConsumer) end(ctx context.Context, d *client.Delivery[*episode], err error) {
	e := d.Value
	var retry *Retry
	var rejection *Rejection
	switch {
	case err == nil:
		e.marks.removeAll()
		c.inbox.Ack(d)
	case errors.As(err, &retry):
		e.state = retry.State
		e.marks.removeOurs() // no reader dies while the episode waits
		c.keep(d, retry.After)
	case errors.Is(err, errReadersMayBeSlow):
		c.keep(d, c.inbox.AckWait())
	case errors.As(err, &rejection):
		c.reject(ctx, d, rejection)
	case c.inbox.Stopping():
		c.inbox.HandBack(d, 0)
	default:
		c.bus.Log().Warn("handle an episode", logkey.Seq, d.Seq, logkey.Host, e.notice.Host, logkey.Episode, e.notice.Episode, logkey.Err, err)
		if errors.Is(err, errPanic) {
			e.marks.keepOurs() // without recover the process would have died
		}
		c.inbox.HandBack(d, handBackDelay)
	}
}

// keep keeps a message for another try, or hands it back until then.
func (c *episodeConsumer) keep(d *client.Delivery[*episode], after time.Duration) {
	switch {
	case c.inbox.KeepFor(d, after):
	case c.inbox.Stopping():
		c.inbox.HandBack(d, 0)
	default:
		c.inbox.HandBack(d, max(after, c.fullDelay()))
	}
}

// fullDelay is how long a message is handed back for which there is no room. The more
// there are, the longer: at most a thousand a second come again.
func (c *episodeConsumer) fullDelay() time.Duration {
	return handBackDelay + time.Duration(c.handedBack.len())*time.Millisecond
}

func (c *episodeConsumer) beforeHandBack(d *client.Delivery[*episode]) {
	e := d.Value
	e.marks.removeOurs()
	if e.state != nil {
		c.handedBack.put(d.Seq, handedBackItem{state: e.state, deliveries: d.Count, alive: e.alive})
	}
}

// reject files a copy under REJECTED and then ends the message.
func (c *episodeConsumer) reject(ctx context.Context, d *client.Delivery[*episode], r *Rejection) {
	if err := c.bus.reject(ctx, d.Msg, d.Seq, d.StoredAt, r); err != nil {
		c.bus.Log().Warn("reject", logkey.Seq, d.Seq, logkey.Err, err)
		c.inbox.HandBack(d, handBackDelay)
		return
	}
	if c.opt.Rejected != nil {
		c.opt.Rejected(d.Value.notice, r)
	}
	d.Value.marks.removeAll()
	c.inbox.Term(d)
}
