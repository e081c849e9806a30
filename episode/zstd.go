package episode

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A zstdReader decompresses a zstd file. One zstdReader serves many files, one after the other.
type zstdReader struct {
	frames  frames
	decoder *zstd.Decoder
	window  int64 // the largest window that decoder accepts
}

// reset starts reading the file src.
func (z *zstdReader) reset(src *bufio.Reader, lim Limits, b *budget) (err error) {
	z.frames.reset(src, lim, b)
	if z.decoder != nil && z.window == lim.WindowBytes {
		return z.decoder.Reset(&z.frames)
	}
	// With a concurrency of 1 the decoder has no goroutines, and needs no Close.
	z.window = lim.WindowBytes
	z.decoder, err = zstd.NewReader(&z.frames, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(lim.WindowBytes)))
	return err
}

// release drops the file, and a big window.
func (z *zstdReader) release() {
	if z.frames.bigWindow > 0 || z.decoder != nil && z.decoder.Reset(nil) != nil {
		z.decoder = nil
	}
	z.frames = frames{}
}

// Read returns io.EOF only if the whole file was read and every checksum was right.
func (z *zstdReader) Read(p []byte) (int, error) {
	n, err := z.decoder.Read(p)
	switch {
	case z.frames.err != nil: // the decoder may return another error for it
		err = z.frames.err
	case err != nil && err != io.EOF:
		err = corruptf("zstd: %v", err)
	}
	return n, err
}
