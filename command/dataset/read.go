package dataset

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Limits of an attack profiles file. (It has six rows of 80 points.)
const (
	maxProfiles = 10_000
	maxNumbers  = 4 << 20 // of one list column, all rows together
)

// ReadAttackProfiles reads an attack profiles file of size bytes and its
// key-value metadata (of a key that comes twice, the last value). What pyarrow,
// DuckDB and pandas write of the same rows is read, too: columns in any order
// and among others, nullable types, lists of float64 (rounded to float32 once)
// or of a fixed size, list elements of any name, int64 counts, float32 for the
// two float64 columns, any compression.
//
// Errors match ErrDamaged or ErrShape (a column missing or of another type, a
// null, a row that does not pass Check, a profile that comes twice; the column
// and the row, counted from 0, are named), or are those of r. Rows and metadata
// are the caller's; a list without numbers is nil.
func ReadAttackProfiles(r io.ReaderAt, size int64) ([]AttackProfile, map[string]string, error) {
	rows, meta, err := readAttackProfiles(r, size)
	if err != nil {
		return nil, nil, fmt.Errorf("read attack profiles: %w", err)
	}
	return rows, meta, nil
}

// ReadAttackProfilesFile reads the file at path, as ReadAttackProfiles does.
func ReadAttackProfilesFile(path string) (rows []AttackProfile, meta map[string]string, err error) {
	err = readFile(path, "attack profiles", func(r io.ReaderAt, size int64) (err error) {
		rows, meta, err = ReadAttackProfiles(r, size)
		return err
	})
	return rows, meta, err
}

// readFile opens the file at path and has it read.
func readFile(path, what string, read func(r io.ReaderAt, size int64) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", what, err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory; name the parquet file")
	}
	if err != nil {
		return fmt.Errorf("open %s %s: %w", what, path, err)
	}
	if err := read(f, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func readAttackProfiles(r io.ReaderAt, size int64) (rows []AttackProfile, meta map[string]string, err error) {
	rows, meta, err = readTable(r, size, profileColumns, tableLimits{maxProfiles, maxNumbers})
	if err != nil {
		return nil, nil, err
	}
	seen := make(map[string]bool)
	for i := range rows {
		if err := rows[i].Check(); err != nil {
			return nil, nil, fmt.Errorf("row %d (%s): %w", i, clip(rows[i].Profile), err)
		}
		if seen[rows[i].Profile] {
			return nil, nil, fmt.Errorf("row %d: %w: profile %s comes twice", i, ErrShape, clip(rows[i].Profile))
		}
		seen[rows[i].Profile] = true
	}
	return rows, meta, nil
}
