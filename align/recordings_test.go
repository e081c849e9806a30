package align_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/cis490/profiles/fit"
)

// TestSloppyRecordings reads episodes that are wrong in random ways. Nobody has said what is right:
// two independent implementations must agree.
func TestSloppyRecordings(t *testing.T) {
	type recording struct {
		File, Channel string
		Linear, Mean  result
	}
	g := load[recording](t, "sloppy.json")
	archives := sloppyArchives(t)
	if len(archives) != len(g.Cases) {
		t.Fatalf("%d archives, the oracle had %d", len(archives), len(g.Cases))
	}
	for _, c := range g.Cases {
		t.Run(c.File, func(t *testing.T) {
			for resample, want := range map[fit.Resample]result{fit.Linear: c.Linear, fit.Mean: c.Mean} {
				have, curve := read(t, archives[c.File], c.Channel, resample)
				checkAll(t, string(resample), have, curve, want, g.Curves)
			}
		})
	}
}

// sloppyArchives returns the archives in sloppy.tar.zst by name: plain tars.
func sloppyArchives(t *testing.T) map[string][]byte {
	t.Helper()
	packed, err := os.ReadFile(filepath.Join(oracle, "sloppy.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	archives := map[string][]byte{}
	for members := tar.NewReader(decoder); ; {
		header, err := members.Next()
		if err == io.EOF {
			return archives
		}
		if err != nil {
			t.Fatal(err)
		}
		if archives[header.Name], err = io.ReadAll(members); err != nil {
			t.Fatal(err)
		}
	}
}
