package episode

import "slices"

// A table holds the wanted fields of the rows of one telemetry-<source>.jsonl. One table serves
// many members, one after the other.
type table struct {
	source   string
	columns  []column // the first is the time
	row      []number // the row that is being read, one number for each column
	template rowTemplate
	found    bool      // the archive has the member
	times    []float64 // after selectRows, of the rows: seconds since time zero
	dropped  int       // rows that are not in columns
}

// A column holds one field of the rows.
type column struct {
	field   string
	numbers []number
}

const (
	timeField = "t_wall_ns"
	keptRows  = 1 << 14 // the most rows that a column keeps room for until the next archive
)

// reset makes t ready for the member of a source.
func (t *table) reset(source string) {
	t.source, t.columns, t.found, t.times, t.dropped = source, t.columns[:0], false, nil, 0
	t.addColumn(timeField)
}

// addColumn makes sure that there is a column of a field.
func (t *table) addColumn(field string) {
	if t.column(field) != nil {
		return
	}
	n := len(t.columns)
	t.columns = slices.Grow(t.columns, 1)[:n+1] // its numbers may have room from an archive before
	c := &t.columns[n]
	c.field, c.numbers = field, c.numbers[:0]
	if cap(c.numbers) > keptRows {
		c.numbers = nil
	}
	t.row = slices.Grow(t.row[:0], n+1)[:n+1]
}

// column returns the column of a field, or nil if it is not wanted.
func (t *table) column(field string) *column {
	for i := range t.columns {
		if t.columns[i].field == field {
			return &t.columns[i]
		}
	}
	return nil
}

// read reads the member: one JSON object a line. Rows without a time are dropped.
func (t *table) read(l *lines, s *scanner) error {
	t.found = true
	t.template.reset()
	for line, ok := l.row(); ok; line, ok = l.row() {
		if !t.template.read(line, s, l.lim.Depth, t.row) {
			if t.scan(line, s, l.lim.Depth); s.err != nil {
				return l.fault(s.err)
			}
		}
		if t.row[0].kind == gap {
			t.dropped++
			continue
		}
		for i := range t.columns {
			c := &t.columns[i]
			c.numbers = append(c.numbers, t.row[i])
		}
	}
	return l.err
}

// scan reads a row, and makes it the template of the next.
func (t *table) scan(line []byte, s *scanner, depth int) {
	clear(t.row)
	t.template.reset()
	s.reset(line, depth, nil)
	for s.object(); s.next(); {
		s.token()
		from, column := s.at, t.index(s.key)
		n := s.number()
		if column >= 0 {
			t.row[column] = n
		}
		t.template.add(from, s.at, column)
	}
	if s.end(); s.err == nil {
		t.template.set(line)
	}
}

// index returns the column of a key, or -1 if it is not wanted.
func (t *table) index(key []byte) int {
	for i := range t.columns {
		if string(key) == t.columns[i].field {
			return i
		}
	}
	return -1
}

// selectRows drops each row whose time is not finite, or not later than that of the row selected
// before it, and sets the times of the others, in memory of f. zero is time zero, in nanoseconds.
func (t *table) selectRows(zero number, f *floats) {
	times := f.make(len(t.columns[0].numbers))
	for i, n := range t.columns[0].numbers {
		time := seconds(n, zero)
		selected := len(times)
		if !isFinite(time) || selected > 0 && time <= times[selected-1] {
			t.dropped++
			continue
		}
		if i > selected {
			for _, c := range t.columns {
				c.numbers[selected] = c.numbers[i]
			}
		}
		times = append(times, time)
	}
	for i := range t.columns {
		t.columns[i].numbers = t.columns[i].numbers[:len(times)]
	}
	t.times = times
}

// seconds returns the time from zero to a wall time, both in nanoseconds.
func seconds(time, zero number) float64 { return time.minus(zero) / 1e9 }
