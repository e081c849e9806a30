package parquetfile

import (
	"bytes"
	"errors"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"
)

// TestValueReadersRefuse gives each encoding values and then a number that the data cannot hold.
func TestValueReadersRefuse(t *testing.T) {
	ints := func(values ...int32) []byte {
		b, err := new(delta.BinaryPackedEncoding).EncodeInt32(nil, values)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	dict, err := newDictionary(parquet.ByteArray, 2, []byte("\x01\x00\x00\x00a\x02\x00\x00\x00bc"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		encoding format.Encoding
		data     []byte
		good     int // values before the error
	}{
		"shares more than there is": {format.DeltaByteArray, join(ints(0, 3), ints(2, 1), []byte("abc")), 1},
		"shares less than nothing":  {format.DeltaByteArray, join(ints(0, -1), ints(2, 1), []byte("abc")), 1},
		"string too long":           {format.DeltaLengthByteArray, join(ints(2, 4), []byte("abc")), 1},
		"negative string":           {format.DeltaLengthByteArray, join(ints(2, -1), []byte("abc")), 1},
		"index beyond":              {format.RLEDictionary, []byte{2, 1 << 1, 1, 1 << 1, 2}, 1},
		"empty run":                 {format.RLEDictionary, []byte{1, 2 << 1, 1, 0, 1}, 2},
		"packed run cut off":        {format.RLEDictionary, []byte{1, 2<<1 | 1, 0xff}, 8},
		"plain cut off":             {format.Plain, []byte("\x01\x00\x00\x00a\x02\x00\x00\x00b"), 1},
		"plain length":              {format.Plain, []byte("\xff\xff\xff\xffa"), 0},
	} {
		r, err := newValueReader(parquet.ByteArray, test.encoding, test.data, dict)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		n := 0
		for ; err == nil && n < 100; n++ {
			_, err = r.next()
		}
		if err == nil || n-1 != test.good {
			t.Errorf("%s: %d values, then %v; want %d and an error", name, n-1, err, test.good)
		}
	}
	for name, test := range map[string]struct {
		encoding format.Encoding
		data     []byte
	}{
		"index width":         {format.RLEDictionary, []byte{33, 2, 1}},
		"delta without head":  {format.DeltaLengthByteArray, nil},
		"delta of no blocks":  {format.DeltaLengthByteArray, []byte{0, 1, 9, 0}},
		"delta of odd blocks": {format.DeltaLengthByteArray, []byte{12, 1, 9, 0}},
		"delta cut off":       {format.DeltaLengthByteArray, ints(1, 200, 3, 400)[:6]},
		"split strings":       {format.ByteStreamSplit, []byte("abcd")},
		"packed strings":      {format.DeltaBinaryPacked, ints(1, 2)},
	} {
		if _, err := newValueReader(parquet.ByteArray, test.encoding, test.data, dict); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := newValueReader(parquet.ByteArray, format.PlainDictionary, []byte{1, 2, 1}, nil); err == nil {
		t.Error("indices without a dictionary: no error")
	}
	if _, err := newDictionary(parquet.ByteArray, 3, []byte("\x01\x00\x00\x00a\x02\x00\x00\x00bc")); err == nil {
		t.Error("a dictionary cut off: no error")
	}
	if _, _, err := levelsV1(1, format.BitPacked, []byte{0, 0, 0, 0}); !errors.Is(err, ErrShape) {
		t.Errorf("levels in an old encoding: error %v", err)
	}
	l := newLevels(2, []byte{1 << 1, 3})
	if _, err := l.next(); err == nil {
		t.Error("a level above the highest: no error")
	}
}

// TestUnpackBits compares with a loop that reads bit by bit.
func TestUnpackBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := uint(rapid.IntRange(0, 64).Draw(t, "width"))
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes")
		bit := uint64(rapid.IntRange(0, 64).Draw(t, "bit"))
		want := uint64(0)
		for i := range uint64(width) {
			at := bit + i
			want |= uint64(b[at/8]>>(at%8)&1) << i
		}
		if got := unpackBits(b, bit, width); got != want {
			t.Fatalf("got %#x, want %#x", got, want)
		}
	})
}
