package dataset

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// WriteAttackProfiles writes rows as attack_profiles_v1.parquet, in their order,
// with meta as the file's key-value metadata: the columns of AttackProfile in
// that order, zstd, nothing nullable. The same input gives the same bytes. A row
// that does not pass Check is an error before anything is written, as is a
// profile that comes twice; the rows are not changed or kept. No rows is a file
// without rows.
func WriteAttackProfiles(w io.Writer, rows []AttackProfile, meta map[string]string) error {
	seen := make(map[string]bool)
	for i := range rows {
		if err := rows[i].Check(); err != nil {
			return fmt.Errorf("write attack profiles: row %d (%s): %w", i, clip(rows[i].Profile), err)
		}
		if seen[rows[i].Profile] {
			return fmt.Errorf("write attack profiles: row %d: %w: profile %s comes twice", i, ErrShape, clip(rows[i].Profile))
		}
		seen[rows[i].Profile] = true
	}
	if err := writeTable(w, rows, meta); err != nil {
		return fmt.Errorf("write attack profiles: %w", err)
	}
	return nil
}

// writeTable writes rows as they stand. The same input gives the same bytes.
func writeTable[Row any](w io.Writer, rows []Row, meta map[string]string) error {
	options := []parquet.WriterOption{
		parquet.Compression(&parquet.Zstd),
		parquet.CreatedBy("github.com/cis490/profiles", "1", ""),
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		options = append(options, parquet.KeyValueMetadata(key, meta[key]))
	}
	p := parquet.NewGenericWriter[Row](w, options...)
	if _, err := p.Write(rows); err != nil {
		return err
	}
	return p.Close()
}

// CheckTarget makes sure that a file can be put at path, before long work whose
// result goes there: its folder, which is made where it is missing, can be
// written to, and nothing but a regular file would be replaced.
func CheckTarget(path string) error {
	switch info, err := os.Lstat(path); {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("write %s: it is there and no regular file; name another", path)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("write %s: %w", path, err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder for %s: %w", path, err)
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// WriteAttackProfilesFile writes the file at path whole or not at all: into a
// temporary file in the same folder, which is synced and then takes path's
// place. Folders that are missing are made. On an error the old file, if there
// was one, is as it was.
func WriteAttackProfilesFile(path string, rows []AttackProfile, meta map[string]string) error {
	return writeFile(path, func(w io.Writer) error { return WriteAttackProfiles(w, rows, meta) })
}

// writeFile makes the file at path of what write writes, whole or not at all.
func writeFile(path string, write func(io.Writer) error) (err error) {
	if err := CheckTarget(path); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("make temporary file for %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	if err := write(f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := f.Chmod(0o644); err != nil { // CreateTemp's 0600 would shut readers out
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(dir)
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// syncDir makes a rename in dir last through a loss of power.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}
