package emit

import (
	"context"
	"errors"
	"time"

	"github.com/cis490/profiles/internal/wait"
)

// FollowPause is how often [Emitter.Follow] should check the file.
const FollowPause = time.Second

// restFactor bounds the cost of following. After a reconciliation Follow rests for
// this many times as long as it took. So a large log and a file that changes all
// the time take at most a tenth of one core and of one connection.
const restFactor = 9

// heldPauses is after how many pauses Follow tries again while a list is held whose file
// does not change: somebody may have brought the log in line with the list.
const heldPauses = 10

// Follow reconciles at once, and again each time the file at path has changed,
// until ctx ends; then it returns nil. It checks the file each pause. Of the log it
// reads only the messages that are new since the last time.
//
// After every reconciliation it calls each with the result. If each returns an
// error Follow ends with that error. To try again after a failed reconciliation,
// such as while the file is being replaced, NATS is away, or the list is held
// ([HeldError]), each returns nil.
func (e *Emitter) Follow(ctx context.Context, path string, pause time.Duration, each func(Summary, error) error) error {
	f := follower{Emitter: e, each: each, pause: pause, next: time.Now()}
	e.following = true
	defer e.log.forget()
	for {
		rest := time.Duration(0)
		if now := look(path); f.isDue(now) {
			began := time.Now()
			err := f.reconcile(ctx, now)
			if err != nil || ctx.Err() != nil {
				return err
			}
			rest = restFactor * time.Since(began)
		}
		if wait.For(ctx, max(pause, rest)) != nil {
			return nil
		}
	}
}

// A follower remembers the file as it was read last, and when to read it again.
type follower struct {
	*Emitter
	each  func(Summary, error) error
	pause time.Duration

	last   fileState // taken before the file was read, so a change since then is noticed
	agreed bool      // the log agreed with the file as it was then
	next   time.Time // when to reconcile though the file did not change; zero: never
}

// isDue reports whether to reconcile: the file changed, or the time has come.
func (f *follower) isDue(now fileState) bool {
	return !now.sameAs(f.last) || !f.next.IsZero() && !time.Now().Before(f.next)
}

// reconcile reconciles with the file, whose state is now, and decides when to do so again. It
// returns the error of each. A second look at a file that did not change calls each only if it
// found something.
func (f *follower) reconcile(ctx context.Context, now fileState) error {
	again := f.agreed && now.sameAs(f.last)
	s, err := f.Reconcile(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if !again || err != nil || s.Changed() {
		if err := f.each(s, err); err != nil {
			return err
		}
	}
	var held *HeldError
	f.last, f.agreed, f.next = now, err == nil, time.Time{}
	switch {
	case errors.As(err, &held):
		f.next = time.Now().Add(heldPauses * f.pause)
	case err != nil:
		f.next = time.Now()
	case !again && now.young():
		f.next = time.Now().Add(coarsest)
	}
	return nil
}
