// Package dataset owns the two parquet files of the system: it streams the
// validation file that lists every episode (Validation), and writes and reads
// attack_profiles_v1.parquet, one row a profile (AttackProfile).
//
// Files come from other programs, so nothing in them is trusted: sizes are
// checked before they are allocated, and what the files hold is checked before
// it is handed on. parquet-go writes files and decodes their footers, and a
// panic of it on bytes that it did not expect comes back as ErrDamaged; pages
// are decoded here, value by value, because its page decoder believes the
// counts that it finds.
package dataset

import "errors"

var (
	// ErrDamaged is matched by errors about bytes that are no parquet file, are
	// cut off or corrupt, or go over this package's limits (a page of 128 MiB, a
	// footer of 64 MiB, a string of 1 MiB).
	ErrDamaged = errors.New("no readable parquet file")

	// ErrShape is matched by errors about a sound parquet file that holds
	// something else than it should: a column missing or of another type, a
	// null, lists of different lengths, a number that is not finite.
	ErrShape = errors.New("unexpected content")
)
