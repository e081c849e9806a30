package episode

import "sort"

// piles finds the largest set of rows whose times strictly increase, by patience sorting: each row
// goes onto the leftmost pile whose top is not earlier. If that top has the same time, the row is
// dropped; if not, the row becomes the top. The row before it in an increasing set is the top of
// the pile to the left at that moment. At the end, such a set is the chain that leads from the top
// of the last pile to the left.
//
// A row that is neither a top nor in the chain of one cannot be in the set any more.
type piles struct {
	tops  blockList[uint32] // slots, by pile; their times strictly increase
	links blockList[link]   // by slot
	free  uint32            // a slot that is free, or noSlot; its link leads to another one
}

// A link says what the row in a slot is linked to.
type link struct {
	before uint32 // slot of the row before it in an increasing set, or noSlot
	uses   uint32 // how many rows have it before them, and one more if it is a top; 0 if the slot is free
	place  uint32 // in the file
}

const noSlot = ^uint32(0)

func (p *piles) inUse() bool { return p.tops.n > 0 }

func (p *piles) reset() {
	p.tops.reset()
	p.links.reset()
	p.free = noSlot
}

// takeFree takes a free slot, if there is one.
func (p *piles) takeFree() (slot int, found bool) {
	if p.free == noSlot {
		return 0, false
	}
	slot = int(p.free)
	p.free = p.links.at(slot).before
	return slot, true
}

// startPiles makes piles of the rows so far, which are in order: each one is alone on its pile.
func (s *rowSet) startPiles() {
	for slot := range uint32(s.rows.n) {
		s.link(int(slot), link{before: slot - 1, uses: 2, place: slot}) // slot 0 has noSlot before it
		s.piles.tops.push(slot)
	}
	s.piles.links.at(s.rows.n - 1).uses = 1
}

// link sets the link of a slot.
func (s *rowSet) link(slot int, l link) {
	links := &s.piles.links
	if slot < links.n {
		*links.at(slot) = l
		return
	}
	if slot%blockLen == 0 {
		s.budget.use(blockLen * linkBytes)
	}
	links.push(l)
}

// addToPile puts a row onto its pile, or drops it. An error matches [ErrTooLarge].
func (s *rowSet) addToPile(next dropped, cells []number) error {
	tops := &s.piles.tops
	pile := s.leftmostPile(next.time)
	before := noSlot
	if pile > 0 {
		before = *tops.at(pile - 1)
		s.piles.links.at(int(before)).uses++
	}
	if pile < tops.n {
		top := int(*tops.at(pile))
		if s.rows.at(top).time.compare(next.time) == 0 {
			if before != noSlot {
				s.piles.links.at(int(before)).uses--
			}
			return s.drop(next)
		}
		if err := s.release(top); err != nil {
			return err
		}
	}
	slot, err := s.store(next.timedRow, cells)
	if err != nil {
		return err
	}
	s.link(slot, link{before: before, uses: 1, place: next.place})
	if pile == tops.n {
		tops.push(uint32(slot))
	} else {
		*tops.at(pile) = uint32(slot)
	}
	return nil
}

// leftmostPile returns the first pile whose top is not earlier than time, or the number of piles.
func (s *rowSet) leftmostPile(time stamp) int {
	earlier := func(pile int) bool { return s.rows.at(int(*s.piles.tops.at(pile))).time.compare(time) < 0 }
	n := s.piles.tops.n
	if earlier(n - 1) { // so is nearly every row
		return n
	}
	return sort.Search(n-1, func(pile int) bool { return !earlier(pile) })
}

// release takes one use from the row in a slot. If that was the last one, the row is dropped, and
// so on with the row before it.
func (s *rowSet) release(slot int) error {
	for {
		l := s.piles.links.at(slot)
		if l.uses--; l.uses > 0 {
			return nil
		}
		before := l.before
		if err := s.take(-s.cost()); err != nil {
			return err
		}
		if err := s.drop(dropped{timedRow: *s.rows.at(slot), place: l.place, count: 1}); err != nil {
			return err
		}
		l.before, s.piles.free = s.piles.free, uint32(slot)
		if before == noSlot {
			return nil
		}
		slot = int(before)
	}
}
