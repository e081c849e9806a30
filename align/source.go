package align

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/wait"
)

// A Source reads archives of a store that is at rest, until each has a curve or a reason.
// Workers, which wait for archives that come late, use [Tries] themselves. A Source is
// safe for concurrent use.
type Source struct {
	fitter  *Fitter
	store   episode.Store
	witness *Witness
	refs    iter.Seq[episode.Ref]
}

// Pauses of a Source between the tries to read one archive.
const (
	refusedPause  = time.Millisecond
	noAnswerPause = 100 * time.Millisecond
	maxPause      = 2 * time.Second
)

// NewSource returns a source of a store. refs are episodes that may have an archive there.
// They are used only if an archive cannot be read before any other was read: to find one
// that can be read.
func NewSource(fitter *Fitter, store episode.Store, refs iter.Seq[episode.Ref]) *Source {
	return &Source{fitter, store, NewWitness(store), refs}
}

// Read aligns an episode's archive for a channel, and returns its entry, without Seq: a
// curve, with its alignment, or a reason. An archive that is missing has that reason at
// once. One that the store does not give is tried again, and given up as a worker does. If
// no other archive can be read either, the store is at fault: Read returns its error.
func (s *Source) Read(ctx context.Context, ref episode.Ref, channel string) (*Alignment, fit.Entry, error) {
	var tries Tries
	tries.Begin(s.witness)
	for {
		a, err := s.fitter.Aligned(ctx, s.store, ref, channel)
		if err == nil {
			s.witness.Saw(ref)
		}
		entry, err := EntryOf(ref, a, err)
		switch {
		case err == nil:
			return a, entry, nil
		case ctx.Err() != nil:
			return nil, entry, err
		case errors.Is(err, episode.ErrNotFound):
			return nil, GivenUp(ref, err), nil
		case !s.witness.Find(ctx, ref, s.refs):
			return nil, entry, fmt.Errorf("%w (and no other archive can be read)", err)
		case tries.Failed(ctx, s.witness, ref, err):
			return nil, GivenUp(ref, err), nil
		}
		first := noAnswerPause
		if FaultOf(err) == Refused {
			first = refusedPause
		}
		if err := wait.For(ctx, tries.Pause(first, maxPause)); err != nil {
			return nil, entry, err
		}
	}
}
