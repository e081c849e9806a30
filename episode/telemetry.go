package episode

import "slices"

// A telemetry is what is wanted of the rows of one telemetry-<source>.jsonl. What it reads them into serves one archive after the
// other.
type telemetry struct {
	source  string
	columns []string // the fields wanted; first, the time
	gaps    []number // a row without any
	cells   []number // len(columns) for each row that has a time, as in the file
	numbers []number // of one column
	found   bool     // the archive has the member

	times   []float64 // of the rows that are kept, in seconds
	floats  *floats   // where there is room for times and channels
	dropped int       // how many are not
}

const timeField = "t_wall_ns"

const (
	mostForeseen = 1024    // the highest number of rows that room is made for before they are there
	keptCells    = 1 << 16 // the most cells that are kept for the next archive
)

// reset makes t ready for a source.
func (t *telemetry) reset(source string, f *floats) {
	*t = telemetry{source: source, floats: f, columns: t.columns[:0], gaps: t.gaps[:0], cells: t.cells[:0], numbers: t.numbers[:0]}
	t.want(timeField)
}

// release lets go of what has grown much, and of what is the episode's.
func (t *telemetry) release() {
	t.times, t.floats = nil, nil
	if cap(t.cells) > keptCells || cap(t.numbers) > keptCells {
		t.cells, t.numbers = nil, nil
	}
}

// want makes sure that a field is read.
func (t *telemetry) want(field string) {
	if !slices.Contains(t.columns, field) {
		t.columns = append(t.columns, field)
		t.gaps = append(t.gaps, number{})
	}
}

// read reads the member: one object a line.
func (t *telemetry) read(l *lines, k *kit) error {
	t.found = true
	k.alike.forget()
	for line, ok := l.row(); ok; line, ok = l.row() {
		row := len(t.cells)
		if row == 0 { // the others will be as long
			t.cells = slices.Grow(t.cells, int(min(l.archive.size/int64(len(line)+1)+1, mostForeseen))*len(t.columns))
		}
		t.cells = append(t.cells, t.gaps...)
		if err := t.readLine(line, l, k, t.cells[row:]); err != nil {
			return err
		}
		if t.cells[row].kind == noNumber {
			t.cells = t.cells[:row]
			t.dropped++
		}
	}
	return l.err
}

// readLine reads a row into cells.
func (t *telemetry) readLine(line []byte, l *lines, k *kit, cells []number) error {
	if k.alike.read(line, &k.scan, l.archive.lim.Depth, cells) {
		return nil
	}
	k.scan.reset(line, l.archive.lim.Depth, nil)
	k.values = t.readRow(&k.scan, cells, k.values[:0])
	if k.scan.err != nil {
		return l.fault(k.scan.err)
	}
	k.alike.learn(line, k.values)
	return nil
}

// readRow reads a row into cells and appends where its values are.
func (t *telemetry) readRow(s *scanner, cells []number, values []value) []value {
	for s.object(); s.next(); {
		s.token()
		from, column := s.at, t.columnOf(s.key)
		if column >= 0 {
			cells[column] = s.number()
		} else {
			s.skip()
		}
		values = append(values, value{from: from, to: s.at, column: column})
	}
	s.end()
	return values
}

// columnOf returns the column of a field, -1 where it is not wanted.
func (t *telemetry) columnOf(field []byte) int {
	for i, c := range t.columns {
		if string(field) == c {
			return i
		}
	}
	return -1
}

// seconds returns the time since zero of a wall time, both in nanoseconds.
func seconds(time, zero number) float64 { return time.minus(zero) / 1e9 }

// keep drops each row whose time does not lie after that of the row kept before it, and sets the times of the others.
func (t *telemetry) keep(zero number) {
	width := len(t.columns)
	t.times = t.floats.room(len(t.cells) / width)
	for i := 0; i < len(t.cells); i += width {
		time := seconds(t.cells[i], zero)
		n := len(t.times)
		if !isFinite(time) || n > 0 && time <= t.times[n-1] {
			t.dropped++
			continue
		}
		if i > n*width {
			copy(t.cells[n*width:], t.cells[i:i+width])
		}
		t.times = append(t.times, time)
	}
	t.cells = t.cells[:len(t.times)*width]
}

// column returns the numbers of a field in the rows that are kept, valid until the next call.
func (t *telemetry) column(field string) []number {
	t.numbers = t.numbers[:0]
	for i := slices.Index(t.columns, field); i < len(t.cells); i += len(t.columns) {
		t.numbers = append(t.numbers, t.cells[i])
	}
	return t.numbers
}
