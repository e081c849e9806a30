package dataset

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/cis490/profiles/internal/atomicfile"
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

// WriteAttackProfilesFile writes the file at path whole or not at all, as
// atomicfile.Write does.
func WriteAttackProfilesFile(path string, rows []AttackProfile, meta map[string]string) error {
	return atomicfile.Write(path, func(w io.Writer) error { return WriteAttackProfiles(w, rows, meta) })
}
