package emit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/store"
)

// Uploads copies the archive of each accepted episode into a store before the
// accept is published, so that a worker never looks for what is still to come.
// However often its emitter reconciles, one Uploads looks once at each episode
// that stays accepted, and again at one that is accepted anew.
type Uploads struct {
	From episode.Store // its archives can seek: a directory's can
	To   store.Uploader
	// Progress, where set, is called after each archive, one call at a time, with
	// how many of how many episodes were looked at.
	Progress func(done, total int)

	mu    sync.Mutex
	seen  map[episode.Ref]struct{} // that are stored, and need not be looked at while they stay accepted
	done  int
	total int
}

const (
	uploadsAtOnce = 8
	uploadBatch   = 256 // accepts that are published after their archives
)

// An UploadSummary says what became of the archives.
type UploadSummary struct {
	Uploaded int `json:"uploaded"` // were sent
	Stored   int `json:"stored"`   // were there already, the same
	Without  int `json:"without"`  // accepted episodes that the source has no archive of
}

// begin gets ready for another reconciliation of so many episodes.
func (u *Uploads) begin(total int) {
	if u.seen == nil {
		u.seen = map[episode.Ref]struct{}{}
	}
	u.done, u.total = 0, total
}

// before yields notices when the archives of those that accept are stored. An
// error ends the sequence early.
func (u *Uploads) before(ctx context.Context, notices iter.Seq[bus.Notice], s *UploadSummary, failed *error) iter.Seq[bus.Notice] {
	return func(yield func(bus.Notice) bool) {
		var batch []bus.Notice
		var claims []claim
		flush := func() bool {
			if *failed = u.all(ctx, claims, false, s); *failed != nil {
				return false
			}
			for _, n := range batch {
				if !yield(n) {
					return false
				}
			}
			batch, claims = batch[:0], claims[:0]
			return true
		}
		for n := range notices {
			if n.Retracted {
				if !yield(n) {
					return
				}
				continue
			}
			batch, claims = append(batch, n), append(claims, claimOf(n))
			if len(batch) == uploadBatch && !flush() {
				return
			}
		}
		flush()
	}
}

// all uploads the archives of claims, a few at once; of those that stay accepted
// only what was not seen before.
func (u *Uploads) all(ctx context.Context, claims []claim, stay bool, s *UploadSummary) error {
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(uploadsAtOnce)
	for _, c := range claims {
		if group.Err() != nil {
			break
		}
		ref, err := episode.ParseRef(c.host, c.episode)
		if err != nil {
			continue // a roster has none of these
		}
		g.Go(func() error { return u.one(group, ref, stay, s) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func (u *Uploads) one(ctx context.Context, ref episode.Ref, stays bool, s *UploadSummary) error {
	u.mu.Lock()
	_, seen := u.seen[ref]
	u.mu.Unlock()
	count := &s.Stored
	if !seen || !stays {
		sent, err := u.copy(ctx, ref)
		switch {
		case errors.Is(err, episode.ErrNotFound):
			count = &s.Without
		case err != nil:
			return fmt.Errorf("upload %s: %w", ref, err)
		case sent:
			count = &s.Uploaded
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if count != &s.Without { // which may come yet
		u.seen[ref] = struct{}{}
	}
	*count++
	u.done++
	if u.Progress != nil {
		u.Progress(u.done, u.total)
	}
	return nil
}

func (u *Uploads) copy(ctx context.Context, ref episode.Ref) (sent bool, err error) {
	archive, err := u.From.Open(ctx, ref)
	if err != nil {
		return false, err
	}
	defer archive.Close()
	r, ok := archive.(io.ReadSeeker)
	if !ok {
		return false, errors.New("the source is no directory")
	}
	return u.To.Put(ctx, ref, r)
}
