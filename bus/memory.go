package bus

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/cis490/profiles/fit"
)

// A memory is what a Curves knows of entries beyond what its view shows. A bucket
// that was restored from a backup may have grown beyond its old end before
// anybody looks, so that its last sequence tells nothing; but no entry is ever
// evicted, so what a fresh watch lacks of what was known was lost.
type memory struct {
	mu     sync.Mutex
	known  map[curveID]sighted // put or read here, and not compared yet
	doubts map[curveID]fit.Entry
}

// A sighted entry is the outline of one that somebody here knows of, and its sequence.
type sighted struct {
	rev   uint64
	entry fit.Entry
}

// remember notes an entry that the bucket must have from now on, or a later one.
func (m *memory) remember(id curveID, rev uint64, e fit.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(id, sighted{rev, e.Outline()})
}

func (m *memory) add(id curveID, s sighted) {
	if m.known == nil {
		m.known, m.doubts = map[curveID]sighted{}, map[curveID]fit.Entry{}
	}
	if m.known[id].rev <= s.rev {
		m.known[id] = s
	}
}

// addAll notes every entry of a state. mu is held.
func (m *memory) addAll(s *samples) {
	for id, rev := range s.revisions {
		if e, ok := s.byProfile[id.profile].Get(id.rank); ok {
			m.add(id, sighted{rev, e.Outline()})
		}
	}
}

// compare holds what is known against a state that is whole up to seq.
func (m *memory) compare(before, fresh *samples, seq uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addAll(before)
	for id, s := range m.known {
		if s.rev > seq {
			continue // another time
		}
		delete(m.known, id)
		have, _ := fresh.byProfile[id.profile].Get(id.rank)
		if lost(have, s.entry) {
			m.doubts[id] = s.entry
		}
	}
}

// lost tells whether what is there is earlier than what was sighted.
func lost(have, sighted fit.Entry) bool {
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
	c.mu.Lock()
	doubts := maps.Clone(c.doubts)
	c.mu.Unlock()
	for id, e := range doubts {
		// A key that is put again while a watch begins may be missed by it.
		have, err := c.Read(ctx, id.profile, id.rank)
		if err != nil {
			return err
		}
		if lost(have.Entry, e) {
			return fmt.Errorf("the bucket curves lacks the entry of %s/%s that was seen: %w", e.Host, e.Episode, ErrWentBack)
		}
		c.mu.Lock()
		delete(c.doubts, id)
		c.mu.Unlock()
	}
	return nil
}
