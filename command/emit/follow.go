package emit

import (
	"context"
	"os"
	"time"
)

// FollowPause is how often a followed file is looked at.
const FollowPause = time.Second

// restFactor bounds what following costs: after a reconciliation there is a rest
// of that many times as long as it took, so that a large log and a file that
// never stands still take a tenth of one core and of one connection at most.
const restFactor = 9

// Follow reconciles, and again whenever the file at path has changed, until ctx
// ends; it returns nil then. each is told of every reconciliation, and decides
// by its answer whether to go on after an error: a file that is just being
// replaced, or a bus that is away, pass.
func (e *Emitter) Follow(ctx context.Context, path string, pause time.Duration, each func(Summary, error) error) error {
	var have look
	var rest time.Duration
	for known := false; ; {
		now := lookAt(path)
		if !known || !now.same(have) {
			began := time.Now()
			s, err := e.Reconcile(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err := each(s, err); err != nil {
				return err
			}
			if known = err == nil; known {
				have = now // as it was before it was read: a change since then shows
			}
			rest = restFactor * time.Since(began)
		}
		select {
		case <-time.After(max(pause, rest)):
		case <-ctx.Done():
			return nil
		}
		rest = 0
	}
}

// A look is what tells one state of a file from another without reading it.
type look struct{ info os.FileInfo } // nil: there is no file

func lookAt(path string) look {
	info, err := os.Stat(path)
	if err != nil {
		return look{}
	}
	return look{info}
}

// same tells whether it is the same file, unchanged. One that was put in its
// place is another, whatever its size and time.
func (l look) same(m look) bool {
	if l.info == nil || m.info == nil {
		return l.info == nil && m.info == nil
	}
	return os.SameFile(l.info, m.info) && l.info.Size() == m.info.Size() && l.info.ModTime().Equal(m.info.ModTime())
}
