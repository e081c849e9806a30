package emit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
)

// Uploads copies the archive of each accepted episode into a store before its
// accept is published, so that a worker finds the archive there. If the emitter follows
// a file, it remembers the episodes that it has stored: it then looks only at new ones, and
// at those that are accepted anew after a retraction.
type Uploads struct {
	From *store.Dir
	To   store.Uploader // an archive keeps its suffix, which must be one of To's
	// Progress, if set, is called after each episode, one call at a time.
	Progress func(done, total int)

	mu    sync.Mutex
	seen  map[fit.Rank]struct{} // the stored ones, by a hash of their ids; nil if they are not remembered
	done  int
	total int
}

const uploadsAtOnce = 8

// An UploadSummary counts archives.
type UploadSummary struct {
	Uploaded int `json:"uploaded"` // copied
	Stored   int `json:"stored"`   // were there already, with the same bytes
	Without  int `json:"without"`  // accepted episodes that have no archive in the source
}

// begin prepares a reconciliation of that many episodes. If it is not the last one, what is stored
// is remembered.
func (u *Uploads) begin(total int, last bool) {
	if u.seen == nil && !last {
		u.seen = map[fit.Rank]struct{}{}
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
	rank := fit.RankOf(0, string(ref.Host), string(ref.ID))
	u.mu.Lock()
	_, seen := u.seen[rank]
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
	if count != &s.Without && u.seen != nil { // an archive that is missing may come later
		u.seen[rank] = struct{}{}
	}
	*count++
	u.done++
	if u.Progress != nil {
		u.Progress(u.done, u.total)
	}
	return nil
}

func (u *Uploads) copy(ctx context.Context, ref episode.Ref) (copied bool, err error) {
	archive, suffix, err := u.From.OpenFile(ctx, ref)
	if err != nil {
		return false, err
	}
	defer archive.Close()
	return u.To.Put(ctx, ref, suffix, archive)
}
