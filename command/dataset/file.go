package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
)

const (
	maxFooterBytes = 64 << 20
	magic          = "PAR1"
)

// file is an open parquet file whose footer was checked.
type file struct {
	*parquet.File
	src *source
}

// source passes reads on and keeps the first real error of them, so that a disk
// that fails is not taken for a file that is damaged.
type source struct {
	r    io.ReaderAt
	size int64
	err  error
}

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

// guard calls f and makes an error of whatever goes wrong in it. It is the
// boundary to the parquet library, which panics on some damaged files: a panic
// inside f becomes an error that matches ErrDamaged. Nothing of a caller's (a
// loop body above all) may run inside it.
func (s *source) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: decode: %v", ErrDamaged, p)
		}
		if err != nil && s.err != nil {
			err = fmt.Errorf("read parquet file: %w", s.err)
		}
	}()
	err = f()
	if err != nil && !errors.Is(err, ErrShape) && !errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// openFile reads and checks the footer of the size bytes in r.
func openFile(r io.ReaderAt, size int64) (*file, error) {
	f := &file{src: &source{r: r, size: size}}
	err := f.src.guard(func() error {
		if err := checkFooter(f.src); err != nil {
			return err
		}
		// Indexes and bloom filters serve searches; everything here is read in order.
		p, err := parquet.OpenFile(f.src, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		f.File = p
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// checkFooter makes sure that the footer lies inside the file and that decoding
// it allocates in proportion to its size.
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
		return fmt.Errorf("%w: the file ends with %q, not %q: it was cut off, or its writer not closed", ErrDamaged, tail[4:], magic)
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

// column finds a top-level column by its name.
func (f *file) column(name string) (*parquet.Column, error) {
	var found *parquet.Column
	for _, c := range f.Root().Columns() {
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

func (f *file) columnNames() string {
	const most = 30
	var names []string
	for _, c := range f.Root().Columns() {
		if len(names) == most {
			names = append(names, "...")
			break
		}
		names = append(names, clip(c.Name()))
	}
	if len(names) == 0 {
		return "no columns"
	}
	return strings.Join(names, ", ")
}

// describe says of what type a column is, for errors.
func describe(c *parquet.Column) string {
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
			b.WriteString(" " + clip(child.Name()))
		}
	case isString(c):
		b.WriteString("string")
	case c.Type().Kind() == parquet.ByteArray && c.Type().LogicalType() == nil:
		b.WriteString("binary")
	default:
		b.WriteString(strings.ToLower(c.Type().String()))
	}
	return clip(b.String())
}

func isString(c *parquet.Column) bool {
	return c.Leaf() && c.Type().Kind() == parquet.ByteArray && c.Type().String() == "STRING"
}

// clip keeps what a file's text adds to an error short.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
