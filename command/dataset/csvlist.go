package dataset

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A csvList reads CSV whose first line names the columns.
type csvList struct {
	mapping mapping
	bounded *boundedReader
	csv     *csv.Reader
	header  []string
	at      [fields]int // the index of each field's column; -1 without one
	line    int         // at which the row that was read last begins
}

func newCSVList(r io.Reader, m mapping) (*csvList, error) {
	l := &csvList{mapping: m, bounded: &boundedReader{r: r}}
	l.csv = csv.NewReader(l.bounded)
	l.csv.FieldsPerRecord = -1 // next counts the cells, for a better error
	l.csv.TrimLeadingSpace = true
	l.csv.ReuseRecord = true
	header, _, err := l.record()
	if err == io.EOF {
		err = damagedf("it has no line of column names")
	}
	if err != nil {
		return nil, err
	}
	for _, name := range header {
		l.header = append(l.header, strings.Clone(name))
	}
	for field, name := range m.columns {
		if l.at[field], err = l.column(field, name); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// column returns the index of the column of a field.
func (l *csvList) column(field int, name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	i := slices.Index(l.header, name)
	if i < 0 {
		err := l.mapping.missing(field, l.header)
		if len(l.header) == 1 && strings.ContainsAny(l.header[0], ";\t|") {
			err = fmt.Errorf("%w; cells must be separated by commas", err)
		}
		return -1, err
	}
	if slices.Contains(l.header[i+1:], name) {
		return -1, fmt.Errorf("%w: two columns are named %s", ErrShape, visible(name))
	}
	return i, nil
}

func (l *csvList) read(rows []ValidationRow) (n int, err error) {
	for ; n < len(rows); n++ {
		if rows[n], err = l.next(); err != nil {
			rows[n] = ValidationRow{}
			return n, err
		}
	}
	return n, nil
}

func (l *csvList) next() (ValidationRow, error) {
	record, line, err := l.record()
	for err == nil && len(record) == 1 && record[0] == "" && len(l.header) > 1 { // a line of blanks
		record, line, err = l.record()
	}
	if err != nil {
		return ValidationRow{}, err
	}
	if len(record) != len(l.header) {
		return ValidationRow{}, damagedf("line %d has %d cells, the line of column names has %d", line, len(record), len(l.header))
	}
	var cells [fields]cell
	for field, i := range l.at {
		if i >= 0 {
			cells[field].text = []byte(record[i])
		}
	}
	row, err := l.mapping.row(&cells)
	if err != nil {
		return row, fmt.Errorf("line %d, %w", line, err)
	}
	row.Line = line
	return row, nil
}

// record reads a row and returns the line at which it begins. Its cells are valid until the next one is read.
func (l *csvList) record() (cells []string, line int, err error) {
	l.bounded.left = maxRowBytes + len("\r\n")
	cells, err = l.csv.Read()
	if len(cells) > 0 {
		l.line, _ = l.csv.FieldPos(0)
	} else {
		l.line++ // of a row that could not be read; at most some blank lines too low
	}
	for i := range cells {
		cells[i] = strings.TrimRight(cells[i], " \t")
	}
	var parse *csv.ParseError
	switch {
	case errors.Is(err, errTooLong):
		err = fmt.Errorf("%w; is a quote not closed?", longRow(l.line))
	case errors.As(err, &parse):
		err = damagedf("line %d: %v (byte %d of line %d)", parse.StartLine, parse.Err, parse.Column, parse.Line)
	}
	return cells, l.line, err
}

func (l *csvList) close() {}

var errTooLong = errors.New("the row is too long")

// A boundedReader fails with errTooLong when the bytes that are left were read.
type boundedReader struct {
	r    io.Reader
	left int
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}
