package dataset

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding"
	"pgregory.net/rapid"
)

// TestValidationReadsEveryEncoding compares the decoders of package parquetfile with the encoders of parquet-go, in every
// encoding, compression and page size.
func TestValidationReadsEveryEncoding(t *testing.T) {
	encodings := map[string]encoding.Encoding{
		"plain": &parquet.Plain, "dictionary": &parquet.RLEDictionary,
		"delta": &parquet.DeltaByteArray, "delta length": &parquet.DeltaLengthByteArray,
	}
	codecs := map[string]compress.Codec{
		"none": &parquet.Uncompressed, "snappy": &parquet.Snappy, "gzip": &parquet.Gzip,
		"zstd": &parquet.Zstd, "lz4": &parquet.Lz4Raw, "brotli": &parquet.Brotli,
	}
	rapid.Check(t, func(t *rapid.T) {
		group := parquet.Group{}
		optional := map[string]bool{} // parquet-go writes an empty string of a map as null there
		for _, name := range append([]string{"another"}, specKeys[:]...) {
			node := parquet.Encoded(parquet.String(), encodings[rapid.SampledFrom([]string{"plain", "dictionary", "delta", "delta length"}).Draw(t, "encoding")])
			node = parquet.Compressed(node, codecs[rapid.SampledFrom([]string{"none", "snappy", "gzip", "zstd", "lz4", "brotli"}).Draw(t, "codec")])
			if rapid.Bool().Draw(t, "optional") {
				optional[name] = true
				node = parquet.Optional(node)
			}
			group[name] = node
		}
		number := rapid.SampledFrom([]int{0, 1, 2, 7, 8, 9, 127, 128, 129, 130, 300, 1000}).Draw(t, "rows")
		groups := []int64{5, 300, 1 << 20}
		if number > 130 { // hundreds of groups take long
			groups = groups[1:]
		}
		distinct := rapid.SampledFrom([]int{1, 2, 3, 255, 257, 5000}).Draw(t, "distinct")
		stem := rapid.StringN(0, 30, -1).Draw(t, "stem")
		var b bytes.Buffer
		schema := parquet.NewSchema("validation", group)
		w := parquet.NewWriter(&b, schema, parquet.DataPageVersion(rapid.IntRange(1, 2).Draw(t, "version")),
			parquet.PageBufferSize(rapid.SampledFrom([]int{64, 1000, 1 << 20}).Draw(t, "page")),
			parquet.MaxRowsPerRowGroup(rapid.SampledFrom(groups).Draw(t, "group")))
		want := []ValidationRow(nil)
		for i := range number {
			cell := func(column int) string {
				k := (i*7919 + column*31) % distinct
				if k%5 == 4 && !optional[specKeys[column]] {
					return ""
				}
				return stem[:len(stem)*(k%2)] + fmt.Sprint(k)
			}
			row := ValidationRow{EpisodeID: cell(0), HostID: cell(1), Profile: cell(2), Status: cell(3)}
			want = append(want, row)
			values := map[string]string{"episode_id": row.EpisodeID, "host_id": row.HostID, "profile": row.Profile, "status": row.Status, "another": "x"}
			if err := w.Write(values); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := readBytes(b.Bytes())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\nread %d rows, wrote %d; %s", err, len(got), len(want), schema)
		}
	})
}

// TestEncryptedColumns: a file whose footer is not encrypted says that its columns are.
func TestEncryptedColumns(t *testing.T) {
	_, err := readBytes(testdata(t, "encrypted-columns.parquet"))
	if err == nil || !strings.Contains(err.Error(), "its columns are encrypted: write it without encryption") {
		t.Errorf("%v", err)
	}
}
