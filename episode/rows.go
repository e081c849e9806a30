package episode

import (
	"hash/maphash"
	"slices"
)

// A rowSet collects the rows of one member while they are read, and then selects those that are in
// order: the largest set of rows whose times strictly increase. So if one row has a wrong time, this
// row is lost, and not all rows behind it.
//
// As long as each row is later than all before it, the set is just a list. From the first row on
// that is not, piles (piles.go) find the rows in order. A row that cannot be one of them any more
// gives its cells back at once; only its time, place and hash are kept, to tell later whether it is
// a repeat (select.go). One rowSet serves many members, one after the other.
type rowSet struct {
	untimed int // rows without a time: they are left out
	timed   int // rows with a time

	columns  int                 // cells of a row
	channels int                 // wanted: each one takes a cell of the budget in each row, also if it is only checked
	budget   *budget             // of the archive
	taken    int                 // cells taken of the budget
	rows     blockList[timedRow] // by slot: a row that gives its cells back leaves its slot to another
	cells    []cellBlock         // by slot: the cells of the rows
	piles    piles               // if not all rows so far were in order
	dropped  blockList[dropped]

	// After selectRows:
	slots  []uint32  // of the selected rows, in order
	times  []float64 // of the selected rows: seconds since time zero
	astray []bool    // whether the clock went astray before a selected row; nil if nowhere
	lost   int       // rows with a time that are neither selected nor repeats

	median    float64 // see medianStep
	hasMedian bool
	stepTimes []float64 // memory
}

// A cellBlock has the cells of blockLen rows, row by row. Apart from each other, the parts of a
// number take 9 bytes instead of 16.
type cellBlock struct {
	bits  []uint64
	kinds []kind
}

// A timedRow is a row with a time, without its cells.
type timedRow struct {
	time stamp
	hash uint64 // of its line
}

// A dropped is a row that gave back its cells, or several rows in sequence with the same line.
type dropped struct {
	timedRow
	place uint32 // in the file, of the first one: how many rows with a time were before it
	count uint32
}

// lineSeed makes hashes that nobody can foresee, so no two lines can be made to have the same one.
var lineSeed = maphash.MakeSeed()

// start makes s ready for a member of the next archive, whose budget is b.
func (s *rowSet) start(b *budget) {
	s.budget, s.taken = b, 0
	s.reset(0)
}

// reset forgets all rows. Those that are added next have a number of cells.
func (s *rowSet) reset(columns int) {
	s.budget.cells -= s.taken
	s.taken, s.columns, s.channels = 0, columns, columns
	s.untimed, s.timed, s.lost = 0, 0, 0
	s.rows.reset()
	s.piles.reset()
	s.dropped.reset()
	if len(s.cells) > keptBlocks {
		clear(s.cells[keptBlocks:])
		s.cells = s.cells[:keptBlocks]
	}
	if cap(s.slots) > keptNumbers {
		s.slots, s.astray, s.stepTimes = nil, nil, nil
	}
	s.slots, s.times, s.hasMedian = s.slots[:0], nil, false
}

// add adds the next row, which has a time. It copies the cells. line is the row's text without the
// white space around it. An error matches [ErrTooLarge].
func (s *rowSet) add(time stamp, cells []number, line []byte) error {
	next := dropped{timedRow: timedRow{time, maphash.Bytes(lineSeed, line)}, place: uint32(s.timed), count: 1}
	s.timed++
	if !s.piles.inUse() {
		if s.rows.n == 0 || s.rows.at(s.rows.n-1).time.compare(time) < 0 {
			_, err := s.store(next.timedRow, cells)
			return err
		}
		s.startPiles()
	}
	return s.addToPile(next, cells)
}

// store puts a row into a slot.
func (s *rowSet) store(r timedRow, cells []number) (slot int, err error) {
	if err := s.take(s.cost()); err != nil {
		return 0, err
	}
	slot, found := s.piles.takeFree()
	if found {
		*s.rows.at(slot) = r
	} else {
		slot = s.rows.n
		if slot%blockLen == 0 {
			s.addBlock(slot / blockLen)
		}
		s.rows.push(r)
	}
	block, from := &s.cells[slot/blockLen], slot%blockLen*s.columns
	for i, n := range cells {
		block.bits[from+i], block.kinds[from+i] = n.bits, n.kind
	}
	return slot, nil
}

// addBlock makes sure that block i of the cells, which is the next, has room for blockLen rows.
func (s *rowSet) addBlock(i int) {
	size := blockLen * s.columns
	s.budget.use(blockLen*rowBytes + size*cellBytes)
	if i == len(s.cells) {
		s.cells = append(s.cells, cellBlock{})
	}
	if block := &s.cells[i]; cap(block.bits) < size {
		*block = cellBlock{make([]uint64, size), make([]kind, size)}
	} else {
		block.bits, block.kinds = block.bits[:size], block.kinds[:size]
	}
}

const (
	rowBytes     = 24 // of a row
	cellBytes    = 9
	linkBytes    = 16 // of a link, and of its place in a list of tops
	droppedBytes = 32
)

// drop notes a row that is not kept. An error matches [ErrTooLarge].
func (s *rowSet) drop(d dropped) error {
	if n := s.dropped.n; n > 0 {
		last := s.dropped.at(n - 1)
		if last.hash == d.hash && last.place+last.count == d.place && last.time.compare(d.time) == 0 {
			last.count += d.count
			return nil
		}
	}
	if s.dropped.n%blockLen == 0 {
		s.budget.use(blockLen * droppedBytes)
	}
	s.dropped.push(d)
	return s.take(1)
}

// cost returns how many cells of the budget a row takes: one for each channel, but not less than what
// its time and its links take.
func (s *rowSet) cost() int { return max(s.channels, leastCost) }

const leastCost = 2

// take takes n cells of the budget, or gives -n cells back.
func (s *rowSet) take(n int) error {
	s.taken += n
	return s.budget.take(n)
}

// column returns the cells of one column of the selected rows, in the memory of to.
func (s *rowSet) column(to []number, column int) []number {
	to = slices.Grow(to[:0], len(s.slots))[:len(s.slots)]
	for i, slot := range s.slots {
		block, at := &s.cells[slot/blockLen], int(slot%blockLen)*s.columns+column
		to[i] = number{block.bits[at], block.kinds[at]}
	}
	return to
}
