package dataset

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// ValidationRow is one episode as validation.parquet lists it. The strings are
// as the file has them: nothing is trimmed, and no grammar is checked.
type ValidationRow struct {
	EpisodeID, HostID, Profile string
	Status                     string // StatusAccepted for an episode that may be used
}

// StatusAccepted is the status of a usable episode.
const StatusAccepted = "accepted"

var validationColumns = [...]string{"episode_id", "host_id", "profile", "status"}

// Validation streams the rows of a validation file of size bytes, in the file's
// order. The columns episode_id, host_id, profile and status are found by name
// among any others; they hold strings in any encoding, required or optional,
// packed with snappy, gzip, zstd, lz4_raw, brotli or not at all.
//
// Memory is bounded by a few pages, not by the file. Errors come as the last
// pair, with a zero row: they match ErrDamaged (no parquet file, cut off,
// corrupt, beyond the limits; a panic of the parquet library on it included),
// ErrShape (a column missing or of another type; a null cell, with its row,
// counted from 0, and its column), or are those of r. Rows before an error in a
// later row group are handed on first. Each use of the sequence reads anew; r
// may be shared, as io.ReaderAt says.
func Validation(r io.ReaderAt, size int64) iter.Seq2[ValidationRow, error] {
	return func(yield func(ValidationRow, error) bool) {
		v, err := newValidationReader(r, size)
		if err != nil {
			yield(ValidationRow{}, fmt.Errorf("read validation file: %w", err))
			return
		}
		defer v.close()
		var batch [512]ValidationRow
		for {
			n, err := v.read(batch[:])
			for _, row := range batch[:n] {
				if !yield(row, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(ValidationRow{}, fmt.Errorf("read validation file: %w", err))
				return
			}
		}
	}
}

// OpenValidation streams the rows of the validation file at path, as Validation
// does; errors name the path. The file is opened when a loop over the sequence
// starts, and closed when it ends.
func OpenValidation(path string) iter.Seq2[ValidationRow, error] {
	return func(yield func(ValidationRow, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(ValidationRow{}, fmt.Errorf("open validation file: %w", err))
			return
		}
		defer func() { _ = f.Close() }() // nothing was written
		info, err := f.Stat()
		if err == nil && info.IsDir() {
			err = errors.New("it is a directory; name the parquet file")
		}
		if err != nil {
			yield(ValidationRow{}, fmt.Errorf("open validation file %s: %w", path, err))
			return
		}
		for row, err := range Validation(f, info.Size()) {
			if err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// validationReader reads the four columns in step.
type validationReader struct {
	f       *file
	columns [len(validationColumns)]stringColumn
	group   int   // the row group after the one being read
	left    int64 // rows of the row group being read that were not handed on
	row     int64 // rows handed on
}

func newValidationReader(r io.ReaderAt, size int64) (*validationReader, error) {
	f, err := openFile(r, size)
	if err != nil {
		return nil, err
	}
	v := &validationReader{f: f}
	err = f.src.guard(func() error {
		for i, name := range validationColumns {
			c, err := f.column(name)
			if err != nil {
				return err
			}
			if !isString(c) || c.Repeated() {
				return fmt.Errorf("%w: column %s is %s, want string", ErrShape, name, describe(c))
			}
			v.columns[i] = stringColumn{name: name, columnReader: newColumnReader(c), shared: name != "episode_id"}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// read fills rows and says how many it filled; the error, io.EOF included, is
// about what follows them.
func (v *validationReader) read(rows []ValidationRow) (n int, err error) {
	ended := false
	err = v.f.src.guard(func() error {
		for ; n < len(rows); n++ {
			if v.left == 0 {
				more, err := v.nextGroup()
				if !more || err != nil {
					ended = err == nil
					return err
				}
			}
			var cells [len(validationColumns)]string
			for i := range v.columns {
				cell, err := v.columns[i].next()
				if err != nil {
					return fmt.Errorf("row %d, column %s: %w", v.row, v.columns[i].name, err)
				}
				cells[i] = cell
			}
			rows[n] = ValidationRow{EpisodeID: cells[0], HostID: cells[1], Profile: cells[2], Status: cells[3]}
			v.left--
			v.row++
		}
		return nil
	})
	if ended {
		err = io.EOF
	}
	return n, err
}

// nextGroup goes to the next row group that has rows; false: there is none.
func (v *validationReader) nextGroup() (bool, error) {
	groups := v.f.Metadata().RowGroups
	for v.left == 0 {
		if v.group > 0 {
			for i := range v.columns {
				if err := v.columns[i].end(); err != nil {
					return false, fmt.Errorf("row group %d, column %s: %w", v.group-1, v.columns[i].name, err)
				}
			}
		}
		if v.group == len(groups) {
			if v.row != v.f.NumRows() {
				return false, fmt.Errorf("%w: the row groups have %d rows where the footer says %d", ErrDamaged, v.row, v.f.NumRows())
			}
			return false, nil
		}
		for i := range v.columns {
			if err := v.columns[i].open(v.f, v.group); err != nil {
				return false, fmt.Errorf("row group %d, column %s: %w", v.group, v.columns[i].name, err)
			}
		}
		if v.left = groups[v.group].NumRows; v.left < 0 {
			return false, fmt.Errorf("%w: row group %d has %d rows", ErrDamaged, v.group, v.left)
		}
		v.group++
	}
	return true, nil
}

func (v *validationReader) close() {
	for i := range v.columns {
		v.columns[i].release()
	}
}

// stringColumn reads one flat column of strings, cell by cell.
type stringColumn struct {
	columnReader
	name   string
	shared bool              // few distinct values are expected: one string serves equal cells
	seen   map[string]string // bounded by maxShared
}

const (
	maxShared      = 1024
	maxSharedBytes = 256
)

// next is the next cell as a string of its own memory.
func (c *stringColumn) next() (string, error) {
	cell, err := c.columnReader.next()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the row group has more rows
	}
	if err != nil {
		return "", err
	}
	if cell.def < c.leaf.MaxDefinitionLevel() {
		return "", fmt.Errorf("%w: a null cell, want a string", ErrShape)
	}
	if !c.shared {
		return string(cell.value), nil
	}
	if s, ok := c.seen[string(cell.value)]; ok {
		return s, nil
	}
	s := string(cell.value)
	if len(c.seen) < maxShared && len(s) <= maxSharedBytes {
		if c.seen == nil {
			c.seen = make(map[string]string)
		}
		c.seen[s] = s
	}
	return s, nil
}
