package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A view follows the keys of a bucket that match a filter and folds them into a
// state S. It belongs to one life of the bucket's stream.
//
// Reads may be served by a server that lags, so a view is only ever a past of
// the bucket; reached tells when it has seen a sequence that somebody was
// handed. A view is of use once its first snapshot is whole: the snapshot comes
// in sequence order and lacks, until then, keys that were put again.
//
// A watch may stop silently: the server that it was on has gone, and the client
// notices after 20 s. So a view watches anew and swaps after each reconnect, when
// it stands still though somebody waits for more, and from time to time. The swap
// never goes back: the new watch takes over when it has seen at least as much.
type view[S any] struct {
	bus    *Bus
	bucket string
	filter string
	fresh  func() S
	apply  func(S, jetstream.KeyValueEntry)
	// swapped, where set, is called when a fresh watch takes over, with the state so
	// far and its own, which is whole up to seq. mu is held.
	swapped func(before, fresh S, seq uint64)
	again   time.Duration
	still   time.Duration
	life    Life
	silent  chan struct{} // gets a value where the watch seems to have stopped

	mu    sync.RWMutex
	state S
	seq   uint64        // highest sequence folded into state
	known uint64        // highest sequence that anybody here was handed
	moved chan struct{} // closed and replaced whenever state changes
}

// rewatch is how often a view watches anew.
const rewatch = 5 * time.Minute

// standstill is how long a first snapshot may wait for its next entry. Whoever
// waits that long begins anew.
const standstill = 10 * time.Second

// newView waits for the first whole snapshot. run must be called after it, and
// goes on from the same watch.
func newView[S any](ctx context.Context, b *Bus, bucket, filter string, fresh func() S, apply func(S, jetstream.KeyValueEntry)) (*view[S], *watch[S], error) {
	v := &view[S]{bus: b, bucket: bucket, filter: filter, fresh: fresh, apply: apply, again: rewatch, still: standstill,
		silent: make(chan struct{}, 1), moved: make(chan struct{})}
	var err error
	if v.life, _, err = b.life(ctx, bucketStream(bucket)); err != nil {
		return nil, nil, err
	}
	w, err := v.watch(ctx)
	if err != nil {
		return nil, nil, err
	}
	// The snapshot is of this life only where the stream is still the same after it.
	if err := b.checkLife(ctx, bucketStream(bucket), v.life, w.seq); err != nil {
		w.stop()
		return nil, nil, err
	}
	v.state, v.seq = w.state, w.seq
	return v, w, nil
}

// A watch is one watcher and the state folded from it, up to where it took over.
type watch[S any] struct {
	keys  jetstream.KeyWatcher
	end   context.CancelFunc
	state S
	seq   uint64
}

// watch starts a watcher and reads its first snapshot to the end.
func (v *view[S]) watch(ctx context.Context) (*watch[S], error) {
	kv, err := v.bus.openBucket(ctx, v.bucket)
	if err != nil {
		return nil, err
	}
	ctx, done := v.bus.heed(ctx, apiSubject("CONSUMER.CREATE."+bucketStream(v.bucket)+".>"))
	defer done()
	// A watcher ends with the context that it was started with; this one ends
	// with stop, so that a view outlives whatever opened it.
	following, end := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, end)()
	keys, err := kv.Watch(following, v.filter)
	if err != nil {
		end()
		return nil, fmt.Errorf("watch %s in bucket %s: %w", v.filter, v.bucket, toldBy(ctx, err))
	}
	w := &watch[S]{keys: keys, end: end, state: v.fresh()}
	still := time.NewTimer(v.still)
	defer still.Stop()
	// The client counts as many entries as there were keys. Where a new key came
	// meanwhile, another is still to come then: one that was put again.
	counted, missing := false, false
	for {
		select {
		case <-still.C: // the stream was lost, and with it what the snapshot counts on
			w.stop()
			return nil, fmt.Errorf("watch bucket %s: nothing of the first snapshot came for %s", v.bucket, v.still)
		case e, ok := <-keys.Updates():
			if !ok {
				end()
				return nil, fmt.Errorf("watch bucket %s: the watcher ended", v.bucket)
			}
			if e == nil {
				counted = true
			} else {
				v.fold(w, e)
				missing = e.Delta() > 0
				still.Reset(v.still)
			}
			if counted && !missing {
				return w, nil
			}
		case <-ctx.Done():
			w.stop()
			return nil, context.Cause(ctx)
		}
	}
}

func (v *view[S]) fold(w *watch[S], e jetstream.KeyValueEntry) {
	v.apply(w.state, e)
	w.seq = max(w.seq, e.Revision())
}

// stop ends the watcher; its last updates are read off, or it would never end.
func (w *watch[S]) stop() {
	_ = w.keys.Stop()
	w.end()
	go func() {
		for range w.keys.Updates() {
		}
	}()
}

