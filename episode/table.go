package episode

import "slices"

// A table has the wanted fields of the rows of one member, of one source or several. One table
// serves many members, one after the other.
type table struct {
	format SourceFormat
	member neededMember
	paths  []string // of the time, then of each column
	wanted int      // channels; several may have one column, and those that are only checked have none
	row    row      // the row that is being read
	json   jsonRows
	csv    csvRows
	rows   rowSet
	first  []byte // the first row, if it is JSON
}

// A row is one row of a member. Path 0 is that of the time, path i that of cell i-1.
type row struct {
	unit  unit // of the time
	time  stamp
	cells []number
}

// reset makes t ready for a member of another archive, whose budget is b.
func (t *table) reset(format SourceFormat, b *budget) {
	t.rows.start(b)
	t.format, t.member, t.first = format, neededMember{name: cleanPath(format.Member)}, t.first[:0]
	t.paths = append(t.paths[:0], format.Time)
	t.wanted = 0
}

// addChannel adds a wanted channel. If its values are needed, it makes sure that there is a column of
// its path.
func (t *table) addChannel(w Wanted) {
	t.wanted++
	if path := w.path(); !w.CheckOnly && t.column(path) < 0 {
		t.paths = append(t.paths, path)
	}
}

// column returns the column of a path, or -1 if it is not wanted.
func (t *table) column(path string) int { return slices.Index(t.paths[1:], path) }

// read reads the member. What was read of a member before is dropped.
func (t *table) read(l *lines, s *scanner) error {
	t.first = t.first[:0]
	if cap(t.first) > keptLine {
		t.first = nil
	}
	columns := len(t.paths) - 1
	t.row = row{unit: unitOf(t.format.Unit), cells: slices.Grow(t.row.cells[:0], columns)[:columns]}
	t.rows.reset(columns)
	t.rows.channels = t.wanted
	if t.format.Rows == CSV {
		return t.readCSV(l)
	}
	return t.readJSON(l, s)
}

func (t *table) readJSON(l *lines, s *scanner) error {
	t.json.reset(t.paths, &t.row)
	for line, ok := l.row(); ok; line, ok = l.row() {
		t.json.read(line, s, l.lim.Depth)
		if s.err != nil {
			return l.fault(s.err)
		}
		if len(t.first) == 0 {
			t.first = append(t.first, line...)
		}
		if err := t.add(line); err != nil {
			return err
		}
	}
	return l.err
}

func (t *table) readCSV(l *lines) error {
	if err := t.csv.reset(l, t.paths, &t.row); err != nil {
		return err
	}
	for {
		line, ok, err := t.csv.read()
		if !ok || err != nil {
			return err
		}
		if err := t.add(line); err != nil {
			return err
		}
	}
}

// add adds the row that was read from a line.
func (t *table) add(line []byte) error {
	if t.row.time.missing() {
		t.rows.untimed++
		return nil
	}
	return t.rows.add(t.row.time, t.row.cells, trimBlanks(line))
}

// fields returns a list of the fields of the first row, for messages.
func (t *table) fields() string {
	switch {
	case t.format.Rows == CSV:
		return t.csv.fields
	case len(t.first) == 0:
		return "none"
	}
	return fieldsOf(t.first)
}

// notNumbers returns a warning if more than a tenth of the filled cells of a wanted CSV column are
// not numbers.
func (t *table) notNumbers(w Wanted) (Warning, bool) {
	if !t.member.isFile() || t.format.Rows != CSV {
		return Warning{}, false
	}
	return t.csv.notNumbers(t.column(w.path()), w.Name)
}

func (r *row) clear() {
	r.time = stamp{}
	clear(r.cells)
}

func (r *row) forget(path int) {
	if path == 0 {
		r.time = stamp{}
	} else {
		r.cells[path-1] = number{}
	}
}

// scan reads the value of a path.
func (r *row) scan(s *scanner, path int) {
	if path == 0 {
		r.time = s.stamp(r.unit)
	} else {
		r.cells[path-1] = s.number()
	}
}

// parse sets the value of a path from its text: that of a JSON value, or of a string, without
// quotes and escapes.
func (r *row) parse(text []byte, path int) {
	if path == 0 {
		r.time = r.unit.parse(text)
	} else {
		r.cells[path-1] = numberOf(text)
	}
}

// parseInteger is parse for a text of 1 to 19 digits.
func (r *row) parseInteger(digits []byte, path int) {
	n := parseDigits(digits)
	switch {
	case path > 0:
		r.cells[path-1] = number{n, positive}
	case r.unit.nanos == 0:
		r.time = stamp{}
	default:
		r.time = r.unit.integer(n)
	}
}
