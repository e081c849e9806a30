package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// withFooter returns a file with a changed footer.
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
	return append(b, "PAR1"...)
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

// TestValidationVerifiesChecksums changes a byte of a page with a checksum.
func TestValidationVerifiesChecksums(t *testing.T) {
	b := testdata(t, "validation-checksum.parquet")
	at := bytes.Index(b, []byte("ep-00123"))
	b[at+7] = '4'
	if rows, err := readBytes(b); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("%d rows, error %v", len(rows), err)
	}
}

// TestValidationRefusesLongStrings writes a string that repeats the one before it, in few bytes, and exceeds the limit by one.
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
	rows[0].Episode, rows[1].Episode = strings.Repeat("a", 1<<20), strings.Repeat("a", 1<<20+1)
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

// TestRowsAreLimited: a small file may have any number of equal rows, however it is written.
func TestRowsAreLimited(t *testing.T) {
	type listed struct {
		Episode string `parquet:"episode_id,dict"`
		Host    string `parquet:"host_id,dict"`
		Profile string `parquet:"profile,dict"`
		Status  string `parquet:"status,dict"`
	}
	const n = 20_000
	packed := func(text string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	var parquetFile bytes.Buffer
	w := parquet.NewGenericWriter[listed](&parquetFile)
	if _, err := w.Write(slices.Repeat([]listed{{"e", "h", "p", "accepted"}}, n)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	csv := "episode_id,host_id,profile,status\n" + strings.Repeat("e,h,p,accepted\n", n)
	json := strings.Repeat(`{"episode_id": "e", "host_id": "h", "profile": "p", "status": "accepted"}`+"\n", n)

	defer func(most int) { maxRows = most }(maxRows)
	for name, file := range map[string][]byte{
		"parquet": parquetFile.Bytes(), "parquet.gz": packed(parquetFile.String()),
		"csv": []byte(csv), "csv.gz": packed(csv), "jsonl": []byte(json), "jsonl.gz": packed(json),
	} {
		maxRows = n
		if rows, err := readBytes(file); err != nil || len(rows) != n {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
		maxRows = n - 700
		rows, err := readBytes(file)
		if len(rows) != maxRows || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "it has more than 19300 rows") {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
	}
}
