package dataset

import (
	"fmt"
	"io"
	"iter"

	"github.com/cis490/profiles/fit"
)

// ValidationRow is one episode as the validation file lists it. The strings are as the file has them: no grammar is checked.
type ValidationRow struct {
	EpisodeID, HostID, Profile string
	Status                     string // "" if the mapping names no column of it
	Accepted                   bool   // the episode may be used
	Line                       int    // where the row begins, counted from 1; 0 in parquet, which has no lines
}

// StatusAccepted is the status of a usable episode if the spec names no other.
const StatusAccepted = "accepted"

// maxRows is how many rows of a file are read. A file of a few kilobytes may say that it has any number of equal rows.
var maxRows = 200_000_000 // tests lower it

// Validation streams the rows of a validation file of size bytes, in the file's order. The first bytes say how it is written:
// parquet, CSV with a header line, or JSON lines; each may be packed with gzip. columns names the columns, which are found among
// any others:
//
//   - of parquet, a column of strings (or of bytes without another meaning) in any encoding, required or optional, packed with
//     snappy, gzip, zstd, lz4_raw, brotli or not at all;
//   - of CSV, a name in the header. Cells are quoted as in RFC 4180; blanks around a cell are dropped;
//   - of JSON lines, a key of the line's object or, if there is no such key, a path: each dot walks into an object. Of a key that
//     is there twice the last counts. A number, true or false counts as its text.
//
// A cell that is null, missing, or no string is an error if the row is accepted, or if it is the status; in any other row it
// counts as "". An empty cell of CSV is an empty string.
//
// At most 200 million rows are read; a file with more is an error. Memory is bounded by a few pages or by the longest row (1 MiB at
// most), not by the file. Packed parquet cannot be read in
// order, so it is unpacked into a temporary file (4 GiB at most). An error comes last, with a zero row: it matches ErrDamaged, or
// ErrShape (a column that is missing or of another type; a cell that is no string, with its column and its row, counted from 0,
// or its line, counted from 1), or is that of r. The rows before it are valid. Each use of the sequence reads the file again. r
// may be shared, as io.ReaderAt says.
func Validation(r io.ReaderAt, size int64, columns fit.Validation) iter.Seq2[ValidationRow, error] {
	return func(yield func(ValidationRow, error) bool) {
		list, err := openList(r, size, newMapping(columns))
		if err != nil {
			yield(ValidationRow{}, fmt.Errorf("read validation file: %w", err))
			return
		}
		defer list.close()
		var batch [512]ValidationRow
		for left := maxRows; err == nil; {
			var n int
			n, err = readAtMost(list, batch[:], left)
			left -= n
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

// readAtMost reads rows of a list into batch, at most left of them. If the list has more, the error says so.
func readAtMost(from list, batch []ValidationRow, left int) (int, error) {
	n, err := from.read(batch)
	if n > left {
		return left, damagedf("it has more than %d rows: split it", maxRows)
	}
	return n, err
}

// OpenValidation streams the rows of the validation file at path as [Validation] does; errors name the path. The file is opened
// when a loop over the sequence starts, and closed when the loop ends.
func OpenValidation(path string, columns fit.Validation) iter.Seq2[ValidationRow, error] {
	return func(yield func(ValidationRow, error) bool) {
		f, size, err := openPath(path, "validation file")
		if err != nil {
			yield(ValidationRow{}, err)
			return
		}
		defer func() { _ = f.Close() }() // nothing was written
		for row, err := range Validation(f, size, columns) {
			if err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}
