package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
)

// An EpisodeHandler does the work of the align loop. What its methods return
// decides what becomes of the message, and only this package acknowledges:
//
//	nil               done: acknowledged
//	*Rejection        filed under REJECTED, then terminated
//	*Later            kept (in progress) and handed to Handle again after the wait
//	anything else     handed back, to be delivered again after a second
type EpisodeHandler interface {
	// Glance is called for each message as it is delivered, and again before
	// Handle, since much may have changed while it waited. It reports whether that
	// was all, must not block, and must be quick: the first time it runs in the
	// client's callback.
	Glance(n Notice) (done bool, err error)
	// Handle is called for the others by Concurrency goroutines. ctx ends when
	// the time to drain is over.
	Handle(ctx context.Context, n Notice) error
}

// Later keeps a message for another try.
type Later struct {
	After time.Duration
	Err   error // why
	Count int   // how many tries in a row ended so; the handler's to count
}

func (l *Later) Error() string { return fmt.Sprintf("again in %s: %v", l.After, l.Err) }
func (l *Later) Unwrap() error { return l.Err }

// EpisodeOptions tune ConsumeEpisodes.
type EpisodeOptions struct {
	Concurrency int           // handlers at once; at least 1
	DrainTime   time.Duration // how long work in hand may go on after ctx ends
	// Rejected, where set, is called for each message that was filed under
	// REJECTED, and Redelivered for each that was delivered before. They must be
	// quick and safe for concurrent use.
	Rejected    func(fit.Reason)
	Redelivered func()
}

// marksUntilAlone is how many marks make an episode be read with nothing else
// beside it, so that its neighbours do not collect marks that are its own.
const marksUntilAlone = 2

// handBackDelay keeps a message that fails at once from spinning.
const handBackDelay = time.Second

// ConsumeEpisodes hands the messages of a generation's align consumer to h until
// ctx ends; it returns nil then. What is in hand is finished or handed back
// before it returns. Any other return says why consuming can't go on.
func (b *Bus) ConsumeEpisodes(ctx context.Context, gen fit.Generation, opt EpisodeOptions, h EpisodeHandler) error {
	cons, err := b.js.Consumer(ctx, EpisodesStream, AlignConsumer(gen))
	if err != nil {
		return fmt.Errorf("open consumer %s: %w", AlignConsumer(gen), err)
	}
	work, endWork := context.WithCancel(context.WithoutCancel(ctx))
	defer endWork()
	e := &episodes{
		bus: b, gen: gen, opt: opt, handler: h, work: work,
		queue:  make(chan *episodeMsg, alignPending),
		inHand: map[uint64]*episodeMsg{},
	}
	room := min(alignAhead*max(1, opt.Concurrency), alignPull)
	e.pull = newPull(ctx, cons, room, alignPull, e.receive, func() int { return len(e.queue) })
	var helpers sync.WaitGroup
	helpers.Go(func() { e.beat(work, e.sign) })
	for range max(1, opt.Concurrency) {
		e.handlers.Go(e.handle)
	}
	err = e.run()
	// What waits goes back at once, what is in work has DrainTime to end.
	drain := time.AfterFunc(opt.DrainTime, endWork)
	defer drain.Stop()
	e.close()
	for m := range e.queue {
		e.release(m)
		e.handBack(m, 0)
	}
	e.handlers.Wait()
	e.returns.Wait()
	endWork()
	helpers.Wait()
	return err
}

// An episodeMsg is a message in hand that a glance did not settle.
type episodeMsg struct {
	msg       jetstream.Msg
	notice    Notice
	malformed error       // why notice is empty
	mark      uint64      // the revision of attempts that has a mark of ours; zero: none has
	again     *time.Timer // set while it waits for another try
}

// episodes is one running ConsumeEpisodes.
type episodes struct {
	*pull
	bus     *Bus
	gen     fit.Generation
	opt     EpisodeOptions
	handler EpisodeHandler
	work    context.Context

	queue    chan *episodeMsg
	kept     atomic.Int64 // messages that wait for another try
	crowded  atomic.Bool  // see Notice.Crowded
	alone    sync.RWMutex // held for writing by an episode that is read alone
	handlers sync.WaitGroup
	returns  sync.WaitGroup // messages whose wait is over and that are not queued yet

	mu     sync.Mutex
	closed bool
	inHand map[uint64]*episodeMsg // by sequence
}

