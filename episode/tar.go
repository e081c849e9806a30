package episode

import (
	"archive/tar"
	"errors"
	"io"
	"strings"
)

const blockBytes = 512 // headers are one block, and members are padded to whole blocks

// A tarReader goes through the entries of a tar from front to back. One tarReader serves many tars,
// one after the other.
type tarReader struct {
	blocks  tarBlocks
	tar     *tar.Reader
	lim     Limits
	entries int   // so far
	content int64 // bytes read of members so far
	current Member
	tail    tail  // of the content, behind the end of the tar
	err     error // the first error of the tar or of its content
}

// reset starts reading a tar from content, whose errors must be those that [Read] returns, and must
// repeat.
func (t *tarReader) reset(content io.Reader, lim Limits) {
	*t = tarReader{blocks: tarBlocks{content: content}, lim: lim}
	t.tar = tar.NewReader(&t.blocks)
}

// release drops the tar.
func (t *tarReader) release() { *t = tarReader{} }

// next goes to the next entry. It returns io.EOF after the last one, if the content behind the tar
// could also be read to its end.
func (t *tarReader) next() error {
	header, err := t.tar.Next()
	switch {
	case err == io.EOF:
		if _, err := io.CopyBuffer(&t.tail, t.blocks.content, t.blocks.block[:]); err != nil { // io.Copy would allocate 32 KB
			return err
		}
		return io.EOF
	case err != nil && !errors.Is(err, tar.ErrInsecurePath): // no file is created, so every path is safe
		return t.fault("damaged tar", err)
	}
	if t.entries++; t.entries > t.lim.Members {
		return tooLargef("more than %d members", t.lim.Members)
	}
	t.blocks.expectHeader(header)
	t.current = memberOf(header, t)
	return nil
}

// Read reads the content of the current entry.
func (t *tarReader) Read(p []byte) (int, error) {
	n, err := t.tar.Read(p)
	if t.content += int64(n); t.content > t.lim.TotalBytes { // a sparse file has holes, which are not in the tar
		t.err = tooLargef("more than %d bytes in sparse files", t.lim.TotalBytes)
		return 0, t.err
	}
	if err != nil && err != io.EOF {
		err = t.fault(printable(t.current.name()), err)
	}
	return n, err
}

// fault sets and returns why reading failed: the error of the content, if there is one, or else that
// of archive/tar.
func (t *tarReader) fault(where string, err error) error {
	switch {
	case t.blocks.err != nil:
		t.err = t.blocks.err
	case err == io.ErrUnexpectedEOF:
		t.err = corruptf("%s: ends early", where)
	default:
		t.err = corruptf("%s: %v", where, err)
	}
	return t.err
}

// tarBlocks passes a tar on to archive/tar, up to its end: the first zero block, or part of one,
// where a header is due. This is where the reference implementation ends a tar, while archive/tar
// expects two whole zero blocks.
type tarBlocks struct {
	content io.Reader
	err     error // the first error of content, other than io.EOF
	offset  int64 // bytes passed on
	header  int64 // offset of the next header, or -1 if it is not known
	block   [blockBytes]byte
	pending []byte // the rest of block, not passed on yet
	ended   bool
}

func (b *tarBlocks) Read(p []byte) (n int, err error) {
	if b.offset == b.header {
		b.readHeader()
	}
	switch untilHeader := b.header - b.offset; {
	case b.ended:
		return 0, io.EOF
	case len(b.pending) > 0:
		n = copy(p, b.pending)
		b.pending = b.pending[n:]
	default:
		if untilHeader > 0 {
			p = p[:min(int64(len(p)), untilHeader)]
		}
		if n, err = b.content.Read(p); err != nil && err != io.EOF {
			b.err = err
		}
	}
	b.offset += int64(n)
	return n, err
}

// readHeader reads the block in which the next header must be. If content ends in it, the next Read
// of content returns why.
func (b *tarBlocks) readHeader() {
	b.header = -1
	n, err := io.ReadFull(b.content, b.block[:])
	b.pending = b.block[:n]
	b.ended = isZero(b.pending) && (err == nil || err == io.EOF || err == io.ErrUnexpectedEOF)
}

// expectHeader computes where the header after that of an entry is due. For a sparse file this is
// not known, since it stores less than its size: archive/tar must find the end of the tar if it
// follows one.
func (b *tarBlocks) expectHeader(entry *tar.Header) {
	b.header = b.offset
	switch entry.Typeflag {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo: // no content, whatever their size
	case tar.TypeGNUSparse:
		b.header = -1
		return
	default:
		for key := range entry.PAXRecords {
			if strings.HasPrefix(key, "GNU.sparse.") {
				b.header = -1
				return
			}
		}
		b.header += entry.Size
	}
	b.header += -b.header & (blockBytes - 1)
}

// A tail looks for the header of another tar in what follows the end of one. cat joins tars in this way, and no program
// reads the second without being told to.
type tail struct {
	block  [blockBytes]byte
	filled int
	isTar  bool
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	const magicAt, magic = 257, "ustar"
	for rest := p; len(rest) > 0 && !t.isTar; {
		n := copy(t.block[t.filled:], rest)
		t.filled, rest = t.filled+n, rest[n:]
		if t.filled == blockBytes {
			t.filled = 0
			t.isTar = string(t.block[magicAt:magicAt+len(magic)]) == magic
		}
	}
	return len(p), nil
}

func isZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
