package episode

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	et "github.com/cis490/profiles/episode/episodetest"
)

// A plainReader hides the other methods of a *bytes.Reader.
type plainReader struct{ io.Reader }

// BenchmarkRead reads archives, and only decompresses them in turn. It reports the ratio of the
// times, which other load on the machine hardly changes.
func BenchmarkRead(b *testing.B) {
	threeSources := et.Episode(450).With("telemetry-net.jsonl", et.HostRows(450))
	for _, archive := range []struct {
		name string
		data []byte
	}{
		{"recorded", readFile(b, recordedFiles(b)[0])},
		{"synthetic", threeSources.Bytes()},
	} {
		decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			b.Fatal(err)
		}
		defer decoder.Close()
		decode := func() int64 {
			if err := decoder.Reset(plainReader{bytes.NewReader(archive.data)}); err != nil {
				b.Fatal(err)
			}
			n, err := io.Copy(io.Discard, decoder)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
		b.Run(archive.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(decode())
			var decoding, reading time.Duration
			for b.Loop() {
				start := time.Now()
				decode()
				middle := time.Now()
				if _, err := Read(plainReader{bytes.NewReader(archive.data)}, user, Rules{}); err != nil {
					b.Fatal(err)
				}
				decoding += middle.Sub(start)
				reading += time.Since(middle)
			}
			b.ReportMetric(float64(reading)/float64(decoding), "x-decode")
			b.ReportMetric(float64(reading.Nanoseconds())/float64(b.N), "ns/read")
		})
	}
}