// receive is the client's callback: it settles what needs no work and queues
// the rest. It never blocks, or what is prefetched behind it would time out.
func (e *episodes) receive(msg jetstream.Msg) {
	if e.stopping() {
		_ = msg.Nak()
		return
	}
	meta, err := msg.Metadata()
	if err != nil {
		e.bus.log.Error("a message without JetStream metadata", "subject", msg.Subject(), "err", err)
		return
	}
	if meta.NumDelivered > 1 && e.opt.Redelivered != nil {
		e.opt.Redelivered()
	}
	if e.holds(meta.Sequence.Stream) {
		return // what becomes of the one in hand settles this one, too
	}
	m := &episodeMsg{msg: msg}
	m.notice, m.malformed = parseNotice(msg.Subject(), msg.Data())
	m.notice.Seq, m.notice.Deliveries = meta.Sequence.Stream, meta.NumDelivered
	if m.malformed == nil {
		if done, err := e.glance(m.notice); done && err == nil {
			_ = msg.Ack()
			return
		}
	}
	e.enqueue(m) // filing under REJECTED needs the network, too, so not here
}

// errStopping keeps a handler from beginning with what is to be handed back.
var errStopping = errors.New("stopping")

// glance is the handler's, with panics as errors.
func (e *episodes) glance(n Notice) (done bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			done, err = true, panicked(p)
		}
	}()
	return e.handler.Glance(n)
}

// errPanic is in every error that was a panic.
var errPanic = errors.New("panic")

func panicked(p any) error { return fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack()) }

func (e *episodes) enqueue(m *episodeMsg) {
	if !e.push(m) {
		e.handBack(m, 0)
	}
}

// push reports whether the queue took m. It is full only where the consumer may
// hand out more than this package ever asked for.
func (e *episodes) push(m *episodeMsg) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		delete(e.inHand, m.notice.Seq)
		return false
	}
	e.inHand[m.notice.Seq] = m
	select {
	case e.queue <- m:
		return true
	default:
		delete(e.inHand, m.notice.Seq)
		return false
	}
}

func (e *episodes) holds(seq uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.inHand[seq] != nil
}

// close ends the queue and hands back what waits for another try.
func (e *episodes) close() {
	var waiting []*episodeMsg
	e.mu.Lock()
	e.closed = true
	close(e.queue)
	for seq, m := range e.inHand {
		if m.again != nil && m.again.Stop() {
			e.returns.Done()
			delete(e.inHand, seq)
			waiting = append(waiting, m)
		}
	}
	e.mu.Unlock()
	for _, m := range waiting {
		e.handBack(m, 0)
	}
}

// handle is one of Concurrency handlers.
func (e *episodes) handle() {
	for m := range e.queue {
		e.take()
		e.settle(m, e.try(m))
	}
}

// try runs the handler once, under the rules for episodes that were tried before.
func (e *episodes) try(m *episodeMsg) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	if e.stopping() {
		return errStopping
	}
	if m.malformed != nil {
		return &Rejection{Reason: fit.ReasonMalformed, Detail: m.malformed.Error()}
	}
	if done, err := e.handler.Glance(m.notice); done {
		return err // much may have changed while it waited
	}
	marks, err := e.marks(m)
	if err != nil {
		return err
	}
	if marks >= marksUntilAlone {
		e.alone.Lock()
		defer e.alone.Unlock()
	} else {
		e.alone.RLock()
		defer e.alone.RUnlock()
	}
	// Not before its turn has come: where another kills us meanwhile, this one must
	// not count as having done so.
	if m.notice.Deliveries > 1 {
		if err := e.mark(m); err != nil {
			return err
		}
	}
	m.notice.Crowded = e.crowded.Load()
	return e.handler.Handle(e.work, m.notice)
}

// marks returns how many marks stand that are not ours.
func (e *episodes) marks(m *episodeMsg) (int, error) {
	if m.notice.Deliveries <= 1 || m.mark != 0 {
		return m.notice.Tries, nil
	}
	marks, _, err := e.bus.attempts(e.work, e.gen, m.notice.Seq)
	return marks, err
}

// errMayLive asks to wait: that many readers have died, or are slow.
var errMayLive = errors.New("its readers may live")

// mark leaves our mark. Where there are enough for the dead it looks again after
// a while: marks that have changed are of readers that live.
func (e *episodes) mark(m *episodeMsg) (err error) {
	if m.mark != 0 && m.notice.Tries >= FatalTries {
		marks, rev, err := e.bus.attempts(e.work, e.gen, m.notice.Seq)
		if err != nil || rev == m.mark {
			return err
		}
		m.notice.Tries, m.mark = marks-1, rev // without our own
		if marks == 0 {
			m.mark = 0 // somebody has cleared them all
		}
	}
	if m.mark == 0 {
		if m.notice.Tries, m.mark, err = e.bus.markAttempt(e.work, e.gen, m.notice.Seq); err != nil {
			return err
		}
	}
	if m.notice.Tries >= FatalTries {
		return errMayLive
	}
	return nil
}

