package dataset

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
)

// A sourceReader remembers the error of a failing source, so that it is not taken for damage.
type sourceReader struct {
	r   io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// A gzipReader says what is wrong with a gzip file.
type gzipReader struct {
	*gzip.Reader
	source *sourceReader
}

func (g *gzipReader) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	return n, g.explain(err)
}

func (g *gzipReader) explain(err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case g.source.err != nil:
		return g.source.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return damagedf("the gzip file is cut off")
	}
	return damagedf("the gzip file is damaged: %v", err)
}

// maxUnpacked is the most bytes of a parquet file that was packed with gzip.
const maxUnpacked = 4 << 30

// unpack copies r into a temporary file of at most limit bytes, which has no name any more and is gone when it is closed.
func unpack(r io.Reader, limit int64) (*os.File, int64, error) {
	f, err := os.CreateTemp("", "validation-*.parquet")
	if err != nil {
		return nil, 0, fmt.Errorf("unpack parquet from gzip: %w (or unpack the file first: parquet is compressed within)", err)
	}
	err = os.Remove(f.Name())
	size := int64(0)
	if err == nil {
		size, err = io.Copy(f, io.LimitReader(r, limit+1))
	}
	if err == nil && size > limit {
		err = damagedf("the parquet file within gzip has more than %d bytes: unpack it first", limit)
	}
	if err != nil {
		_ = f.Close() // the error of the content counts
		return nil, 0, fmt.Errorf("unpack parquet from gzip: %w", err)
	}
	return f, size, nil
}

// An unpackedList reads a parquet file that was packed.
type unpackedList struct {
	*parquetList
	file *os.File
}

func (l *unpackedList) close() {
	l.parquetList.close()
	_ = l.file.Close() // it has no name: nothing is lost
}
