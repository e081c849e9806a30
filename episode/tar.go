package episode

import (
	"archive/tar"
	"errors"
	"io"
	"strings"
)

const blockBytes = 512 // headers are one block, and members are padded to whole blocks

// A tarReader goes through the regular files in a tar, its members, from front to back.
type tarReader struct {
	blocks  tarBlocks
	tar     *tar.Reader
	limit   int    // the most entries
	entries int    // so far, of every kind
	member  string // name of the current member, without its folders
	size    int64  // of the current member, as declared
}

// newTarReader reads a tar from content, whose errors must be those that [Read] returns, and must
// repeat.
func newTarReader(content io.Reader, lim Limits) *tarReader {
	t := &tarReader{blocks: tarBlocks{content: content}, limit: lim.Members}
	t.tar = tar.NewReader(&t.blocks)
	return t
}

// next goes to the next member. It returns io.EOF after the last one, if the content behind the tar
// could also be read to its end.
func (t *tarReader) next() error {
	for {
		header, err := t.tar.Next()
		switch {
		case err == io.EOF:
			if _, err := io.Copy(io.Discard, t.blocks.content); err != nil {
				return err
			}
			return io.EOF
		case err != nil && !errors.Is(err, tar.ErrInsecurePath): // no file is created, so every path is safe
			return t.fault("damaged tar", err)
		}
		if t.entries++; t.entries > t.limit {
			return tooLargef("more than %d members", t.limit)
		}
		t.blocks.expectHeader(header)
		switch header.Typeflag {
		case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
			t.member = header.Name[strings.LastIndexByte(header.Name, '/')+1:]
			t.size = header.Size
			return nil
		}
	}
}

// Read reads the current member.
func (t *tarReader) Read(p []byte) (int, error) {
	n, err := t.tar.Read(p)
	if err != nil && err != io.EOF {
		err = t.fault(t.member, err)
	}
	return n, err
}

// fault returns why reading failed: the error of the content, if there is one, or else that of
// archive/tar.
func (t *tarReader) fault(where string, err error) error {
	switch {
	case t.blocks.err != nil:
		return t.blocks.err
	case err == io.ErrUnexpectedEOF:
		return corruptf("%s: ends early", where)
	}
	return corruptf("%s: %v", where, err)
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

func isZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
