package align_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

// A specimen is an archive and the spec, as YAML, that describes it.
type specimen struct {
	name, spec string
	data       []byte
}

// specimens returns archives that are good, sloppy, hostile or in other formats.
func specimens(t *testing.T) []specimen {
	t.Helper()
	var all []specimen
	for _, pattern := range []string{"testdata/quality/*.tar.zst", oracle + "/edge/*.tar.zst", oracle + "/damage/*.tar.zst", "../examples/recorded/store/*/ep-a*.tar.zst"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no archives, %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(data) < 1<<20 && !slices.Contains(huge, filepath.Base(file)) {
				all = append(all, specimen{name: file, data: data})
			}
		}
	}
	for name, data := range sloppyArchives(t) {
		all = append(all, specimen{name: "sloppy " + name, data: data, spec: "format: {suffixes: [.tar]}"})
	}
	for _, f := range episodetest.Formats() {
		all = append(all, specimen{name: f.Name, spec: f.Spec, data: f.Write(episodetest.ReadRecording(episodetest.Episode(200).Bytes()))})
	}
	slices.SortFunc(all, func(a, b specimen) int { return strings.Compare(a.name, b.name) })
	return all
}

// drawSpecimen draws one of these, or an archive of drawn rows; it may be damaged.
func drawSpecimen(t *rapid.T, all []specimen) specimen {
	s := specimen{name: "drawn"}
	if rapid.IntRange(0, 2).Draw(t, "kind") == 0 {
		tar := drawArchive(t).Tar()
		for range rapid.IntRange(0, 1).Draw(t, "flips in the tar") {
			tar[rapid.IntRange(0, len(tar)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		s.data = episodetest.Compress(tar)
	} else {
		s = rapid.SampledFrom(all).Draw(t, "archive")
	}
	s.data = slices.Clone(s.data)
	switch rapid.IntRange(0, 5).Draw(t, "damage") {
	case 0:
		s.data = s.data[:rapid.IntRange(0, len(s.data)).Draw(t, "bytes")]
	case 1:
		if len(s.data) > 0 {
			s.data[rapid.IntRange(0, len(s.data)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
	}
	return s
}

// drawArchive draws an archive whose members have repeated, moved, nested, long and bad lines, and
// stand in any order.
func drawArchive(t *rapid.T) episodetest.Archive {
	a := episodetest.Episode(rapid.IntRange(0, 60).Draw(t, "rows"))
	for i := range a.Members {
		if !strings.HasPrefix(a.Members[i].Name, "telemetry") {
			continue
		}
		lines := strings.SplitAfter(a.Members[i].Body, "\n")
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			at := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
			switch rapid.SampledFrom([]string{"repeat", "move", "not JSON", "deep", "text", "cut"}).Draw(t, "change") {
			case "repeat":
				lines = slices.Insert(lines, at, lines[rapid.IntRange(0, len(lines)-1).Draw(t, "of")])
			case "move":
				to := rapid.IntRange(0, len(lines)-1).Draw(t, "to")
				lines[at], lines[to] = lines[to], lines[at]
			case "not JSON":
				lines = slices.Insert(lines, at, "{\"minflt\": 01}\n")
			case "deep":
				n := rapid.IntRange(1, 12).Draw(t, "depth")
				lines[at] = strings.Replace(lines[at], `"minflt": `, `"minflt": `+strings.Repeat("[", n)+strings.Repeat("]", n)+`, "was": `, 1)
			case "text":
				lines[at] = strings.Replace(lines[at], `"io_wchar": `, `"io_wchar": "\u00e9 7", "was": `, 1)
			case "cut":
				lines[at] = lines[at][:len(lines[at])/2]
			}
		}
		a.Members[i].Body = strings.Join(lines, "")
	}
	a.Members = rapid.Permutation(a.Members).Draw(t, "members")
	if rapid.IntRange(0, 5).Draw(t, "twice") == 0 {
		again := rapid.SampledFrom(a.Members).Draw(t, "again")
		again.Name = "other/" + again.Name
		a.Members = append(a.Members, again)
	}
	return a
}

// drawLimits draws limits that many of these archives are near to.
func drawLimits(t *rapid.T) episode.Limits {
	var lim episode.Limits
	switch rapid.IntRange(0, 4).Draw(t, "limit") {
	case 0, 1:
		lim.Cells = rapid.IntRange(1, 5000).Draw(t, "cells")
	case 2:
		lim.Rows = rapid.IntRange(1, 500).Draw(t, "row limit")
	case 3:
		lim.Depth = rapid.IntRange(1, 10).Draw(t, "depth limit")
	}
	return lim
}

// TestCurveOnly checks that an archive gives the same entry with and without a signature: the
// same curve to the last bit, or the same reason with the same words.
func TestCurveOnly(t *testing.T) {
	all := specimens(t)
	channels := []string{
		"proc.cpu_user_jiffies", "proc.cpu_sys_jiffies", "proc.minflt", "proc.io_wchar", "proc.rss_bytes", "proc.nothing",
		"host.cpu_user", "host.mem_free_kb", "host.load", "net.tx_packets", "none.x",
	}
	outcomes := map[fit.Reason]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpecimen(t, all)
		spec, err := fit.ParseSpec([]byte(s.spec))
		if err != nil {
			t.Fatal(err)
		}
		spec.Signature.Channels = rapid.SliceOfNDistinct(rapid.SampledFrom(channels), 0, len(channels), rapid.ID[string]).Draw(t, "signature")
		channel := rapid.SampledFrom(channels[:8]).Draw(t, "channel")
		if spec.Validate() != nil {
			t.Skip("the format has no such source")
		}
		f, err := align.New(spec, drawLimits(t))
		if err != nil {
			t.Fatal(err)
		}
		with, without := entryOf(t, f, s.data, channel), entryOf(t, f.CurveOnly(), s.data, channel)
		if without.Signature != nil {
			t.Fatal("a signature was made")
		}
		if with.State == fit.StateCurve && (with.Signature == nil) != (len(spec.Signature.Channels) == 0) {
			t.Fatal("no signature was made")
		}
		outcomes[with.Reason]++
		same := with.State == without.State && with.Reason == without.Reason && with.Detail == without.Detail &&
			with.Quality == without.Quality && with.Seconds == without.Seconds && slices.EqualFunc(with.Curve, without.Curve, sameBits)
		if !same {
			t.Fatalf("%s:\nwith a signature %+v\nwithout %+v", s.name, with, without)
		}
	})
	for _, reason := range []fit.Reason{"", fit.ReasonCorrupt, fit.ReasonTooLarge} {
		if outcomes[reason] == 0 {
			t.Errorf("no archive gave %q: %v", reason, outcomes)
		}
	}
}

func sameBits(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

// oneArchive is a store that has one archive under every name.
type oneArchive []byte

func (s oneArchive) Open(context.Context, episode.Ref) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(s)), nil
}

func entryOf(t *rapid.T, f *align.Fitter, data []byte, channel string) fit.Entry {
	e, err := f.Entry(context.Background(), oneArchive(data), episode.Ref{Host: "h", ID: "1"}, channel)
	if err != nil && !errors.Is(err, episode.ErrNotFound) {
		t.Fatal(err)
	}
	return e
}

// TestCheckedMember checks that a member which only the signature needs is checked and charged to
// the limits although no signature is made.
func TestCheckedMember(t *testing.T) {
	const channel = "host.cpu_user"
	spec := fit.DefaultSpec() // its signature is of the source proc
	good := episodetest.Episode(300)
	for _, c := range []struct {
		name   string
		data   []byte
		limits episode.Limits
		want   error
	}{
		{"good", good.Bytes(), episode.Limits{}, nil},
		{"damaged", good.With("telemetry-proc.jsonl", episodetest.ProcRows(300)+"{").Bytes(), episode.Limits{}, episode.ErrCorrupt},
		{"as many cells as there may be", good.Bytes(), episode.Limits{Cells: 300*7 + 300*2}, nil}, // seven channels of proc; a row takes at least two
		{"one more", good.Bytes(), episode.Limits{Cells: 300*7 + 300*2 - 1}, episode.ErrTooLarge},
	} {
		f, err := align.New(spec, c.limits)
		if err != nil {
			t.Fatal(err)
		}
		for what, f := range map[string]*align.Fitter{"with": f, "without": f.CurveOnly()} {
			if _, err := f.Read(bytes.NewReader(c.data), channel); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%s, %s a signature: %v, want %v", c.name, what, err, c.want)
			}
		}
	}
}
