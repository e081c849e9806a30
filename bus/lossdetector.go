package bus

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// A lossDetector finds out whether bucket curves has lost entries: its stream may be
// restored from a backup and then grow beyond its old end before anybody looks, so
// its last sequence is no proof. Entries are never deleted while their generation
// exists. So every entry that this process has stored, read or seen must be in each
// later snapshot of the bucket. An entry that is missing there is in doubt until the
// stream's leader was asked for it.
type lossDetector struct {
	mu     sync.Mutex
	known  map[EntryID]knownEntry // stored or read here; the view may not show them yet
	limit  int                    // how many may be known before those that the view shows are removed
	doubts map[EntryID]fit.Entry  // missing in a snapshot
}

// minLimit is the lowest limit of known entries.
const minLimit = 1_000

// A knownEntry is the outline of an entry, and its revision.
type knownEntry struct {
	revision uint64
	entry    fit.Entry
}

// note notes an entry: from now on the bucket must have it or a later one of the
// episode. s is the state of the view, which is locked.
func (d *lossDetector) note(s *curvesState, id EntryID, revision uint64, e fit.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.add(id, knownEntry{revision, e.Outline()})
	if len(d.known) <= max(d.limit, minLimit) {
		return
	}
	known := d.known
	d.known = nil // a new map, because a map never shrinks
	for id, k := range known {
		if s.lacks(id, k.entry) {
			d.add(id, k)
		}
	}
	d.limit = 2 * len(d.known)
}

// add adds a known entry, unless a later one is known. d.mu is held.
func (d *lossDetector) add(id EntryID, k knownEntry) {
	if d.known == nil {
		d.known = map[EntryID]knownEntry{}
	}
	if d.known[id].revision <= k.revision {
		d.known[id] = k
	}
}

// compare checks a fresh state, which has every entry up to seq, for the known
// entries and those of the state before.
func (d *lossDetector) compare(before, fresh *curvesState, seq uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.known
	d.known = nil
	check := func(id EntryID, k knownEntry) {
		switch {
		case k.revision > seq:
			d.add(id, k) // check it again next time
		case fresh.lacks(id, k.entry):
			d.doubt(id, k.entry)
		}
	}
	for id, k := range known {
		check(id, k)
	}
	for p, entries := range before.byProfile {
		for rank, revision := range entries.revisions {
			if e, ok := entries.sample.Get(rank); ok {
				check(EntryID{p, rank}, knownEntry{revision, e.Outline()})
			}
		}
	}
}

// doubt notes an entry that a state lacks. Of two entries of one episode it keeps the
// later one. d.mu is held.
func (d *lossDetector) doubt(id EntryID, e fit.Entry) {
	if d.doubts == nil {
		d.doubts = map[EntryID]fit.Entry{}
	}
	d.doubts[id], _ = fit.Join(d.doubts[id], e)
}

// lacks reports whether a state has neither the known entry nor a later one.
func (s *curvesState) lacks(id EntryID, known fit.Entry) bool {
	have, _ := s.get(id)
	return isEarlier(have, known)
}

// isEarlier reports whether have is earlier than the known entry.
func isEarlier(have, known fit.Entry) bool {
	if have.Seq == known.Seq && have.State == known.State && have.Reason == known.Reason && have.HadCurve == known.HadCurve {
		return false // nearly always so; fit.Join would encode both as JSON
	}
	_, later := fit.Join(have.Outline(), known)
	return later
}

// takeOver adds what another detector knows, and its doubts as known entries.
func (d *lossDetector) takeOver(from *lossDetector) {
	d.mu.Lock()
	defer d.mu.Unlock()
	from.mu.Lock()
	defer from.mu.Unlock()
	for id, k := range from.known {
		d.add(id, k)
	}
	for id, e := range from.doubts {
		d.add(id, knownEntry{0, e})
	}
}

// resolve asks read for each entry in doubt. It forgets the doubt where the bucket
// has the entry after all: a watch may miss a key that is put again while it begins.
func (d *lossDetector) resolve(read func(EntryID) (Entry, error)) error {
	// An answer says nothing about doubts that come up after it, so those are kept apart.
	d.mu.Lock()
	doubts := d.doubts
	d.doubts = nil
	d.mu.Unlock()
	defer func() { // put back those that are left
		d.mu.Lock()
		defer d.mu.Unlock()
		for id, e := range doubts {
			d.doubt(id, e)
		}
	}()
	for id, e := range doubts {
		have, err := read(id)
		if err != nil {
			return err
		}
		if isEarlier(have.Entry, e) {
			return fmt.Errorf("bucket curves lacks the entry of %s/%s, which was seen before: %w", e.Host, e.Episode, client.ErrStreamTruncated)
		}
		delete(doubts, id)
	}
	return nil
}

// TakeOver makes c check for losses of everything that an earlier view of the same
// generation knew. The earlier view must not run any more. The bucket may have lost its last
// entries, or all, so an entry beyond those that c shows is in doubt, too.
func (c *Curves) TakeOver(earlier *Curves) {
	c.losses.takeOver(&earlier.losses)
	earlier.view.Read(func(before *curvesState, _ client.AsOf) {
		c.view.Read(func(now *curvesState, _ client.AsOf) { c.losses.compare(before, now, math.MaxUint64) })
	})
}

// Check returns client.ErrStreamReplaced where the bucket is not the one that the
// view follows, and client.ErrStreamTruncated where the bucket has lost entries that
// were stored, read or seen here.
func (c *Curves) Check(ctx context.Context) error {
	if err := c.view.Check(ctx); err != nil {
		return err
	}
	return c.losses.resolve(func(id EntryID) (Entry, error) { return c.Read(ctx, id) })
}
