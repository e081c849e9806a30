package emit

import (
	"context"
	"os"
	"time"

	"github.com/cis490/profiles/internal/wait"
)

// FollowPause is how often [Emitter.Follow] should check the file.
const FollowPause = time.Second

// restFactor bounds the cost of following. After a reconciliation Follow rests for
// this many times as long as it took. So a large log and a file that changes all
// the time take at most a tenth of one core and of one connection.
const restFactor = 9

// Follow reconciles at once, and again each time the file at path has changed,
// until ctx ends; then it returns nil. It checks the file each pause.
//
// After every reconciliation it calls each with the result. If each returns an
// error Follow ends with that error. To try again after a failed reconciliation,
// such as while the file is being replaced or NATS is away, each returns nil.
func (e *Emitter) Follow(ctx context.Context, path string, pause time.Duration, each func(Summary, error) error) error {
	var last os.FileInfo
	for reconciled := false; ; {
		rest := time.Duration(0)
		now := stat(path)
		if !reconciled || !unchanged(now, last) {
			began := time.Now()
			s, err := e.Reconcile(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err := each(s, err); err != nil {
				return err
			}
			reconciled = err == nil
			last = now // taken before the file was read, so a change since then is noticed
			rest = restFactor * time.Since(began)
		}
		if wait.For(ctx, max(pause, rest)) != nil {
			return nil
		}
	}
}

// stat returns nil if there is no such file.
func stat(path string) os.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

// unchanged reports whether two states are of one file that did not change. If
// another file took its place it has changed, even if size and time are the same.
func unchanged(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
