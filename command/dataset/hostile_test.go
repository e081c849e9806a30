package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// withFooter is a file's bytes with another footer.
func withFooter(t *testing.T, b []byte, change func(*format.FileMetaData)) []byte {
	t.Helper()
	length := int(binary.LittleEndian.Uint32(b[len(b)-8:]))
	start := len(b) - 8 - length
	var meta format.FileMetaData
	var protocol thrift.CompactProtocol
	if err := thrift.Unmarshal(&protocol, b[start:start+length], &meta); err != nil {
		t.Fatal(err)
	}
	change(&meta)
	footer, err := thrift.Marshal(&protocol, &meta)
	if err != nil {
		t.Fatal(err)
	}
	return withRawFooter(b[:start], footer)
}

func withRawFooter(body, footer []byte) []byte {
	b := append(bytes.Clone(body), footer...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(footer)))
	return append(b, magic...)
}

func TestValidationRefusesFootersThatLie(t *testing.T) {
	good := testdata(t, "validation-row-groups.parquet")
	if rows, err := readBytes(withFooter(t, good, func(*format.FileMetaData) {})); err != nil || len(rows) != 300 {
		t.Fatalf("with its own footer: %d rows, %v", len(rows), err)
	}
	chunk := func(m *format.FileMetaData) *format.ColumnMetaData { return &m.RowGroups[1].Columns[2].MetaData }
	for name, test := range map[string]struct {
		change func(*format.FileMetaData)
		says   string
	}{
		"more rows":       {func(m *format.FileMetaData) { m.NumRows++ }, "300 rows where the footer says 301"},
		"rows of a group": {func(m *format.FileMetaData) { m.RowGroups[2].NumRows--; m.NumRows-- }, "more values than its row group has rows"},
		"too many":        {func(m *format.FileMetaData) { m.RowGroups[2].NumRows++; m.NumRows++ }, "row 111, column episode_id"},
		"negative rows":   {func(m *format.FileMetaData) { m.RowGroups[0].NumRows = -1 }, "is negative"},
		"offset":          {func(m *format.FileMetaData) { chunk(m).DictionaryPageOffset = 1 << 40 }, "its pages lie at"},
		"before the file": {func(m *format.FileMetaData) { chunk(m).DataPageOffset, chunk(m).DictionaryPageOffset = -5, 0 }, "its pages lie at -5"},
		"length":          {func(m *format.FileMetaData) { chunk(m).TotalCompressedSize = 1 << 50 }, "its pages lie at"},
		"negative length": {func(m *format.FileMetaData) { chunk(m).TotalCompressedSize = -1 }, "its pages lie at"},
		"codec":           {func(m *format.FileMetaData) { chunk(m).Codec = format.Snappy }, "SNAPPY"},
		"no such codec":   {func(m *format.FileMetaData) { chunk(m).Codec = format.LZO }, "this compression is not read"},
		"twice":           {func(m *format.FileMetaData) { m.Schema[2].Name = "episode_id" }, "two columns are named episode_id"},
	} {
		rows, err := readBytes(withFooter(t, good, test.change))
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %d rows, error %v; want %q", name, len(rows), err, test.says)
		}
	}
}

func TestReadAttackProfilesRefusesFootersThatLie(t *testing.T) {
	good := writeProfiles(t, madeProfiles(), nil)
	for name, test := range map[string]struct {
		change func(*format.FileMetaData)
		says   string
	}{
		"more rows":  {func(m *format.FileMetaData) { m.NumRows++ }, "has 2 rows, the file 3"},
		"fewer rows": {func(m *format.FileMetaData) { m.NumRows-- }, "more rows than the footer says"},
		"many rows":  {func(m *format.FileMetaData) { m.NumRows = 1 << 40 }, "at most 10000"},
		"negative":   {func(m *format.FileMetaData) { m.NumRows = -1 }, "is negative"},
	} {
		_, _, err := readProfiles(withFooter(t, good, test.change))
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want %q", name, err, test.says)
		}
	}
}

// A checksum that is there is verified.
func TestValidationVerifiesChecksums(t *testing.T) {
	b := testdata(t, "validation-checksum.parquet")
	at := bytes.Index(b, []byte("ep-00123"))
	b[at+7] = '4'
	if rows, err := readBytes(b); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("%d rows, error %v", len(rows), err)
	}
}

// Lengths in thrift data must not lead to allocations that the data doesn't carry.
func TestThriftLenBoundsWhatDecodingAllocates(t *testing.T) {
	huge := binary.AppendUvarint(nil, 1<<40)
	list := func(head byte, n []byte) []byte { return append(append([]byte{0x19, head}, n...), 0) }
	for name, test := range map[string]struct {
		b    []byte
		want error
	}{
		"list of structs":  {list(0xfc, huge), errThriftShort},
		"list of integers": {list(0xf5, huge), errThriftShort},
		"string":           {append([]byte{0x18}, huge...), errThriftShort},
		"map":              {append(append([]byte{0x1b}, huge...), 0x88), errThriftShort},
		"many elements":    {append(list(0xf3, binary.AppendUvarint(nil, maxThriftElements+1)), make([]byte, maxThriftElements+9)...), errThriftBig},
		"deep structs":     {bytes.Repeat([]byte{0x1c}, 5000), errThriftBad},
		"deep lists":       {append([]byte{0x19}, bytes.Repeat([]byte{0x19}, 5000)...), errThriftBad},
		"unknown type":     {[]byte{0x1d}, errThriftBad},
		"long number":      {append([]byte{0x15}, bytes.Repeat([]byte{0xff}, 12)...), errThriftBad},
		"nothing":          {nil, errThriftShort},
		"unfinished":       {[]byte{0x15, 0x02}, errThriftShort},
	} {
		if _, err := thriftLen(test.b); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
		// Within a footer the same is found before it is decoded.
		if test.b == nil {
			continue
		}
		if _, err := readBytes(withRawFooter([]byte(magic), test.b)); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "thrift data") {
			t.Errorf("%s: as a footer: error %v", name, err)
		}
	}
	if n, err := thriftLen([]byte{0x15, 0x02, 0x11, 0x12, 0, 0xff, 0xff}); n != 5 || err != nil {
		t.Errorf("a length of %d, %v, want 5", n, err)
	}
}

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
		p := pageReader{codec: c.format}
		if got, err := p.unpack(packed, int64(len(plain))); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%v: %d bytes, %v", c.format, len(got), err)
		}
		for _, size := range []int64{0, 1, int64(len(plain)) - 1, int64(len(plain)) + 1, 2 * int64(len(plain))} {
			if got, err := p.unpack(packed, size); err == nil {
				t.Errorf("%v: %d bytes where %d were to be", c.format, len(got), size)
			}
		}
		p.release()
	}
}

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

// A string that grows with each value of a page is bounded all the same.
func TestValidationRefusesLongStrings(t *testing.T) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[struct {
		Episode string `parquet:"episode_id,delta,zstd"`
		Host    string `parquet:"host_id"`
		Profile string `parquet:"profile"`
		Status  string `parquet:"status"`
	}](&b)
	rows := make([]struct {
		Episode string `parquet:"episode_id,delta,zstd"`
		Host    string `parquet:"host_id"`
		Profile string `parquet:"profile"`
		Status  string `parquet:"status"`
	}, 2)
	rows[0].Episode, rows[1].Episode = strings.Repeat("a", maxValueBytes), strings.Repeat("a", maxValueBytes+1)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := readBytes(b.Bytes())
	if len(got) != 1 || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "row 1, column episode_id: a string of 1048577 bytes") {
		t.Errorf("%d rows, error %v", len(got), err)
	}
}
