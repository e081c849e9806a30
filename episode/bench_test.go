package episode_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
)

// BenchmarkRead compares reading an archive with nothing but decompressing it.
func BenchmarkRead(b *testing.B) {
	threeSources := episodetest.Episode(450).With("telemetry-net.jsonl", episodetest.HostRows(450)).Bytes()
	files, err := filepath.Glob("../examples/recorded/store/*/*.tar.zst")
	if err != nil || len(files) == 0 {
		b.Fatal("no recorded episodes", err)
	}
	recorded, err := os.ReadFile(files[0])
	if err != nil {
		b.Fatal(err)
	}
	want := []episode.ChannelName{{Source: "proc", Field: "cpu_user_jiffies"}}
	for _, archive := range []struct {
		name string
		data []byte
	}{{"recorded", recorded}, {"synthetic", threeSources}} {
		decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			b.Fatal(err)
		}
		defer decoder.Close()
		if err := decoder.Reset(io.MultiReader(bytes.NewReader(archive.data))); err != nil {
			b.Fatal(err)
		}
		size, err := io.Copy(io.Discard, decoder)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(archive.name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(size)
			for b.Loop() {
				if err := decoder.Reset(io.MultiReader(bytes.NewReader(archive.data))); err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, decoder); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(archive.name+"/read", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(size)
			for b.Loop() {
				if _, err := episode.Read(bytes.NewReader(archive.data), want, episode.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
