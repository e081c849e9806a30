package episode

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"
)

const gzipMagic = "\x1F\x8B"

// A gzipReader decompresses a gzip file (RFC 1952): one or more streams, each with a checksum and a
// length. One gzipReader serves many files, one after the other.
type gzipReader struct {
	src    *bufio.Reader
	stream gzip.Reader
	inside bool // a stream
	found  bool // there was a stream
}

// reset starts reading the file src.
func (z *gzipReader) reset(src *bufio.Reader) { z.src, z.inside, z.found = src, false, false }

// Read returns io.EOF only if the whole file was read, and the checksum and length of every stream
// was right.
func (z *gzipReader) Read(p []byte) (int, error) {
	for {
		if !z.inside {
			if err := z.nextStream(); err != nil {
				return 0, err
			}
		}
		n, err := z.stream.Read(p)
		z.inside = err != io.EOF
		switch {
		case z.inside && err != nil:
			return n, gzipFault(err)
		case n > 0:
			return n, nil
		}
	}
}

// nextStream begins the next stream. It returns io.EOF if there is none.
func (z *gzipReader) nextStream() error {
	if z.found {
		magic, err := z.src.Peek(len(gzipMagic))
		switch {
		case len(magic) == 0:
			return err
		case string(magic) != gzipMagic:
			return corruptf("bytes after the end of the gzip file")
		}
	}
	z.found = true
	if err := z.stream.Reset(z.src); err != nil {
		return gzipFault(err)
	}
	z.stream.Multistream(false)
	z.inside = true
	return nil
}

// gzipFault returns the error of a file that is damaged, or ends early.
func gzipFault(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return corruptf("truncated in gzip")
	}
	return corruptf("%v", err)
}