// settle does with the message what the handler's answer asks for.
func (e *episodes) settle(m *episodeMsg, err error) {
	var later *Later
	switch {
	case errors.As(err, &later):
		m.notice.Again = later
		e.unmark(m) // nobody dies of waiting
		if e.keep(m, later.After) {
			return
		}
	case errors.Is(err, errMayLive) && e.keep(m, e.ackWait):
		return
	}
	e.release(m)
	var rejection *Rejection
	switch {
	case err == nil:
		e.clear(m)
		_ = m.msg.Ack()
	case errors.As(err, &rejection):
		if ferr := e.bus.reject(e.work, m.msg, m.notice.Seq, rejection); ferr != nil {
			e.bus.log.Warn("reject", "seq", m.notice.Seq, "err", ferr)
			e.handBack(m, handBackDelay)
			return
		}
		if e.opt.Rejected != nil {
			e.opt.Rejected(rejection.Reason)
		}
		e.clear(m)
		_ = m.msg.Term()
	case later != nil || errors.Is(err, errMayLive) || e.stopping():
		e.handBack(m, 0)
	default:
		e.bus.log.Warn("handle an episode", "seq", m.notice.Seq, "host", m.notice.Host, "episode", m.notice.Episode, "err", err)
		if errors.Is(err, errPanic) {
			m.mark = 0 // it stays: but for us, this one would have died
		}
		e.handBack(m, handBackDelay)
	}
}

// keep queues m again after a while; false where there is no more waiting.
func (e *episodes) keep(m *episodeMsg, after time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.stopping() {
		return false
	}
	e.returns.Add(1)
	e.kept.Add(1)
	m.again = time.AfterFunc(after, func() {
		defer e.returns.Done()
		if e.kept.Add(-1) == 0 {
			e.crowded.Store(false)
		}
		e.enqueue(m)
	})
	return true
}

func (e *episodes) release(m *episodeMsg) {
	e.mu.Lock()
	delete(e.inHand, m.notice.Seq)
	e.mu.Unlock()
}

// handBack gives the message to whoever asks next.
func (e *episodes) handBack(m *episodeMsg, delay time.Duration) {
	e.unmark(m)
	_ = m.msg.NakWithDelay(delay)
}

// unmark removes our mark and leaves those of others. Where it can't, they count
// us among the dead.
func (e *episodes) unmark(m *episodeMsg) { e.withdraw(m, e.bus.unmarkAttempt) }

// clear removes all marks of a message that is settled.
func (e *episodes) clear(m *episodeMsg) {
	e.withdraw(m, func(ctx context.Context, gen fit.Generation, seq uint64) error {
		return e.bus.clearAttempts(ctx, gen, seq)
	})
}

// withdraw does nothing where no mark is of ours.
func (e *episodes) withdraw(m *episodeMsg, remove func(context.Context, fit.Generation, uint64) error) {
	if m.mark == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.work), requestTimeout)
	defer cancel()
	if err := remove(ctx, e.gen, m.notice.Seq); err != nil {
		e.bus.log.Warn("withdraw a mark", "seq", m.notice.Seq, "err", err)
		return
	}
	m.mark = 0
}

// sign tells the server that everything in hand is in work, what waits for its
// turn or for another try, too.
func (e *episodes) sign() {
	e.mu.Lock()
	for _, m := range e.inHand {
		_ = m.msg.InProgress()
	}
	e.mu.Unlock()
	e.crowded.Store(e.crowds())
}

// crowds tells whether half of the places that all workers share are taken, and a
// quarter by messages that wait for another try: as many in each worker that waits
// for messages, which a pull of its own tells, as here. They are most of what is in
// hand here, or this worker is just busy.
func (e *episodes) crowds() bool {
	e.mu.Lock()
	held := len(e.inHand)
	e.mu.Unlock()
	kept := int(e.kept.Load())
	if kept == 0 || 2*kept < held {
		return false
	}
	ctx, cancel := context.WithTimeout(e.work, min(e.ackWait/6, requestTimeout)) // signs of life wait for it
	defer cancel()
	info, err := e.cons.Info(ctx)
	if err != nil {
		return false
	}
	places := info.Config.MaxAckPending
	return places > 0 && info.NumAckPending >= places/2 && kept*max(1, info.NumWaiting) >= places/4
}
