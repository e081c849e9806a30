// Package dataset reads the list of episodes, and reads and writes the parquet files of the system:
//
//	Validation     the validation file, a receiver's list of episodes, in parquet, CSV or JSON lines; streamed, only read
//	AttackProfile  attack_profiles_v1.parquet, one row a profile; written and read
//	WriteModel     the examples of a model; written and read
//
// Files may come from other programs: they are read by package parquetfile, and their content is checked before it is returned.
package dataset

import "github.com/cis490/profiles/command/dataset/parquetfile"

var (
	// ErrDamaged matches errors about bytes that are no parquet file (or no CSV, JSON lines or gzip), are cut off or corrupt, or
	// exceed the limits of package parquetfile (a page of 128 MiB, a footer of 64 MiB, a string of 1 MiB), of a row (1 MiB) or of
	// the file (200 million rows).
	ErrDamaged = parquetfile.ErrDamaged

	// ErrShape matches errors about a sound file with other content than wanted: a column that is missing or of another
	// type, a null, lists of different lengths, a number that is not finite.
	ErrShape = parquetfile.ErrShape
)
