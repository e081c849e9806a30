package episode

import (
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// An archive is a zstd-compressed tar as it is being read, once, from front to back.
type archive struct {
	lim     Limits
	kit     *kit
	frames  frames
	content content
	tar     *tar.Reader
	member  string // name of the current member, without its folders
	size    int64  // what that member says of its size
	members int
}

// A kit is what is costly to make and serves one archive after the other.
type kit struct {
	src     *bufio.Reader
	decoder *zstd.Decoder
	line    []byte // the buffer of lines
	scan    scanner
	alike   alike
	values  []value // of the row that is being scanned
}

var kits = sync.Pool{New: func() any {
	// One goroutine decodes and parses; the window is bounded by frames.
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return &kit{src: bufio.NewReaderSize(nil, 32<<10), decoder: decoder, line: make([]byte, usualLine)}
}}

// openArchive begins to read an archive. It must be closed.
func openArchive(r io.Reader, lim Limits) (*archive, error) {
	a := &archive{lim: lim, kit: kits.Get().(*kit)}
	a.kit.src.Reset(r)
	a.frames.reset(a.kit.src, lim)
	a.content = content{decoder: a.kit.decoder, frames: &a.frames, left: lim.TotalBytes, limit: lim.TotalBytes}
	a.tar = tar.NewReader(&ending{content: &a.content})
	return a, a.kit.decoder.ResetWithOptions(&a.frames, zstd.WithDecoderMaxWindow(uint64(lim.WindowBytes)))
}

const (
	usualLine = 16 << 10 // what decoding puts there is still in the processor's nearest cache when it is read
	keptLine  = 64 << 10 // the longest buffer that is kept for the next archive
)

// close gives back what the archive held, except where it has grown much.
func (a *archive) close() {
	a.kit.src.Reset(nil)
	a.kit.scan = scanner{scratch: a.kit.scan.scratch[:0]}
	if a.kit.decoder.Reset(nil) == nil && !a.frames.owner && len(a.kit.line) <= keptLine {
		kits.Put(a.kit)
	}
	a.kit, a.content.decoder = nil, nil
	a.frames.release()
}

// next goes to the next regular member and returns its name without the folders. It returns io.EOF when the whole archive was
// read and found whole.
func (a *archive) next() (string, error) {
	for {
		header, err := a.tar.Next()
		if err == io.EOF {
			return "", a.drain()
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // nothing is ever written to a path
			return "", a.fault("damaged tar", err)
		}
		if a.members++; a.members > a.lim.Members {
			return "", tooLargef("more than %d members", a.lim.Members)
		}
		switch header.Typeflag {
		case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
			a.member = header.Name[strings.LastIndexByte(header.Name, '/')+1:]
			a.size = header.Size
			return a.member, nil
		}
	}
}

// Read reads the current member.
func (a *archive) Read(p []byte) (int, error) {
	n, err := a.tar.Read(p)
	if err != nil && err != io.EOF {
		err = a.fault(a.member, err)
	}
	return n, err
}

// drain reads what follows the tar's end, so that every checksum is verified, and returns io.EOF if all was well.
func (a *archive) drain() error {
	if _, err := io.Copy(io.Discard, &a.content); err != nil {
		return err
	}
	return io.EOF
}

// fault returns why reading the tar failed: the fault of the content below it, or else its own.
func (a *archive) fault(where string, err error) error {
	switch {
	case a.content.err != nil && a.content.err != io.EOF:
		return a.content.err
	case err == io.ErrUnexpectedEOF:
		return corruptf("%s: ends early", where)
	}
	return corruptf("%s: %v", where, err)
}

// ending ends a tar at its first zero block, or part of one, as the reference does: archive/tar wants two whole ones, or none. It
// knows a header from content by where it goes: tar.Reader reads every header, and nothing else of that length, into one buffer of its
// own, the first that it ever reads into.
type ending struct {
	content *content
	header  *byte
	ended   bool
}

func (e *ending) Read(p []byte) (int, error) {
	switch {
	case e.ended:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	case e.header == nil:
		e.header = &p[0]
	}
	const block = 512
	if &p[0] != e.header || len(p) != block {
		return e.content.Read(p)
	}
	n, err := io.ReadFull(e.content, p)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return n, err
	}
	for _, b := range p[:n] {
		if b != 0 {
			return n, nil // archive/tar sees by itself that part of a block is missing
		}
	}
	e.ended = true
	return 0, io.EOF
}

// content is the decompressed archive, counted.
type content struct {
	decoder *zstd.Decoder
	frames  *frames
	left    int64
	limit   int64
	err     error // how it ended; io.EOF where it is whole
}

func (c *content) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.decoder.Read(p)
	c.left -= int64(n)
	switch {
	case c.left < 0:
		n, c.err = 0, tooLargef("more than %d bytes decompressed", c.limit)
	case c.frames.err != nil: // the decoder may have made something else of it
		c.err = c.frames.err
	case err == io.EOF:
		c.err = io.EOF
	case err != nil:
		c.err = corruptf("zstd: %v", err)
	}
	return n, c.err
}
