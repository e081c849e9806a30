package dataset

import (
	"fmt"
	"io"
	"iter"

	"github.com/cis490/profiles/command/dataset/parquetfile"
)

// A parquetList reads the columns of a validation file in step.
type parquetList struct {
	mapping mapping
	file    *parquetfile.File
	columns [fields]*stringColumn // nil if the mapping has no column of that field
	group   int                   // the row group after the present one
	left    int64                 // rows of the present row group that were not read yet
	row     int64                 // rows read, of all row groups
}

func newParquetList(r io.ReaderAt, size int64, m mapping) (*parquetList, error) {
	f, err := parquetfile.Open(r, size)
	if err != nil {
		return nil, err
	}
	v := &parquetList{file: f, mapping: m}
	err = f.Guard(func() error {
		for i, name := range m.columns {
			if name == "" {
				continue
			}
			if v.columns[i], err = openStrings(f, name); err != nil {
				return m.help(i, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// openStrings returns a column, which must hold strings: of text, or of bytes without another meaning, as some writers have them.
func openStrings(f *parquetfile.File, name string) (*stringColumn, error) {
	c, err := f.Column(name)
	if err != nil {
		return nil, err
	}
	if c.Repeated() || !parquetfile.IsString(c) && !parquetfile.IsBytes(c) {
		return nil, fmt.Errorf("%w: column %s is %s, want string", ErrShape, name, parquetfile.Describe(c))
	}
	reader, err := parquetfile.NewColumnReader(f, c)
	if err != nil {
		return nil, err
	}
	return &stringColumn{name: name, reader: reader}, nil
}

// read fills rows and returns how many it filled. The error, which may be io.EOF, is about what follows them.
func (v *parquetList) read(rows []ValidationRow) (n int, err error) {
	err = v.file.Guard(func() error {
		for ; n < len(rows); n++ {
			if err := v.nextGroup(); err != nil {
				return err
			}
			if rows[n], err = v.nextRow(); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// nextGroup goes to the next row group that has rows if all rows of the present one were read. After the last one it returns
// io.EOF.
func (v *parquetList) nextGroup() error {
	for v.left == 0 {
		if err := v.endGroup(); err != nil {
			return err
		}
		if v.group == v.file.NumRowGroups() {
			if v.row != v.file.NumRows() {
				return fmt.Errorf("%w: the row groups have %d rows where the footer says %d", ErrDamaged, v.row, v.file.NumRows())
			}
			return io.EOF
		}
		if err := v.openGroup(); err != nil {
			return err
		}
	}
	return nil
}

func (v *parquetList) openGroup() error {
	for c := range v.open() {
		if err := c.reader.Open(v.group); err != nil {
			return fmt.Errorf("row group %d, column %s: %w", v.group, c.name, err)
		}
	}
	if v.left = v.file.RowsOf(v.group); v.left < 0 {
		return fmt.Errorf("%w: row group %d has %d rows", ErrDamaged, v.group, v.left)
	}
	v.group++
	return nil
}

// endGroup checks that no column has more cells than the row group that was read has rows.
func (v *parquetList) endGroup() error {
	if v.group == 0 {
		return nil
	}
	for c := range v.open() {
		if err := c.reader.End(); err != nil {
			return fmt.Errorf("row group %d, column %s: %w", v.group-1, c.name, err)
		}
	}
	return nil
}

func (v *parquetList) nextRow() (ValidationRow, error) {
	var cells [fields]cell
	for i, c := range v.columns {
		if c == nil {
			continue
		}
		var err error
		if cells[i], err = c.next(); err != nil {
			return ValidationRow{}, fmt.Errorf("row %d, column %s: %w", v.row, c.name, err)
		}
	}
	row, err := v.mapping.row(&cells)
	if err != nil {
		return row, fmt.Errorf("row %d, %w", v.row, err)
	}
	v.left--
	v.row++
	return row, nil
}

// open yields the columns that are read.
func (v *parquetList) open() iter.Seq[*stringColumn] {
	return func(yield func(*stringColumn) bool) {
		for _, c := range v.columns {
			if c != nil && !yield(c) {
				return
			}
		}
	}
}

func (v *parquetList) close() {
	for c := range v.open() {
		c.reader.Close()
	}
}

// A stringColumn reads one flat column of strings, cell by cell.
type stringColumn struct {
	name   string
	reader *parquetfile.ColumnReader
}

// next returns the next cell, whose text is valid until the one after it is read.
func (c *stringColumn) next() (cell, error) {
	got, err := c.reader.Next()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the row group has more rows
	}
	if err != nil {
		return cell{}, err
	}
	if got.Null {
		return cell{lacks: "a null cell, want a string"}, nil
	}
	return cell{text: got.Value}, nil
}
