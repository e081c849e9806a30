package bus

import (
	"context"
	"fmt"
	"sync"

	"github.com/cis490/profiles/fit"
)

// A memory is what a Curves knows of entries beyond what its view shows. A bucket
// that was restored from a backup may have grown beyond its old end before
// anybody looks, so that its last sequence tells nothing; but no entry is ever
// evicted, so what a fresh watch lacks of what was known was lost.
type memory struct {
	mu     sync.Mutex
	known  map[curveID]sighted // put or read here; the view may not show it yet
	sweep  int                 // how many are known when those that the view shows are forgotten
	doubts map[curveID]fit.Entry
}

// sweepAt is how many may be known before the first sweep.
const sweepAt = 1_000

// A sighted entry is the outline of one that somebody here knows of, and its sequence.
type sighted struct {
	rev   uint64
	entry fit.Entry
}

// remember notes an entry that the bucket must have from now on, or a later one.
func (c *Curves) remember(id curveID, rev uint64, e fit.Entry) {
	c.view.mu.RLock()
	defer c.view.mu.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(id, sighted{rev, e.Outline()})
	if len(c.known) <= max(c.sweep, sweepAt) {
		return
	}
	known := c.known // a map never shrinks
	c.known = nil
	for id, s := range known {
		if c.view.state.lacks(id, s.entry) {
			c.add(id, s)
		}
	}
	c.sweep = 2 * len(c.known)
}

func (m *memory) add(id curveID, s sighted) {
	if m.known == nil {
		m.known = map[curveID]sighted{}
	}
	if m.known[id].rev <= s.rev {
		m.known[id] = s
	}
}

// compare holds what was known against a state that is whole up to seq.
func (m *memory) compare(before, fresh *samples, seq uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.known
	m.known = nil
	hold := func(id curveID, s sighted) {
		switch {
		case s.rev > seq:
			m.add(id, s) // another time
		case fresh.lacks(id, s.entry):
			m.doubt(id, s.entry)
		}
	}
	for id, s := range known {
		hold(id, s)
	}
	for p, of := range before.byProfile {
		for rank, rev := range of.revisions {
			if e, ok := of.Get(rank); ok {
				hold(curveID{p, rank}, sighted{rev, e.Outline()})
			}
		}
	}
}

// doubt notes what a state lacks: the latest of an episode. mu is held.
func (m *memory) doubt(id curveID, e fit.Entry) {
	if m.doubts == nil {
		m.doubts = map[curveID]fit.Entry{}
	}
	m.doubts[id], _ = fit.Join(m.doubts[id], e)
}

// lacks tells whether a state has neither what was sighted nor something later.
func (s *samples) lacks(id curveID, sighted fit.Entry) bool {
	have, _ := s.byProfile[id.profile].entry(id.rank)
	return lost(have, sighted)
}

// lost tells whether what is there is earlier than what was sighted.
func lost(have, sighted fit.Entry) bool {
	if have.Seq == sighted.Seq && have.State == sighted.State && have.Reason == sighted.Reason && have.HadCurve == sighted.HadCurve {
		return false // nearly always; Join would write both as JSON
	}
	_, later := fit.Join(have.Outline(), sighted)
	return later
}

// Recall takes over what an earlier view of the same generation knew, which must
// not run any more.
func (c *Curves) Recall(before *Curves) {
	c.mu.Lock()
	before.mu.Lock()
	for id, s := range before.known {
		c.add(id, s)
	}
	for id, e := range before.doubts {
		c.add(id, sighted{0, e})
	}
	before.mu.Unlock()
	c.mu.Unlock()
	c.view.mu.RLock()
	defer c.view.mu.RUnlock()
	c.compare(before.view.state, c.view.state, c.view.seq)
}

// Check returns ErrNewLife where the bucket is not the one that the view is of,
// and ErrWentBack where it is but has lost puts that were seen or made here.
func (c *Curves) Check(ctx context.Context) error {
	if err := c.view.check(ctx); err != nil {
		return err
	}
	return c.settle(func(id curveID) (Entry, error) { return c.Read(ctx, id.profile, id.rank) })
}

// settle forgets the doubts that the bucket itself refutes. A key that is put again
// while a watch begins may be missed by it.
func (m *memory) settle(read func(curveID) (Entry, error)) error {
	// An answer says nothing of the doubts that come up after it, so these are kept apart.
	m.mu.Lock()
	doubts := m.doubts
	m.doubts = nil
	m.mu.Unlock()
	defer func() { // what is left
		m.mu.Lock()
		defer m.mu.Unlock()
		for id, e := range doubts {
			m.doubt(id, e)
		}
	}()
	for id, e := range doubts {
		have, err := read(id)
		if err != nil {
			return err
		}
		if lost(have.Entry, e) {
			return fmt.Errorf("the bucket curves lacks the entry of %s/%s that was seen: %w", e.Host, e.Episode, ErrWentBack)
		}
		delete(doubts, id)
	}
	return nil
}
