package episode

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A decompressor reads the content of an archive: the tar in a zstd or gzip file, or a file that is
// a tar itself. It returns io.EOF only if the whole file was read and every checksum was right, and
// goes on returning its first error. One decompressor serves many files, one after the other.
type decompressor struct {
	file    file
	src     *bufio.Reader // of file
	zstd    zstdReader
	gzip    gzipReader
	reader  io.Reader // of the content: zstd, gzip or src
	limit   int64     // the most bytes of content
	content int64     // bytes so far
	err     error
}

// reset starts reading a file. Its first bytes, not its name, say what it is. Call release when done
// with it, even after an error.
func (d *decompressor) reset(file io.Reader, lim Limits, b *budget) error {
	d.limit, d.content, d.err = lim.TotalBytes, 0, nil
	d.file.reader, d.file.err = file, nil
	if d.src == nil {
		d.src = bufio.NewReaderSize(nil, 32<<10)
	}
	d.src.Reset(&d.file)
	magic, _ := d.src.Peek(4)
	switch {
	case isZstd(magic):
		d.reader = &d.zstd
		return d.zstd.reset(d.src, lim, b)
	case strings.HasPrefix(string(magic), gzipMagic):
		d.reader = &d.gzip
		d.gzip.reset(d.src)
		return nil
	}
	head, _ := d.src.Peek(blockBytes)
	switch {
	case d.file.err != nil:
		return d.file.err
	case isTarHeader(head):
		d.reader = d.src
		return nil
	}
	return notAnArchive(head)
}

// release drops the file, and memory that is large.
func (d *decompressor) release() {
	d.file.reader, d.reader = nil, nil
	d.src.Reset(nil)
	d.zstd.release()
}

func (d *decompressor) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.reader.Read(p)
	d.content += int64(n)
	switch {
	case d.content > d.limit:
		n, d.err = 0, tooLargef("more than %d bytes decompressed", d.limit)
	case err != nil && d.file.err != nil: // what was read of the file may look truncated
		d.err = d.file.err
	case err != nil:
		d.err = err
	}
	return n, d.err
}

// A file keeps the first error of reading a file, other than io.EOF. It is not a fault of the file.
type file struct {
	reader io.Reader
	err    error
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.reader.Read(p)
	if err != nil && err != io.EOF {
		f.err = fmt.Errorf("read archive: %w", err)
		err = f.err
	}
	return n, err
}

// isZstd reports whether a file of these first four bytes is zstd: a frame, or a skippable one.
func isZstd(magic []byte) bool {
	if len(magic) < 4 {
		return false
	}
	m := binary.LittleEndian.Uint32(magic)
	return m == frameMagic || m&^0xF == skippableMagic
}

// isTarHeader reports whether a file that begins with this block, or a part of one, is a tar: it has
// the magic of a tar, or a valid checksum, since the oldest tars have no magic.
func isTarHeader(block []byte) bool {
	const magic, sumAt, sumEnd = 257, 148, 156
	if len(block) > magic && strings.HasPrefix(string(block[magic:]), "ustar") {
		return true
	}
	if len(block) < blockBytes {
		return false
	}
	want, err := strconv.ParseInt(strings.Trim(string(block[sumAt:sumEnd]), " \x00"), 8, 64)
	sum := int64(0)
	for i, b := range block {
		if sumAt <= i && i < sumEnd {
			b = ' '
		}
		sum += int64(b)
	}
	return err == nil && sum == want
}

// notAnArchive returns the error of a file with these first bytes.
func notAnArchive(head []byte) error {
	if len(head) == 0 {
		return corruptf("empty")
	}
	for _, kind := range otherKinds {
		if strings.HasPrefix(string(head), kind.magic) {
			return corruptf("it is not zstd, gzip or tar: it looks like %s", kind.name)
		}
	}
	return corruptf("it is not zstd, gzip or tar: its first bytes are % x", head[:min(len(head), 8)])
}

// otherKinds are kinds of files that are not read, but that somebody may have stored as an archive.
var otherKinds = []struct{ magic, name string }{
	{"PK\x03\x04", "zip"}, {"PK\x05\x06", "zip"},
	{"\xFD7zXZ\x00", "xz"},
	{"BZh", "bzip2"},
	{"7z\xBC\xAF\x27\x1C", "7z"},
	{"Rar!", "rar"},
	{"\x04\x22\x4D\x18", "lz4"},
	{"LZIP", "lzip"},
	{"]\x00\x00", "lzma"},
	{"\x1F\x9D", "compress (.Z)"},
	{"PAR1", "parquet"},
	{"Salted__", "a file that openssl encrypted"},
	{"age-encryption.org", "a file that age encrypted"},
	{"-----BEGIN PGP", "a file that gpg encrypted"},
	{"version https://git-lfs", "a pointer of Git LFS: the file itself was not fetched"},
	{"{", "JSON"},
	{"<", "HTML or XML"},
}
