package parquetfile

import (
	"bytes"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// An unpacker decompresses pages of one codec after the other. It keeps its buffer and decompressors. The zero value is ready.
type unpacker struct {
	plain  []byte
	zstd   *zstd.Decoder
	gzip   *gzip.Reader
	brotli *brotli.Reader
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
		u.zstd = nil
	}
}

// unpack returns the decompressed bytes of packed, which must be exactly size bytes. The result is valid until the next call, or as
// long as packed if that is not compressed.
func (u *unpacker) unpack(codec format.CompressionCodec, packed []byte, size int64) ([]byte, error) {
	if codec == format.Uncompressed {
		return packed, wantBytes(len(packed), size)
	}
	if len(packed) == 0 && size == 0 {
		return packed, nil
	}
	u.plain = grow(u.plain, size)
	switch codec {
	case format.Snappy:
		n, err := snappy.DecodedLen(packed) // Decode would allocate that much
		if err == nil {
			err = wantBytes(n, size)
		}
		if err != nil {
			return nil, err
		}
		return snappy.Decode(u.plain, packed)
	case format.Lz4Raw:
		n, err := lz4.UncompressBlock(packed, u.plain)
		if err == nil {
			err = wantBytes(n, size)
		}
		return u.plain, err
	}
	r, err := u.reader(codec, packed)
	if err != nil {
		return nil, err
	}
	return u.plain, readExactly(r, u.plain)
}

// reader returns a decompressor that reads packed.
func (u *unpacker) reader(codec format.CompressionCodec, packed []byte) (io.Reader, error) {
	src := bytes.NewReader(packed)
	switch codec {
	case format.Gzip:
		if u.gzip == nil {
			u.gzip = new(gzip.Reader)
		}
		return u.gzip, u.gzip.Reset(src)
	case format.Brotli:
		if u.brotli == nil {
			u.brotli = new(brotli.Reader)
		}
		return u.brotli, u.brotli.Reset(src)
	case format.Zstd:
		if u.zstd == nil {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxPageBytes))
			if err != nil {
				return nil, err
			}
			u.zstd = d
		}
		return u.zstd, u.zstd.Reset(src)
	}
	return nil, fmt.Errorf("%w: this compression is not read; use snappy, gzip, zstd, lz4_raw, brotli or none", ErrShape)
}

// readExactly fills to from r, which must end there.
func readExactly(r io.Reader, to []byte) error {
	n, err := io.ReadFull(r, to)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return wantBytes(n, int64(len(to)))
	}
	if err != nil {
		return err
	}
	var more [1]byte
	switch n, err := io.ReadFull(r, more[:]); {
	case n > 0:
		return fmt.Errorf("more than the %d bytes that the header says", len(to))
	case err != io.EOF:
		return err
	}
	return nil
}

func wantBytes(have int, want int64) error {
	if int64(have) != want {
		return fmt.Errorf("%d bytes where the header says %d", have, want)
	}
	return nil
}

// grow returns a buffer of n bytes: b, or a new one if b is too small.
func grow(b []byte, n int64) []byte {
	if int64(cap(b)) >= n {
		return b[:n]
	}
	return make([]byte, n)
}
