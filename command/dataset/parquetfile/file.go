// Package parquetfile reads parquet files of untrusted origin: it checks the footer, finds columns by name, and decodes their
// pages cell by cell.
//
// It exists because the page decoder of parquet-go believes the counts and sizes that stand in a page: one flipped byte was seen
// to make it allocate 8 GiB. Only the structures of the footer and of page headers are decoded by parquet-go here, after a walk
// over their bytes has bounded what that allocates.
//
// # Guarantees
//
// For every input, reading inside [File.Guard] gives cells or an error; it neither panics nor loops forever. No memory is
// allocated by a number in the file before that number was compared with the bytes that are there, or with a limit. An open
// column holds one page, packed and unpacked, and one dictionary. The limits are
//
//	footer                  64 MiB
//	page header             16 MiB
//	page, unpacked         128 MiB
//	string                   1 MiB
//	elements of all lists of a footer or page header   1,048,576
//
// Beyond a limit, errors match [ErrDamaged]. A checksum is verified where a page has one.
//
// # Supported content
//
// Columns of strings, int32, int64, float and double, required, optional or repeated, in data pages of version 1 and 2; the
// encodings PLAIN, dictionary, DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY and BYTE_STREAM_SPLIT; uncompressed
// or in snappy, gzip, zstd, lz4_raw or brotli. Page indexes and bloom filters are ignored. Encrypted files are not read.
package parquetfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
)

var (
	// ErrDamaged matches errors about bytes that are no parquet file, are cut off or corrupt, or exceed this package's limits.
	ErrDamaged = errors.New("no readable parquet file")

	// ErrShape matches errors about a sound parquet file with other content than wanted: a column that is missing, of another
	// type or written in a way that this package does not read.
	ErrShape = errors.New("unexpected content")
)

const (
	maxFooterBytes = 64 << 20
	magic          = "PAR1"
)

// A File is an open parquet file whose footer was checked. It is for one goroutine at a time.
type File struct {
	decoded *parquet.File
	src     *source
}

// source remembers the first error of the reader below it, so that a failing disk is not taken for a damaged file.
type source struct {
	r    io.ReaderAt
	size int64
	err  error
}

// ReadAt is for parquet-go, which may ask for any offset.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > s.size {
		return 0, io.EOF
	}
	n, err := s.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) && s.err == nil {
		s.err = err
	}
	return n, err
}