// run keeps the view up to date until ctx ends.
func (v *view[S]) run(ctx context.Context, w *watch[S]) error {
	r := &runner[S]{view: v, ctx: ctx, now: w, updates: w.keys.Updates(), made: make(chan *watch[S], 1)}
	reconnects, end := v.bus.Reconnects()
	defer end()
	r.timer = time.NewTimer(v.again)
	defer r.timer.Stop()
	for {
		select {
		case e, ok := <-r.updates:
			switch {
			case !ok:
				r.updates = nil // the state stands still until the next watch takes over
				v.bus.log.Warn("a watch ended, watching again", "bucket", v.bucket)
				r.renew(100 * time.Millisecond)
			case e != nil:
				v.mu.Lock()
				v.apply(v.state, e)
				v.advance(e.Revision())
				v.mu.Unlock()
			}
		case fresh := <-r.made:
			r.making = false
			if fresh != nil { // else ctx has ended
				r.next, r.nextUpdates = fresh, fresh.keys.Updates()
				r.takeOver()
			}
		case e, ok := <-r.nextUpdates:
			switch {
			case !ok:
				r.drop()
				r.renew(time.Second)
			case e != nil:
				v.fold(r.next, e)
				r.takeOver()
			}
		case <-r.timer.C:
			r.drop() // it should have caught up long ago
			r.timer.Reset(v.again)
			r.renew(0)
		case <-reconnects:
			r.renew(0)
		case <-v.silent:
			r.renew(0)
		case <-ctx.Done():
			r.end()
			return context.Cause(ctx)
		}
	}
}

// A runner is what run holds: the watch that the view is folded from, and the
// one that is to take over.
type runner[S any] struct {
	view    *view[S]
	ctx     context.Context
	now     *watch[S]
	updates <-chan jetstream.KeyValueEntry

	next        *watch[S] // whole, but perhaps behind what the view has seen
	nextUpdates <-chan jetstream.KeyValueEntry
	making      bool           // another is being made
	made        chan *watch[S] // where it comes from; nil: ctx ended first
	makers      sync.WaitGroup // and what stops watches that were replaced
	timer       *time.Timer    // until the view watches anew
}

// renew begins to watch anew, unless that is under way.
func (r *runner[S]) renew(delay time.Duration) {
	if r.making || r.next != nil && r.updates != nil {
		return
	}
	r.drop()
	r.making = true
	r.makers.Go(func() { r.made <- r.view.renew(r.ctx, delay) })
}

// takeOver swaps to the next watch once it has seen as much as the view: a server
// that lags must not take the view back.
func (r *runner[S]) takeOver() {
	v := r.view
	v.mu.Lock()
	if r.next.seq < v.seq {
		v.mu.Unlock()
		return
	}
	if v.swapped != nil {
		v.swapped(v.state, r.next.state, r.next.seq)
	}
	v.state = r.next.state
	v.advance(r.next.seq)
	v.mu.Unlock()
	r.makers.Go(r.now.stop) // which asks the server: that may take seconds
	r.now, r.updates = r.next, r.nextUpdates
	r.next, r.nextUpdates = nil, nil
	r.timer.Reset(v.again)
}

// drop gives up the next watch.
func (r *runner[S]) drop() {
	if r.next != nil {
		r.next.stop()
		r.next, r.nextUpdates = nil, nil
	}
}

// end stops every watch and waits for the one that is being made.
func (r *runner[S]) end() {
	r.makers.Wait()
	if r.making {
		if fresh := <-r.made; fresh != nil {
			fresh.stop()
		}
	}
	r.drop()
	r.now.stop()
}

// renew makes a new watch, trying until ctx ends; nil then.
func (v *view[S]) renew(ctx context.Context, delay time.Duration) *watch[S] {
	for {
		if pause(ctx, delay) != nil {
			return nil
		}
		w, err := v.watch(ctx)
		if err == nil {
			return w
		}
		if ctx.Err() == nil {
			v.bus.log.Warn("watch again", "bucket", v.bucket, "err", err)
		}
		delay = min(max(2*delay, 250*time.Millisecond), 10*time.Second)
	}
}

// advance notes that the state has changed. mu is held.
func (v *view[S]) advance(seq uint64) {
	v.seq = max(v.seq, seq)
	close(v.moved)
	v.moved = make(chan struct{})
}

// ErrLagging says that a view did not reach a sequence in time.
var ErrLagging = errors.New("the view lags behind the stream")

// silence is how long a view may stand still while it lacks something.
const silence = time.Second

// reached waits until the view has seen seq, for at most limit.
func (v *view[S]) reached(ctx context.Context, seq uint64, limit time.Duration) error {
	v.handed(seq)
	var late, silent <-chan time.Time
	stood := 0
	for {
		v.mu.RLock()
		have, moved := v.seq, v.moved
		v.mu.RUnlock()
		if have >= seq {
			return nil
		}
		if late == nil {
			t := time.NewTimer(limit)
			defer t.Stop()
			late = t.C
			tick := time.NewTicker(silence)
			defer tick.Stop()
			silent = tick.C
		}
		select {
		case <-moved:
			stood = 0
		case <-silent:
			if stood++; stood > 1 { // a whole tick without a move
				select {
				case v.silent <- struct{}{}:
				default:
				}
			}
		case <-late:
			return fmt.Errorf("view of bucket %s at %d, wanted %d: %w", v.bucket, have, seq, ErrLagging)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// handed notes a sequence that the stream has given out, though the view may not
// have got that far.
func (v *view[S]) handed(seq uint64) {
	v.mu.Lock()
	v.known = max(v.known, seq)
	v.mu.Unlock()
}

// check returns ErrNewLife where the bucket's stream is not the one seen, and
// ErrWentBack where it is but ends before what was seen.
func (v *view[S]) check(ctx context.Context) error {
	v.mu.RLock()
	seq := max(v.seq, v.known)
	v.mu.RUnlock()
	return v.bus.checkLife(ctx, bucketStream(v.bucket), v.life, seq)
}

// changed returns a channel that is closed at the next change.
func (v *view[S]) changed() <-chan struct{} {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.moved
}
