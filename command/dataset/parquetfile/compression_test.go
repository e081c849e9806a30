package parquetfile

import (
	"bytes"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

func TestUnpackWantsExactlyWhatTheHeaderSays(t *testing.T) {
	plain := bytes.Repeat([]byte("profile "), 1000)
	for _, c := range []struct {
		format format.CompressionCodec
		encode func(dst, src []byte) ([]byte, error)
	}{
		{format.Snappy, parquet.Snappy.Encode}, {format.Gzip, parquet.Gzip.Encode}, {format.Zstd, parquet.Zstd.Encode},
		{format.Brotli, parquet.Brotli.Encode}, {format.Lz4Raw, parquet.Lz4Raw.Encode},
		{format.Uncompressed, func(_, src []byte) ([]byte, error) { return src, nil }},
	} {
		packed, err := c.encode(nil, plain)
		if err != nil {
			t.Fatal(err)
		}
		var u unpacker
		if got, err := u.unpack(c.format, packed, int64(len(plain))); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%v: %d bytes, %v", c.format, len(got), err)
		}
		for _, size := range []int64{0, 1, int64(len(plain)) - 1, int64(len(plain)) + 1, 2 * int64(len(plain))} {
			if got, err := u.unpack(c.format, packed, size); err == nil {
				t.Errorf("%v: %d bytes, want an error for a size of %d", c.format, len(got), size)
			}
		}
		u.close()
	}
}
