package emit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/store"
)

// Uploads copies the archive of each accepted episode into a store before its
// accept is published, so that a worker finds the archive there. It remembers the
// episodes that it has stored: an emitter that reconciles again looks only at new
// ones, and at those that are accepted anew after a retraction.
type Uploads struct {
	From episode.Store // its archives must be io.ReadSeekers, as those of a directory are
	To   store.Uploader
	// Progress, if set, is called after each episode, one call at a time.
	Progress func(done, total int)

	mu    sync.Mutex
	seen  map[episode.Ref]struct{} // stored
	done  int
	total int
}

const (
	uploadsAtOnce = 8
	uploadBatch   = 256 // accepts that are published together, after their archives are stored
)

// An UploadSummary counts archives.
type UploadSummary struct {
	Uploaded int `json:"uploaded"` // copied
	Stored   int `json:"stored"`   // were there already, with the same bytes
	Without  int `json:"without"`  // accepted episodes that have no archive in the source
}

// begin prepares a reconciliation of that many episodes.
func (u *Uploads) begin(total int) {
	if u.seen == nil {
		u.seen = map[episode.Ref]struct{}{}
	}
	u.done, u.total = 0, total
}

// upload copies the archives of episodes, a few at once. Without again it skips
// those that it has stored before.
func (u *Uploads) upload(ctx context.Context, episodes []assignment, again bool, s *UploadSummary) error {
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(uploadsAtOnce)
	for _, a := range episodes {
		if group.Err() != nil {
			break
		}
		ref, err := episode.ParseRef(a.host, a.episode)
		if err != nil {
			continue // cannot happen: a roster yields well-formed ids only
		}
		g.Go(func() error { return u.uploadOne(group, ref, again, s) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func (u *Uploads) uploadOne(ctx context.Context, ref episode.Ref, again bool, s *UploadSummary) error {
	u.mu.Lock()
	_, seen := u.seen[ref]
	u.mu.Unlock()
	count := &s.Stored
	if !seen || again {
		copied, err := u.copy(ctx, ref)
		switch {
		case errors.Is(err, episode.ErrNotFound):
			count = &s.Without
		case err != nil:
			return fmt.Errorf("upload %s: %w", ref, err)
		case copied:
			count = &s.Uploaded
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if count != &s.Without { // an archive that is missing may come later
		u.seen[ref] = struct{}{}
	}
	*count++
	u.done++
	if u.Progress != nil {
		u.Progress(u.done, u.total)
	}
	return nil
}

func (u *Uploads) copy(ctx context.Context, ref episode.Ref) (copied bool, err error) {
	archive, err := u.From.Open(ctx, ref)
	if err != nil {
		return false, err
	}
	defer archive.Close()
	r, ok := archive.(io.ReadSeeker)
	if !ok {
		return false, errors.New("the source is not a directory")
	}
	return u.To.Put(ctx, ref, r)
}