// readFull fills p; a source that ends before is io.ErrUnexpectedEOF.
func (s *source) readFull(p []byte, off int64) error {
	n, err := s.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Open reads and checks the footer of the size bytes of r. The file keeps r, and closes nothing.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{src: &source{r: r, size: size}}
	err := f.Guard(func() error {
		if err := checkFooter(f.src); err != nil {
			return err
		}
		// Indexes and bloom filters serve searches; everything here is read in order.
		decoded, err := parquet.OpenFile(f.src, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		f.decoded = decoded
		if err != nil && strings.Contains(err.Error(), "DecryptionConfig") {
			return fmt.Errorf("%w: its columns are encrypted: write it without encryption", ErrShape)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Guard calls read and returns its error. Everything that reads from the file must happen inside read. io.EOF and errors that
// match [ErrShape] are returned as they are. If the file's reader failed, its error is returned alone. Every other error matches
// [ErrDamaged], and so does a panic: parquet-go panics on some damaged files. Code that has nothing to do with the file, such as
// the body of a range-over-func loop, must not run inside read: its panics would be reported as damage.
func (f *File) Guard(read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: decode: %v", ErrDamaged, p)
		}
		if err != nil && f.src.err != nil {
			err = fmt.Errorf("read parquet file: %w", f.src.err)
		}
	}()
	err = read()
	if err != nil && err != io.EOF && !errors.Is(err, ErrShape) && !errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// checkFooter checks that the footer lies inside the file, and that decoding it allocates in proportion to its size.
func checkFooter(s *source) error {
	const ends = int64(2*len(magic) + 4)
	if s.size < ends {
		return fmt.Errorf("%w: the file has %d bytes, too few for parquet", ErrDamaged, s.size)
	}
	var head [4]byte
	if err := s.readFull(head[:], 0); err != nil {
		return fmt.Errorf("read the first bytes: %w", err)
	}
	if string(head[:]) != magic {
		return fmt.Errorf("%w: the file starts with %q, not %q: it is no parquet file", ErrDamaged, head[:], magic)
	}
	var tail [8]byte
	if err := s.readFull(tail[:], s.size-8); err != nil {
		return fmt.Errorf("read the last bytes: %w", err)
	}
	if string(tail[4:]) != magic {
		return fmt.Errorf("%w: the file ends with %q, not %q: it was cut off, or its writer was not closed", ErrDamaged, tail[4:], magic)
	}
	length := int64(binary.LittleEndian.Uint32(tail[:4]))
	if length > s.size-ends || length > maxFooterBytes {
		return fmt.Errorf("%w: a footer of %d bytes in a file of %d (at most %d are read)", ErrDamaged, length, s.size, maxFooterBytes)
	}
	footer := make([]byte, length)
	if err := s.readFull(footer, s.size-8-length); err != nil {
		return fmt.Errorf("read footer: %w", err)
	}
	if _, err := thriftLen(footer); err != nil {
		return fmt.Errorf("read footer: %w", err)
	}
	return nil
}

// NumRows is the number of rows that the footer claims, of all row groups together. Reading does not check it.
func (f *File) NumRows() int64 { return f.decoded.NumRows() }

// NumRowGroups is the number of row groups.
func (f *File) NumRowGroups() int { return len(f.decoded.Metadata().RowGroups) }

// RowsOf is the number of rows that the footer claims for a row group. It may be negative.
func (f *File) RowsOf(group int) int64 { return f.decoded.Metadata().RowGroups[group].NumRows }

// KeyValues returns the key-value metadata as a new map; of a key that stands there twice, the last value.
func (f *File) KeyValues() map[string]string {
	values := make(map[string]string)
	for _, kv := range f.decoded.Metadata().KeyValueMetadata {
		values[kv.Key] = kv.Value
	}
	return values
}

// Column finds a top-level column by its name. Errors match [ErrShape].
func (f *File) Column(name string) (*parquet.Column, error) {
	var found *parquet.Column
	for _, c := range f.decoded.Root().Columns() {
		if c.Name() != name {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: two columns are named %s", ErrShape, name)
		}
		found = c
	}
	if found == nil {
		return nil, fmt.Errorf("%w: no column %s; the file has %s", ErrShape, name, f.columnNames())
	}
	return found, nil
}

// Names returns the names of the top-level columns.
func (f *File) Names() []string {
	var names []string
	for _, c := range f.decoded.Root().Columns() {
		names = append(names, c.Name())
	}
	return names
}

func (f *File) columnNames() string {
	const most = 30
	var names []string
	for _, c := range f.decoded.Root().Columns() {
		if len(names) == most {
			names = append(names, "...")
			break
		}
		names = append(names, Clip(c.Name()))
	}
	if len(names) == 0 {
		return "no columns"
	}
	return strings.Join(names, ", ")
}

// Describe names the type of a column for an error message.
func Describe(c *parquet.Column) string {
	var b bytes.Buffer
	switch {
	case c.Repeated():
		b.WriteString("repeated ")
	case c.Optional():
		b.WriteString("optional ")
	}
	switch {
	case !c.Leaf():
		b.WriteString("group of")
		for _, child := range c.Columns() {
			b.WriteString(" " + Clip(child.Name()))
		}
	case IsString(c):
		b.WriteString("string")
	case IsBytes(c):
		b.WriteString("binary")
	default:
		b.WriteString(strings.ToLower(c.Type().String()))
	}
	return Clip(b.String())
}

// IsString reports whether a column is a leaf of strings.
func IsString(c *parquet.Column) bool {
	return c.Leaf() && c.Type().Kind() == parquet.ByteArray && c.Type().String() == "STRING"
}

// IsBytes reports whether a column is a leaf of bytes, and the file does not say what they mean.
func IsBytes(c *parquet.Column) bool {
	return c.Leaf() && c.Type().Kind() == parquet.ByteArray && c.Type().LogicalType() == nil && c.Type().ConvertedType() == nil
}

// Clip shortens text of a file for an error message, to some 80 bytes.
func Clip(text string) string {
	const most = 80
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
