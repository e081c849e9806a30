package episode

import (
	"iter"
	"slices"
)

// A telemetry is what is wanted of the rows of one telemetry-<source>.jsonl.
type telemetry struct {
	source  string
	columns []string // the fields wanted; first, the time
	gaps    []number // a row without any
	cells   []number // len(columns) for each row that has a time, as in the file
	found   bool     // the archive has the member

	times   []float64 // of the rows that are kept, in seconds
	dropped int       // how many are not
}

const timeField = "t_wall_ns"

// mostForeseen is the highest number of rows that room is made for before they are there.
const mostForeseen = 1024

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
		cells := t.cells[row:]
		if !k.alike.read(line, &k.scan, l.archive.lim.Depth, cells) {
			k.scan.reset(line, l.archive.lim.Depth, nil)
			k.values = t.readRow(&k.scan, cells, k.values[:0])
			if k.scan.err != nil {
				return l.fault(k.scan.err)
			}
			k.alike.learn(line, k.values)
		}
		if cells[0].kind == noNumber {
			t.cells = t.cells[:row]
			t.dropped++
		}
	}
	return l.err
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
		values = append(values, value{from, s.at, column})
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
	t.times = make([]float64, 0, len(t.cells)/width)
	for i := 0; i < len(t.cells); i += width {
		time := seconds(t.cells[i], zero)
		n := len(t.times)
		if !isFinite(time) || n > 0 && time <= t.times[n-1] {
			t.dropped++
			continue
		}
		copy(t.cells[n*width:], t.cells[i:i+width])
		t.times = append(t.times, time)
	}
	t.cells = t.cells[:len(t.times)*width]
}

// column gives the numbers of a field in the rows that are kept, by their index.
func (t *telemetry) column(field string) iter.Seq2[int, number] {
	return func(yield func(int, number) bool) {
		row := 0
		for i := slices.Index(t.columns, field); i < len(t.cells); i += len(t.columns) {
			if !yield(row, t.cells[i]) {
				return
			}
			row++
		}
	}
}
