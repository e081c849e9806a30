package episode

import (
	"bufio"
	"encoding/binary"
	"io"
)

// frames passes a zstd file, which begins with a magic number, on to its decoder, unchanged, and
// follows its structure (RFC 8878, section 3): frames, skippable frames and blocks. So the window in each frame header is checked
// before the decoder allocates it, and a file that ends early, or has other bytes after its last
// frame, gives an error even if the decoder accepts it.
type frames struct {
	src    *bufio.Reader
	lim    Limits
	budget *budget // of the archive

	part      part     // what comes next
	head      [14]byte // its first bytes
	have      int      // how many of them were read
	need      int      // how many there must be
	skip      int64    // bytes of content before it
	checksum  bool     // the frame has a checksum
	bigWindow uint64   // the largest window over Limits.BigWindowBytes so far, or 0
	err       error    // the first error, other than io.EOF
}

// A part is a piece of a zstd file.
type part uint8

const (
	partMagic part = iota
	partSkippable
	partDescriptor
	partHeader
	partBlock
)

func (p part) String() string {
	return [...]string{"a magic number", "a skippable frame", "a frame header", "a frame header", "a block header"}[p]
}

const (
	frameMagic     = 0xFD2FB528
	skippableMagic = 0x184D2A50 // to 0x184D2A5F
)

// reset makes f ready to read the file src.
func (f *frames) reset(src *bufio.Reader, lim Limits, b *budget) {
	*f = frames{src: src, lim: lim, budget: b, need: 4}
}

// Read reads the file. It returns io.EOF only after a whole frame.
func (f *frames) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.src.Read(p)
	switch f.err = f.follow(p[:n]); {
	case f.err != nil:
		return 0, f.err
	case err == io.EOF:
		if f.err = f.end(); f.err != nil {
			err = f.err
		}
	case err != nil:
		f.err = err
	}
	return n, err
}

// end returns an error unless the file may end here.
func (f *frames) end() error {
	switch {
	case f.skip > 0:
		return corruptf("truncated in a zstd frame, %d bytes missing at least", f.skip)
	case f.part != partMagic:
		return corruptf("truncated in %s", f.part)
	case f.have > 0:
		return errBytesAfterFrames
	}
	return nil
}

var errBytesAfterFrames = corruptf("bytes after the last zstd frame")

// follow takes the next bytes of the file.
func (f *frames) follow(p []byte) error {
	for len(p) > 0 {
		if f.skip > 0 {
			n := min(f.skip, int64(len(p)))
			f.skip -= n
			p = p[n:]
			continue
		}
		n := copy(f.head[f.have:f.need], p)
		f.have += n
		p = p[n:]
		if f.have == f.need {
			if err := f.endPart(); err != nil {
				return err
			}
		}
	}
	return nil
}

// expect sets the part that comes after the skip bytes, and its length.
func (f *frames) expect(p part, bytes int) {
	f.part, f.have, f.need = p, 0, bytes
}

// endPart reads the part whose bytes are all in head.
func (f *frames) endPart() error {
	switch f.part {
	case partMagic:
		switch magic := binary.LittleEndian.Uint32(f.head[:]); {
		case magic == frameMagic:
			f.expect(partDescriptor, 1)
		case magic&^0xF == skippableMagic:
			f.expect(partSkippable, 4)
		default:
			return errBytesAfterFrames
		}
	case partSkippable:
		f.skip = int64(binary.LittleEndian.Uint32(f.head[:]))
		f.expect(partMagic, 4)
	case partDescriptor:
		// The descriptor is the first byte of the header, and determines its length.
		f.part = partHeader
		f.need = 1 + windowBytes(f.head[0]) + dictBytes(f.head[0]) + contentBytes(f.head[0])
	case partHeader:
		return f.endHeader()
	case partBlock:
		return f.endBlockHeader()
	}
	return nil
}

// endBlockHeader reads a block header (RFC 8878, section 3.1.1.2).
func (f *frames) endBlockHeader() error {
	header := uint32(f.head[0]) | uint32(f.head[1])<<8 | uint32(f.head[2])<<16
	f.skip = int64(header >> 3)
	switch header >> 1 & 3 {
	case 1: // one byte, repeated
		f.skip = 1
	case 3:
		return corruptf("zstd block of a reserved type")
	}
	if last := header&1 != 0; !last {
		f.expect(partBlock, 3)
		return nil
	}
	if f.checksum {
		f.skip += 4
	}
	f.expect(partMagic, 4)
	return nil
}

// endHeader reads a frame header (RFC 8878, section 3.1.1.1).
func (f *frames) endHeader() error {
	descriptor := f.head[0]
	rest := f.head[1:f.need]
	if descriptor&0x08 != 0 {
		return corruptf("zstd frame header with its reserved bit set")
	}
	f.checksum = descriptor&0x04 != 0
	var window uint64
	if windowBytes(descriptor) > 0 {
		base := uint64(1) << (10 + rest[0]>>3)
		window = base + base/8*uint64(rest[0]&7)
		rest = rest[1:]
	}
	var field [8]byte
	n := dictBytes(descriptor)
	copy(field[:], rest[:n])
	if id := binary.LittleEndian.Uint64(field[:]); id != 0 {
		return corruptf("zstd frame needs dictionary %d", id)
	}
	rest = rest[n:]
	if windowBytes(descriptor) == 0 { // a single segment: the window is the whole content
		clear(field[:])
		copy(field[:], rest)
		window = binary.LittleEndian.Uint64(field[:])
		if len(rest) == 2 {
			window += 256
		}
	}
	f.expect(partBlock, 3)
	if window > uint64(f.lim.WindowBytes) {
		return tooLargef("zstd window of %d bytes is over %d", window, f.lim.WindowBytes)
	}
	if window > max(f.bigWindow, uint64(f.lim.BigWindowBytes)) {
		return f.growWindow(window)
	}
	return nil
}

// growWindow allows the decoder a big window that is larger than any before it. The decoder keeps
// the one before until it has allocated the new one. growWindow waits until no other archive has a
// big window.
func (f *frames) growWindow(window uint64) error {
	if f.bigWindow > 0 && f.bigWindow+window > uint64(f.lim.WindowBytes) {
		return tooLargef("zstd windows of %d bytes and, in a later frame, %d are over %d together", f.bigWindow, window, f.lim.WindowBytes)
	}
	f.bigWindow = window
	return f.budget.useWindow(window)
}

// The lengths of the fields that follow the descriptor in a frame header.

func windowBytes(descriptor byte) int {
	if descriptor&0x20 != 0 {
		return 0
	}
	return 1
}

func dictBytes(descriptor byte) int { return [...]int{0, 1, 2, 4}[descriptor&3] }

func contentBytes(descriptor byte) int {
	if descriptor>>6 == 0 {
		return 1 - windowBytes(descriptor)
	}
	return 1 << (descriptor >> 6)
}
