package dataset

import (
	"fmt"
	"io"
	"iter"

	"github.com/cis490/profiles/command/dataset/parquetfile"
)

// ValidationRow is one episode as validation.parquet lists it. The strings are as the file has them: nothing is trimmed, and no
// grammar is checked.
type ValidationRow struct {
	EpisodeID, HostID, Profile string
	Status                     string // StatusAccepted if the episode may be used
}

// StatusAccepted is the status of a usable episode.
const StatusAccepted = "accepted"

var validationColumns = [...]string{"episode_id", "host_id", "profile", "status"}

// Validation streams the rows of a validation file of size bytes, in the file's order. The columns episode_id, host_id, profile
// and status are found by name among any others; they hold strings in any encoding, required or optional, packed with snappy,
// gzip, zstd, lz4_raw, brotli or not at all.
//
// Memory is bounded by a few pages, not by the file. An error comes last, with a zero row: it matches ErrDamaged, or ErrShape (a
// column that is missing or of another type; a null cell, with its row, counted from 0, and its column), or is that of r. The
// rows before it are valid. Each use of the sequence reads the file again. r may be shared, as io.ReaderAt says.
func Validation(r io.ReaderAt, size int64) iter.Seq2[ValidationRow, error] {
	return func(yield func(ValidationRow, error) bool) {
		v, err := newValidationReader(r, size)
		if err != nil {
			yield(ValidationRow{}, fmt.Errorf("read validation file: %w", err))
			return
		}
		defer v.close()
		var batch [512]ValidationRow
		for err == nil {
			var n int
			n, err = v.read(batch[:])
			for _, row := range batch[:n] {
				if !yield(row, nil) {
					return
				}
			}
		}
		if err != io.EOF {
			yield(ValidationRow{}, fmt.Errorf("read validation file: %w", err))
		}
	}
}

// OpenValidation streams the rows of the validation file at path as [Validation] does; errors name the path. The file is opened
// when a loop over the sequence starts, and closed when the loop ends.
func OpenValidation(path string) iter.Seq2[ValidationRow, error] {
	return func(yield func(ValidationRow, error) bool) {
		f, size, err := openPath(path, "validation file")
		if err != nil {
			yield(ValidationRow{}, err)
			return
		}
		defer func() { _ = f.Close() }() // nothing was written
		for row, err := range Validation(f, size) {
			if err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// A validationReader reads the four columns in step.
type validationReader struct {
	file    *parquetfile.File
	columns [len(validationColumns)]stringColumn
	group   int   // the row group after the present one
	left    int64 // rows of the present row group that were not read yet
	row     int64 // rows read, of all row groups
}

func newValidationReader(r io.ReaderAt, size int64) (*validationReader, error) {
	f, err := parquetfile.Open(r, size)
	if err != nil {
		return nil, err
	}
	v := &validationReader{file: f}
	err = f.Guard(func() error {
		for i, name := range validationColumns {
			c, err := f.Column(name)
			if err != nil {
				return err
			}
			if !parquetfile.IsString(c) || c.Repeated() {
				return fmt.Errorf("%w: column %s is %s, want string", ErrShape, name, parquetfile.Describe(c))
			}
			reader, err := parquetfile.NewColumnReader(f, c)
			if err != nil {
				return err
			}
			v.columns[i] = stringColumn{name: name, reader: reader, repeats: name != "episode_id"}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// read fills rows and returns how many it filled. The error, which may be io.EOF, is about what follows them.
func (v *validationReader) read(rows []ValidationRow) (n int, err error) {
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
func (v *validationReader) nextGroup() error {
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

func (v *validationReader) openGroup() error {
	for _, c := range v.columns {
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
func (v *validationReader) endGroup() error {
	if v.group == 0 {
		return nil
	}
	for _, c := range v.columns {
		if err := c.reader.End(); err != nil {
			return fmt.Errorf("row group %d, column %s: %w", v.group-1, c.name, err)
		}
	}
	return nil
}

func (v *validationReader) nextRow() (ValidationRow, error) {
	var cells [len(validationColumns)]string
	for i := range v.columns {
		cell, err := v.columns[i].next()
		if err != nil {
			return ValidationRow{}, fmt.Errorf("row %d, column %s: %w", v.row, v.columns[i].name, err)
		}
		cells[i] = cell
	}
	v.left--
	v.row++
	return ValidationRow{EpisodeID: cells[0], HostID: cells[1], Profile: cells[2], Status: cells[3]}, nil
}

func (v *validationReader) close() {
	for _, c := range v.columns {
		c.reader.Close()
	}
}

// A stringColumn reads one flat column of strings, cell by cell.
type stringColumn struct {
	name    string
	reader  *parquetfile.ColumnReader
	repeats bool              // few different values are expected: equal cells share one string
	shared  map[string]string // at most maxShared strings of at most maxSharedBytes
}

const (
	maxShared      = 1024
	maxSharedBytes = 256
)

// next returns the next cell as a string that does not refer to the page.
func (c *stringColumn) next() (string, error) {
	cell, err := c.reader.Next()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the row group has more rows
	}
	if err != nil {
		return "", err
	}
	if cell.Null {
		return "", fmt.Errorf("%w: a null cell, want a string", ErrShape)
	}
	if !c.repeats {
		return string(cell.Value), nil
	}
	if s, ok := c.shared[string(cell.Value)]; ok {
		return s, nil
	}
	s := string(cell.Value)
	if len(c.shared) < maxShared && len(s) <= maxSharedBytes {
		if c.shared == nil {
			c.shared = make(map[string]string)
		}
		c.shared[s] = s
	}
	return s, nil
}
