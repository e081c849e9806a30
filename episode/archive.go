package episode

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
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
	header  header
	tar     *tar.Reader // reads what is left, from the first header on that is not plain; nil until then
	member  string      // name of the current member, without its folders
	size    int64       // what that member says of its size
	left    int64       // how much of it is not read yet, where tar is nil
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
	tables  []*telemetry
	window  int64 // the limit that decoder was told last
}

// telemetry returns the one of that index, which need not be there yet.
func (k *kit) telemetry(index int) *telemetry {
	if index == len(k.tables) {
		k.tables = append(k.tables, &telemetry{})
	}
	return k.tables[index]
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
	if a.kit.window == lim.WindowBytes {
		return a, a.kit.decoder.Reset(&a.frames)
	}
	a.kit.window = lim.WindowBytes
	return a, a.kit.decoder.ResetWithOptions(&a.frames, zstd.WithDecoderMaxWindow(uint64(lim.WindowBytes)))
}

const (
	usualLine  = 16 << 10 // what decoding puts there is still in the processor's nearest cache when it is read
	keptLine   = 64 << 10 // the longest buffer that is kept for the next archive
	keptTables = 4        // the most tables that are
)

// close gives back what the archive held, except where it has grown much.
func (a *archive) close() {
	a.kit.src.Reset(nil)
	a.kit.scan = scanner{scratch: a.kit.scan.scratch[:0]}
	kept := min(len(a.kit.tables), keptTables)
	clear(a.kit.tables[kept:])
	a.kit.tables = a.kit.tables[:kept]
	for _, t := range a.kit.tables {
		t.release()
	}
	if a.kit.decoder.Reset(nil) == nil && a.frames.big == 0 && len(a.kit.line) <= keptLine {
		kits.Put(a.kit)
	}
	a.kit, a.content.decoder = nil, nil
	a.frames.release()
}

// next goes to the next regular member and returns its name without the folders. It returns io.EOF when the whole archive was
// read and found whole.
func (a *archive) next() (string, error) {
	for {
		name, file, err := a.nextHeader()
		if err == io.EOF {
			return "", a.drain()
		}
		if err != nil {
			return "", a.fault("damaged tar", err)
		}
		if a.members++; a.members > a.lim.Members {
			return "", tooLargef("more than %d members", a.lim.Members)
		}
		if file {
			a.member = name[strings.LastIndexByte(name, '/')+1:]
			return a.member, nil
		}
	}
}

// nextHeader passes what is left of the current member, reads the header of the next, and returns its name and whether it is a
// regular file. It returns io.EOF at the end of the tar, which is its first zero block, or part of one, or nothing.
func (a *archive) nextHeader() (name string, file bool, err error) {
	if a.tar != nil {
		return a.nextOfAny()
	}
	padding := -a.size & (blockBytes - 1)
	if err := a.content.skip(a.left, a.kit.line); err != nil {
		return "", false, noEOF(err)
	}
	if err := a.content.skip(padding, a.kit.line); err != nil {
		return "", false, err // padding may be missing at the end
	}
	a.size, a.left = 0, 0
	n, err := io.ReadFull(&a.content, a.header[:])
	switch {
	case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
		return "", false, err
	case isZero(a.header[:n]):
		return "", false, io.EOF
	case err != nil:
		return "", false, io.ErrUnexpectedEOF
	}
	plain, size, file, ok := a.header.plain()
	if !ok {
		a.tar = tar.NewReader(&ending{content: io.MultiReader(bytes.NewReader(a.header[:]), &a.content)})
		return a.nextOfAny()
	}
	a.size, a.left = size, size
	return string(plain), file, nil
}

// nextOfAny does nextHeader with archive/tar.
func (a *archive) nextOfAny() (name string, file bool, err error) {
	header, err := a.tar.Next()
	if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // nothing is ever written to a path
		return "", false, err
	}
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		a.size = header.Size
		return header.Name, true, nil
	}
	return "", false, nil
}

// Read reads the current member.
func (a *archive) Read(p []byte) (n int, err error) {
	switch {
	case a.tar != nil:
		n, err = a.tar.Read(p)
	case a.left == 0:
		return 0, io.EOF
	default:
		n, err = a.content.Read(p[:min(int64(len(p)), a.left)])
		if a.left -= int64(n); a.left > 0 {
			err = noEOF(err)
		}
	}
	if err != nil && err != io.EOF {
		err = a.fault(a.member, err)
	}
	return n, err
}

// noEOF returns err, or what it means where more was to come.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// drain reads what follows the tar's end, so that every checksum is verified, and returns io.EOF if all was well.
func (a *archive) drain() error { return a.content.skip(math.MaxInt64, a.kit.line) }

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
	content io.Reader
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
	if &p[0] != e.header || len(p) != blockBytes {
		return e.content.Read(p)
	}
	n, err := io.ReadFull(e.content, p)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return n, err
	}
	if !isZero(p[:n]) {
		return n, nil // archive/tar sees by itself that part of a block is missing
	}
	e.ended = true
	return 0, io.EOF
}

func isZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
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

// skip reads n bytes, into a buffer that is overwritten. It returns io.EOF where there are fewer.
func (c *content) skip(n int64, buf []byte) error {
	for n > 0 {
		got, err := c.Read(buf[:min(int64(len(buf)), n)])
		if n -= int64(got); n > 0 && err != nil {
			return err
		}
	}
	return nil
}
