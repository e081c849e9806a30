package bustest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// Curves registers a spec's generation and opens a view of its curves, which runs until
// end is called.
func Curves(t testing.TB, b *bus.Bus, spec *fit.Spec) (gen bus.Generation, curves *bus.Curves, end func()) {
	t.Helper()
	ctx := Context(t)
	specs, err := b.ReadSpecs(ctx)
	if err == nil {
		gen, err = b.Present(ctx, specs, spec, episode.DefaultLimits())
	}
	if err == nil {
		err = b.Register(ctx, gen)
	}
	if err == nil {
		curves, err = b.OpenCurves(ctx, gen.ID, spec)
	}
	if err != nil {
		t.Fatalf("follow the curves of a spec: %v", err)
	}
	following, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = curves.Run(following) })
	return gen, curves, func() { stop(); running.Wait() }
}

// ErrConflict means that the key had another revision than the given one.
var ErrConflict = errors.New("another revision")

// PutEntry writes an entry if its key has a revision, 0 for a key that was never
// written. It does not try again.
func PutEntry(ctx context.Context, c *bus.Curves, id bus.EntryID, entry fit.Entry, revision uint64, acceptedAt time.Time) error {
	tries := 0
	_, err := c.Update(ctx, id, bus.Entry{Revision: revision}, acceptedAt, func(bus.Entry) (*fit.Entry, error) {
		if tries++; tries > 1 {
			return nil, ErrConflict
		}
		return &entry, nil
	})
	return err
}
