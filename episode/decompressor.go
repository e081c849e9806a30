package episode

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A decompressor reads the content of a zstd file. It returns io.EOF only if the whole file was
// read and every checksum was right, and goes on returning its first error. One decompressor serves
// many files, one after the other.
type decompressor struct {
	src     *bufio.Reader
	zstd    *zstd.Decoder
	window  int64 // the largest window that zstd accepts
	frames  frames
	limit   int64 // the most bytes of content
	content int64 // bytes so far
	err     error
}

// reset starts reading a file. Call release when done with it, even after an error.
func (d *decompressor) reset(file io.Reader, lim Limits) (err error) {
	d.limit, d.content, d.err = lim.TotalBytes, 0, nil
	if d.src == nil {
		d.src = bufio.NewReaderSize(nil, 32<<10)
	}
	d.src.Reset(file)
	d.frames.reset(d.src, lim)
	if d.zstd != nil && d.window == lim.WindowBytes {
		return d.zstd.Reset(&d.frames)
	}
	// With a concurrency of 1 the decoder has no goroutines, and needs no Close.
	d.window = lim.WindowBytes
	d.zstd, err = zstd.NewReader(&d.frames, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(lim.WindowBytes)))
	return err
}

// release drops the file, and a big window.
func (d *decompressor) release() {
	d.src.Reset(nil)
	if d.frames.bigWindow > 0 || d.zstd != nil && d.zstd.Reset(nil) != nil {
		d.zstd = nil
	}
	d.frames.release()
}

func (d *decompressor) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.zstd.Read(p)
	d.content += int64(n)
	switch {
	case d.content > d.limit:
		n, d.err = 0, tooLargef("more than %d bytes decompressed", d.limit)
	case d.frames.err != nil: // the decoder may return another error for it
		d.err = d.frames.err
	case err == io.EOF:
		d.err = io.EOF
	case err != nil:
		d.err = corruptf("zstd: %v", err)
	}
	return n, d.err
}
