package episode

import (
	"slices"
	"sort"
)

// selectRows selects the rows that count, after all rows were added: the largest set of rows whose
// times strictly increase, without those whose time in seconds, rounded to float64, is not later
// than that of the row selected before, and without those that farRows drops. It sets s.slots,
// s.times (in memory of f), s.astray and s.lost. zero is time zero. span is the time in seconds from
// the first label to the last.
func (s *rowSet) selectRows(zero stamp, span float64, f *floats) {
	s.slots = s.appendChain(s.slots[:0])
	s.times = f.make(len(s.slots))
	s.astray = s.astray[:0]
	n := 0
	for _, slot := range s.slots {
		time := s.rows.at(int(slot)).time.seconds(zero)
		if n == 0 || time > s.times[n-1] {
			s.times = append(s.times, time)
			s.slots[n] = slot
			n++
		}
	}
	from, to := withoutFarRows(s.times, span)
	s.slots, s.times = s.slots[from:to], s.times[from:to]
	if len(s.slots) < s.timed {
		s.judgeDropped()
	}
	if *s.budget.big { // only the cells and times are needed from here on
		s.rows, s.piles, s.dropped = blockList[timedRow]{}, piles{free: noSlot}, blockList[dropped]{}
	}
}

// appendChain appends the slots of the largest set of rows whose times strictly increase.
func (s *rowSet) appendChain(slots []uint32) []uint32 {
	if !s.piles.inUse() {
		slots = slices.Grow(slots, s.rows.n)
		for slot := range uint32(s.rows.n) {
			slots = append(slots, slot)
		}
		return slots
	}
	n := s.piles.tops.n // the set has one row of each pile
	slots = slices.Grow(slots, n)[:n]
	slot := *s.piles.tops.at(n - 1)
	for i := n - 1; i >= 0; i-- {
		slots[i] = slot
		slot = s.piles.links.at(int(slot)).before
	}
	return slots
}

// withoutFarRows returns which of the rows at some times are left, from:to, after this: at the first
// gap between two times that is longer than span, the side with fewer rows is dropped, or the later
// side if both have as many; and so on until there is no such gap.
func withoutFarRows(times []float64, span float64) (from, to int) {
	to = len(times)
	for i := 1; i < to; i++ {
		if times[i]-times[i-1] > span {
			if i-from >= to-i {
				return from, i
			}
			from = i
		}
	}
	return from, to
}

// isSelected is the number of uses in the link of a selected row.
const isSelected = ^uint32(0)

// judgeDropped looks at each row that is not selected: whether it is a repeat, and whether the clock
// went astray there.
func (s *rowSet) judgeDropped() {
	if !s.piles.inUse() && s.rows.n > 0 { // rows were dropped because of their seconds
		s.startPiles()
	}
	for _, slot := range s.slots {
		s.piles.links.at(int(slot)).uses = isSelected
	}
	for i := range s.dropped.n {
		s.judge(*s.dropped.at(i))
	}
	for slot := range s.rows.n {
		if l := s.piles.links.at(slot); l.uses != isSelected && l.uses > 0 {
			s.judge(dropped{timedRow: *s.rows.at(slot), place: l.place, count: 1})
		}
	}
}

// judge looks at a row that is not selected. It is a repeat if a selected row has the same line. If
// not, it is lost, and the clock went astray between the selected rows around it, if its time is
// that of neither. If its time is between those of the next selected row and the one after it, it
// may be right, and the next selected row wrong: then the clock went astray behind that one, too.
func (s *rowSet) judge(d dropped) {
	same, found := sort.Find(len(s.slots), func(i int) int { return d.time.compare(s.selected(i).time) })
	if found && s.selected(same).hash == d.hash {
		return
	}
	s.lost += int(d.count)
	next := sort.Search(len(s.slots), func(i int) bool { return s.piles.links.at(int(s.slots[i])).place > d.place })
	if next > 0 && !(found && (same == next-1 || same == next)) {
		s.setAstray(next)
	}
	if !found && same == next+1 {
		s.setAstray(next + 1)
	}
}

// setAstray notes that the clock went astray before selected row i. If there is no such row, it does
// nothing.
func (s *rowSet) setAstray(i int) {
	if i >= len(s.slots) {
		return
	}
	if len(s.astray) == 0 {
		s.astray = slices.Grow(s.astray, len(s.slots))[:len(s.slots)]
		clear(s.astray)
	}
	s.astray[i] = true
}

func (s *rowSet) selected(i int) *timedRow { return s.rows.at(int(s.slots[i])) }

// medianStep returns the time of the median step from one selected row to the next; of an even
// number of steps it is the longer of the middle two.
func (s *rowSet) medianStep() float64 {
	if !s.hasMedian {
		s.stepTimes = appendSteps(s.stepTimes[:0], s.times)
		s.median, s.hasMedian = median(s.stepTimes), true
	}
	return s.median
}
