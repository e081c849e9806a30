package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A View follows the keys of a bucket that match a filter and keeps a state S that
// is computed from them. It is safe for concurrent use.
//
// A view belongs to one incarnation of the bucket's stream. It may lag behind the
// stream, because a server that lags may serve the watch. Reached waits until the
// view has seen a sequence that this process was given.
//
// A watch may also stop without an error: when the server that serves it is gone, the
// NATS library notices after 20 s. So a view starts a second watch after each
// reconnect, when its state stands still although a caller waits for more, and every 5
// minutes. The second watch takes over when it has seen at least as much as the first,
// so the state never goes back.
type View[S any] struct {
	client      *Client
	bucket      string
	filter      string
	fold        Fold[S]
	incarnation Incarnation
	renewEvery  time.Duration // how often a second watch is started
	stallLimit  time.Duration // how long a first snapshot may wait for its next entry
	stalled     chan struct{} // gets a value when the watch seems to have stopped
	first       *watch[S]     // until Run takes it

	mu      sync.RWMutex
	state   S
	seq     uint64        // the highest sequence that is in the state
	given   uint64        // the highest sequence that this process was given
	changed chan struct{} // closed and replaced whenever the state changes
}

// A Fold computes the state of a view from the entries of a bucket.
type Fold[S any] struct {
	New   func() S
	Apply func(S, jetstream.KeyValueEntry) // one entry, a delete marker included
	// Replaced, where set, is called when a second watch takes over, with the state
	// so far and its own, which has every entry up to seq. The view is locked.
	Replaced func(before, fresh S, seq uint64)
}

const (
	viewRenewEvery = 5 * time.Minute
	viewStallLimit = 10 * time.Second
)

// OpenView starts a view and returns when its first snapshot is complete. Before
// that it may lack keys: a snapshot comes in sequence order, so a key that is put
// again while it is read comes late. Run must follow.
func OpenView[S any](ctx context.Context, c *Client, bucket, filter string, fold Fold[S]) (*View[S], error) {
	v := &View[S]{client: c, bucket: bucket, filter: filter, fold: fold, renewEvery: viewRenewEvery, stallLimit: viewStallLimit,
		stalled: make(chan struct{}, 1), changed: make(chan struct{})}
	end, err := c.End(ctx, BucketStream(bucket))
	if err != nil {
		return nil, err
	}
	v.incarnation = end.Incarnation
	w, err := v.watch(ctx)
	if err != nil {
		return nil, err
	}
	// The snapshot is of this incarnation only if the stream is still the same after it.
	if err := c.CheckStream(ctx, BucketStream(bucket), AsOf{v.incarnation, w.seq}); err != nil {
		w.stop()
		return nil, err
	}
	v.first, v.state, v.seq = w, w.state, w.seq
	return v, nil
}

// ReadView returns a view of the present entries of a bucket. It does not follow the
// bucket and must not Run. It creates no consumer, so a user who only reads may
// call it.
func ReadView[S any](ctx context.Context, c *Client, bucket, filter string, fold Fold[S]) (*View[S], error) {
	v := FixedView(fold)
	v.client, v.bucket, v.filter = c, bucket, filter
	end, err := c.End(ctx, BucketStream(bucket))
	if err != nil {
		return nil, err
	}
	v.incarnation = end.Incarnation
	v.seq, err = c.ReadAll(ctx, BucketStream(bucket), KeySubject(bucket, filter), func(msg *jetstream.RawStreamMsg) error {
		fold.Apply(v.state, entry{bucket, msg})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, v.Check(ctx)
}

// FixedView returns a view that has the state of an empty bucket and follows no bucket.
func FixedView[S any](fold Fold[S]) *View[S] {
	return &View[S]{fold: fold, state: fold.New(), changed: make(chan struct{})}
}

// entry is a message of a bucket in the form that a watcher gives it.
type entry struct {
	bucket string
	msg    *jetstream.RawStreamMsg
}

func (e entry) Bucket() string     { return e.bucket }
func (e entry) Key() string        { return strings.TrimPrefix(e.msg.Subject, KeySubject(e.bucket, "")) }
func (e entry) Value() []byte      { return e.msg.Data }
func (e entry) Revision() uint64   { return e.msg.Sequence }
func (e entry) Created() time.Time { return e.msg.Time }
func (e entry) Delta() uint64      { return 0 }

func (e entry) Operation() jetstream.KeyValueOp {
	switch {
	case e.msg.Header.Get(headerOperation) == "PURGE":
		return jetstream.KeyValuePurge
	case isDelete(e.msg.Header):
		return jetstream.KeyValueDelete
	}
	return jetstream.KeyValuePut
}

// Read calls f with the state and the place in the stream that it shows. f must
// not change the state, keep it, or call the view.
func (v *View[S]) Read(f func(state S, at AsOf)) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f(v.state, AsOf{v.incarnation, v.seq})
}

// Modify is Read for an f that changes the state, for instance its caches.
func (v *View[S]) Modify(f func(state S, at AsOf)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f(v.state, AsOf{v.incarnation, v.seq})
}

// Changed returns a channel that is closed at the next change of the state.
func (v *View[S]) Changed() <-chan struct{} {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.changed
}

// advance notes that the state has changed. The view is locked.
func (v *View[S]) advance(seq uint64) {
	v.seq = max(v.seq, seq)
	close(v.changed)
	v.changed = make(chan struct{})
}

// ErrLagging means that a view did not reach a sequence in time.
var ErrLagging = errors.New("the view lags behind the stream")

// stallCheck is how long a view may stand still while a caller waits for it.
const stallCheck = time.Second

// Reached waits until the view has seen a sequence that the caller was given, for
// at most limit. It returns ErrLagging then.
func (v *View[S]) Reached(ctx context.Context, seq uint64, limit time.Duration) error {
	v.NoteGiven(seq)
	var late, check <-chan time.Time
	checks := 0 // since the last change
	for {
		v.mu.RLock()
		have, changed := v.seq, v.changed
		v.mu.RUnlock()
		if have >= seq {
			return nil
		}
		if late == nil {
			t := time.NewTimer(limit)
			defer t.Stop()
			late = t.C
			tick := time.NewTicker(stallCheck)
			defer tick.Stop()
			check = tick.C
		}
		select {
		case <-changed:
			checks = 0
		case <-check:
			if checks++; checks > 1 { // a whole stallCheck without a change
				select {
				case v.stalled <- struct{}{}:
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

// NoteGiven notes a sequence that this process was given by the stream. The view may not have seen it yet.
func (v *View[S]) NoteGiven(seq uint64) {
	v.mu.Lock()
	v.given = max(v.given, seq)
	v.mu.Unlock()
}

// Check returns ErrStreamReplaced where the bucket's stream is not the one that
// the view follows, and ErrStreamTruncated where it ends before what was seen or
// given.
func (v *View[S]) Check(ctx context.Context) error {
	v.mu.RLock()
	seen := AsOf{v.incarnation, max(v.seq, v.given)}
	v.mu.RUnlock()
	return v.client.CheckStream(ctx, BucketStream(v.bucket), seen)
}
