package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/wait"
)

// A watch is one watcher of the NATS library and the state computed from its
// entries. When a view takes over from it, the view keeps the state from then on.
type watch[S any] struct {
	keys  jetstream.KeyWatcher
	end   context.CancelFunc
	state S
	seq   uint64
}

// watch starts a watcher and reads its first snapshot to the end.
func (v *View[S]) watch(ctx context.Context) (*watch[S], error) {
	kv, err := v.client.OpenBucket(ctx, v.bucket)
	if err != nil {
		return nil, err
	}
	ctx, done := v.client.WatchDenials(ctx, v.client.APISubject("CONSUMER.CREATE."+BucketStream(v.bucket)+".>"))
	defer done()
	// A watcher ends with the context that it was started with. This one must live on
	// after the caller's: stop ends it.
	following, end := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, end)()
	keys, err := kv.Watch(following, v.filter)
	if err != nil {
		end()
		return nil, fmt.Errorf("watch %s in bucket %s: %w", v.filter, v.bucket, OrDenied(ctx, err))
	}
	w := &watch[S]{keys: keys, end: end, state: v.fold.New()}
	if err := v.readSnapshot(ctx, w); err != nil {
		w.stop()
		return nil, fmt.Errorf("watch bucket %s: %w", v.bucket, err)
	}
	return w, nil
}

// readSnapshot applies entries until the first snapshot is complete.
//
// The NATS library sends nil after as many entries as there were keys. Where a new
// key was put in the meantime, one of the old keys is still to come then: one that
// was put again.
func (v *View[S]) readSnapshot(ctx context.Context, w *watch[S]) error {
	stalled := time.NewTimer(v.stallLimit)
	defer stalled.Stop()
	counted, more := false, false
	for !counted || more {
		select {
		case <-stalled.C: // the stream was deleted, and the entries that the library waits for with it
			return fmt.Errorf("no entry of the first snapshot came for %s", v.stallLimit)
		case e, ok := <-w.keys.Updates():
			switch {
			case !ok:
				return fmt.Errorf("the watcher ended")
			case e == nil:
				counted = true
			default:
				v.apply(w, e)
				more = e.Delta() > 0
				stalled.Reset(v.stallLimit)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (v *View[S]) apply(w *watch[S], e jetstream.KeyValueEntry) {
	v.fold.Apply(w.state, e)
	w.seq = max(w.seq, e.Revision())
}

// stop ends the watcher. Its last updates must be received, or it would never end.
func (w *watch[S]) stop() {
	_ = w.keys.Stop()
	w.end()
	go func() {
		for range w.keys.Updates() {
		}
	}()
}

// Run keeps the view up to date until ctx ends. Call it once.
func (v *View[S]) Run(ctx context.Context) error {
	f := &follower[S]{view: v, ctx: ctx, current: v.first, updates: v.first.keys.Updates(), started: make(chan *watch[S], 1)}
	v.first = nil
	reconnects, end := v.client.Reconnects()
	defer end()
	f.renewal = time.NewTimer(v.renewEvery)
	defer f.renewal.Stop()
	for {
		select {
		case e, ok := <-f.updates:
			f.update(e, ok)
		case fresh := <-f.started:
			f.starting = false
			if fresh != nil { // else ctx has ended
				f.second, f.secondUpdates = fresh, fresh.keys.Updates()
				f.takeOver()
			}
		case e, ok := <-f.secondUpdates:
			f.updateSecond(e, ok)
		case <-f.renewal.C:
			f.dropSecond() // it has not caught up in all this time
			f.renewal.Reset(v.renewEvery)
			f.startSecond(0)
		case <-reconnects:
			f.startSecond(0)
		case <-v.stalled:
			f.startSecond(0)
		case <-ctx.Done():
			f.stop()
			return context.Cause(ctx)
		}
	}
}

// A follower is what Run works with: the watch that the view's state comes from,
// and the second one that is to take over.
type follower[S any] struct {
	view    *View[S]
	ctx     context.Context
	current *watch[S]
	updates <-chan jetstream.KeyValueEntry // of current; nil once it has ended

	second        *watch[S] // its snapshot is complete, but it may be behind the view
	secondUpdates <-chan jetstream.KeyValueEntry
	starting      bool           // another watch is being started
	started       chan *watch[S] // gives that watch; nil where ctx ended first
	background    sync.WaitGroup // goroutines that start and stop watches
	renewal       *time.Timer
}

func (f *follower[S]) update(e jetstream.KeyValueEntry, ok bool) {
	v := f.view
	switch {
	case !ok:
		f.updates = nil // the state stands still until a second watch takes over
		v.client.log.Warn("a watch ended, watching again", logkey.Bucket, v.bucket)
		f.startSecond(100 * time.Millisecond)
	case e != nil:
		v.mu.Lock()
		v.fold.Apply(v.state, e)
		v.advance(e.Revision())
		v.mu.Unlock()
	}
}

func (f *follower[S]) updateSecond(e jetstream.KeyValueEntry, ok bool) {
	switch {
	case !ok:
		f.dropSecond()
		f.startSecond(time.Second)
	case e != nil:
		f.view.apply(f.second, e)
		f.takeOver()
	}
}

// startSecond starts a second watch, unless there is one or it is being started.
func (f *follower[S]) startSecond(delay time.Duration) {
	if f.starting || f.second != nil && f.updates != nil {
		return
	}
	f.dropSecond()
	f.starting = true
	f.background.Go(func() { f.started <- f.view.watchAgain(f.ctx, delay) })
}

// takeOver makes the second watch the current one, if it has seen as much as the
// view. Where it was served by a server that lags it has not.
func (f *follower[S]) takeOver() {
	v := f.view
	v.mu.Lock()
	if f.second.seq < v.seq {
		v.mu.Unlock()
		return
	}
	if v.fold.Replaced != nil {
		v.fold.Replaced(v.state, f.second.state, f.second.seq)
	}
	v.state = f.second.state
	v.advance(f.second.seq)
	v.mu.Unlock()
	f.background.Go(f.current.stop) // asks the server, which may take seconds
	f.current, f.updates = f.second, f.secondUpdates
	f.second, f.secondUpdates = nil, nil
	f.renewal.Reset(v.renewEvery)
}

func (f *follower[S]) dropSecond() {
	if f.second != nil {
		f.second.stop()
		f.second, f.secondUpdates = nil, nil
	}
}

// stop ends every watch, also one that is being started.
func (f *follower[S]) stop() {
	f.background.Wait()
	if f.starting {
		if fresh := <-f.started; fresh != nil {
			fresh.stop()
		}
	}
	f.dropSecond()
	f.current.stop()
}

// watchAgain starts a watch, trying until ctx ends; nil then.
func (v *View[S]) watchAgain(ctx context.Context, delay time.Duration) *watch[S] {
	pause := wait.Backoff{Min: max(2*delay, 250*time.Millisecond), Max: 10 * time.Second}
	for ended := wait.For(ctx, delay); ended == nil; ended = pause.Wait(ctx) {
		w, err := v.watch(ctx)
		if err == nil {
			v.client.failing.Works("watch of " + v.bucket)
			return w
		}
		if ctx.Err() == nil {
			v.client.WarnOnce("watch of "+v.bucket, err)
		}
	}
	return nil
}
