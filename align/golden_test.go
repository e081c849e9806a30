package align_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// The goldens were made by an independent implementation, the oracle: see the
// README beside them.
const oracle = "../fit/testdata/oracle"

// A result is the result of reading and aligning one archive.
type result struct {
	Outcome string  `json:"outcome"`
	Reason  string  `json:"reason"`
	Curve   string  `json:"curve"`   // id of the curve
	Quality quality `json:"quality"` // not in all goldens
}

// A quality is what the oracle counts in a recording that gives a curve.
type quality struct {
	RowsDropped int `json:"rows_dropped"`
	Restarts    int `json:"restarts"`
	Dips        int `json:"dips"`
	Peaks       int `json:"peaks"`
	Unknown     int `json:"unknown"`
	Jumps       int `json:"jumps"`
}

func qualityOf(e *episode.Episode) quality {
	c := e.Channels[0]
	return quality{e.RowsDropped, c.Restarts, c.Dips, c.Peaks, len(c.Unknown), c.Jumps}
}

func (r result) String() string { return strings.TrimSpace(r.Outcome + " " + r.Reason + " " + r.Curve) }

// goldens is a file of cases, with curves by id.
type goldens[T any] struct {
	Cases  []T                  `json:"cases"`
	Curves map[string][]*string `json:"curves"`
}

func load[T any](t *testing.T, name string) goldens[T] {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(oracle, "goldens", name))
	if err != nil {
		t.Fatal(err)
	}
	var g goldens[T]
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Cases) == 0 {
		t.Fatal("no cases")
	}
	return g
}

// curveID computes the oracle's id of a curve: a hash of the float64 values, with
// one NaN for all gaps.
func curveID(c fit.Curve) string {
	h := sha256.New()
	for _, v := range c {
		bits := math.Float64bits(v)
		if math.IsNaN(v) {
			bits = 0x7ff8000000000000
		}
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], bits)
		h.Write(b[:])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func newFitter(t *testing.T, spec *fit.Spec) *align.Fitter {
	t.Helper()
	f, err := align.New(spec, episode.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// read reads and aligns an archive.
func read(t *testing.T, archive []byte, channel string, resample fit.Resample) (result, fit.Curve) {
	t.Helper()
	name, err := episode.ParseChannelName(channel)
	if err != nil { // no spec can have such a field
		return result{Outcome: "unusable", Reason: "no channel"}, nil
	}
	spec := fit.DefaultSpec()
	spec.Resample = resample
	if name.Source != "proc" { // the oracle does not read members that only the signature needs
		spec.Signature.Channels = nil
	}
	return readAs(t, spec, archive, channel)
}

// readAs reads and aligns an archive by a spec.
func readAs(t *testing.T, spec *fit.Spec, archive []byte, channel string) (result, fit.Curve) {
	t.Helper()
	a, err := newFitter(t, spec).Read(bytes.NewReader(archive), channel)
	var unusable *episode.UnusableError
	switch {
	case err == nil:
		return result{"ok", "", curveID(a.Curve), qualityOf(a.Episode)}, a.Curve
	case errors.As(err, &unusable):
		reason := strings.ReplaceAll(string(unusable.Reason), "_", " ")
		return result{Outcome: "unusable", Reason: strings.Replace(reason, "infected running", "infected_running", 1)}, nil
	case errors.Is(err, episode.ErrCorrupt):
		return result{Outcome: "corrupt"}, nil
	case errors.Is(err, episode.ErrTooLarge):
		return result{Outcome: "too_large"}, nil
	}
	t.Fatalf("read: an error that matches nothing: %v", err)
	return result{}, nil
}

// checkAll compares a result with the golden, and what is counted in the recording.
func checkAll(t *testing.T, what string, have result, curve fit.Curve, want result, curves map[string][]*string) {
	t.Helper()
	check(t, what, have, curve, want, curves)
	if have.Outcome == want.Outcome && have.Quality != want.Quality {
		t.Errorf("%s: %+v, the oracle has %+v", what, have.Quality, want.Quality)
	}
}

// check compares a result with the golden, without what is counted in the recording. If
// they differ, it reports the first point that does.
func check(t *testing.T, what string, have result, curve fit.Curve, want result, curves map[string][]*string) {
	t.Helper()
	have.Quality, want.Quality = quality{}, quality{}
	if have == want {
		return
	}
	for i, v := range curves[want.Curve] {
		if i >= len(curve) {
			break
		}
		w := math.NaN()
		if v != nil {
			w, _ = strconv.ParseFloat(*v, 64)
		}
		if math.Float64bits(w) != math.Float64bits(curve[i]) && !(math.IsNaN(w) && math.IsNaN(curve[i])) {
			t.Errorf("%s: point %d is %v, the oracle has %v", what, i, curve[i], w)
			return
		}
	}
	t.Errorf("%s: %s, the oracle has %s", what, have, want)
}

// open are the cases that the format leaves open and that this reader decides in
// another way than the oracle, with the reason.
var open = map[string]string{
	"channel-empty-part.tar.zst": "a spec refuses a channel without source or field",
}

// huge are the archives of edge/ that unpack to hundreds of megabytes. They test the
// default limits; package episode tests the same rules with lower ones. Each is read
// once, and not under the race detector, which takes minutes.
var huge = []string{
	"member-limit.tar.zst", "member-other-300mib.tar.zst",
	"zstd-1gib.tar.zst", "zstd-over-1gib.tar.zst", "zstd-over-1gib-frames.tar.zst",
}

// underRace reports whether the race detector is on.
var underRace bool

func TestEdgeCases(t *testing.T) {
	type edge struct {
		File, Channel, Note, Open string
		Linear, Mean              result
	}
	g := load[edge](t, "edge.json")
	for _, c := range g.Cases {
		t.Run(strings.TrimSuffix(c.File, ".tar.zst")+" "+c.Channel, func(t *testing.T) {
			if slices.Contains(huge, c.File) && (testing.Short() || underRace) {
				t.Skip("takes minutes under the race detector; make fma-test runs it without")
			}
			if why, ok := open[c.File]; ok && c.Open != "" {
				t.Logf("left open by the format: %s; here: %s", c.Open, why)
				return
			}
			archive, err := os.ReadFile(filepath.Join(oracle, "edge", c.File))
			if err != nil {
				t.Fatal(err)
			}
			have, curve := read(t, archive, c.Channel, fit.Linear)
			checkAll(t, "linear ("+c.Note+")", have, curve, c.Linear, g.Curves)
			if slices.Contains(huge, c.File) {
				return
			}
			if have.Outcome == "ok" || have.Outcome == "unusable" { // otherwise the result does not depend on the spec
				have, curve = read(t, archive, c.Channel, fit.Mean)
			}
			checkAll(t, "mean ("+c.Note+")", have, curve, c.Mean, g.Curves)
		})
	}
}

func TestRecordedEpisodes(t *testing.T) {
	type recorded struct {
		File, Channel string
		Linear, Mean  result
	}
	g := load[recorded](t, "recorded.json")
	for _, c := range g.Cases {
		t.Run(c.File+" "+c.Channel, func(t *testing.T) {
			archive, err := os.ReadFile(filepath.Join("../examples/recorded/store", c.File))
			if err != nil {
				t.Fatal(err)
			}
			for resample, want := range map[fit.Resample]result{fit.Linear: c.Linear, fit.Mean: c.Mean} {
				have, curve := read(t, archive, c.Channel, resample)
				check(t, string(resample), have, curve, want, g.Curves)
			}
		})
	}
}

// TestSignatures checks signatures. The other tests check that the curve is the same
// with a signature.
func TestSignatures(t *testing.T) {
	type signature struct {
		File, Channel, Outcome string
		Signature              []string
	}
	f := newFitter(t, fit.DefaultSpec())
	outcomes, lacking := map[string]int{}, 0
	for _, c := range load[signature](t, "signature.json").Cases {
		path := filepath.Join("../examples/recorded/store", c.File)
		if strings.HasPrefix(c.File, "edge/") {
			path = filepath.Join(oracle, c.File)
		}
		archive, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(huge, strings.TrimPrefix(c.File, "edge/")) {
			continue // TestEdgeCases reads them
		}
		if _, err := episode.ParseChannelName(c.Channel); err != nil {
			continue // no spec can have such a field
		}
		outcomes[c.Outcome]++
		a, err := f.Read(bytes.NewReader(archive), c.Channel)
		switch {
		case c.Outcome == "unusable" && errors.Is(err, episode.ErrUnusable), c.Outcome == "corrupt" && errors.Is(err, episode.ErrCorrupt):
			continue
		case c.Outcome != "ok" || err != nil:
			t.Errorf("%s %s: %v, the oracle has %s", c.File, c.Channel, err, c.Outcome)
			continue
		}
		if len(a.Signature) != len(c.Signature) {
			t.Fatalf("%s: %d channels, the oracle has %d", c.File, len(a.Signature), len(c.Signature))
		}
		for i, row := range a.Signature {
			if rowID(row) != c.Signature[i] {
				t.Errorf("%s %s: %v is not the oracle's", c.File, fit.DefaultSpec().Signature.Channels[i], row)
			}
			if !slices.ContainsFunc(row, func(v float32) bool { return v == v }) {
				lacking++
			}
		}
	}
	if outcomes["ok"] == 0 || outcomes["unusable"] == 0 || outcomes["corrupt"] == 0 || lacking == 0 {
		t.Errorf("outcomes %v, %d missing channels: some cases were not tested", outcomes, lacking)
	}
}

// rowID computes the oracle's id of one channel of a signature.
func rowID(row []float32) string {
	h := sha256.New()
	for _, v := range row {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
		h.Write(b[:])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// TestNoSignature checks that members are read only for the curve if the spec has no
// signature channels.
func TestNoSignature(t *testing.T) {
	archive, err := os.ReadFile(filepath.Join(oracle, "edge", "other-source.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	for channels, want := range map[string]string{"": "ok", "host.nothing": "ok", "proc.minflt": "corrupt"} {
		spec := fit.DefaultSpec()
		spec.Signature.Channels = strings.Fields(channels)
		a, err := newFitter(t, spec).Read(bytes.NewReader(archive), "host.mem_free_kb")
		if got := map[bool]string{true: "ok", false: "corrupt"}[err == nil]; got != want || err != nil && !errors.Is(err, episode.ErrCorrupt) {
			t.Errorf("%q: %v, want %s", channels, err, want)
		}
		if err == nil && len(a.Signature) != len(spec.Signature.Channels) {
			t.Errorf("%q: a signature of %d channels", channels, len(a.Signature))
		}
	}
}

// TestDamage cuts archives at every byte, and flips bits.
func TestDamage(t *testing.T) {
	type cut struct {
		result
		First, Last int
	}
	type flip struct {
		result
		Bits []int
	}
	type damage struct {
		File, Channel, Resample string
		Size                    int
		Cuts                    []cut
		Flips                   []flip
	}
	g := load[damage](t, "damage.json")
	for _, c := range g.Cases {
		t.Run(c.File+" "+c.Resample, func(t *testing.T) {
			archive, err := os.ReadFile(filepath.Join(oracle, "damage", c.File))
			if err != nil {
				t.Fatal(err)
			}
			if len(archive) != c.Size {
				t.Fatalf("%d bytes, the oracle had %d", len(archive), c.Size)
			}
			for _, cut := range c.Cuts {
				for n := cut.First; n <= cut.Last; n++ {
					have, curve := read(t, archive[:n], c.Channel, fit.Resample(c.Resample))
					check(t, fmt.Sprintf("cut at %d", n), have, curve, cut.result, g.Curves)
				}
			}
			for _, flip := range c.Flips {
				for _, bit := range flip.Bits {
					damaged := bytes.Clone(archive)
					damaged[bit/8] ^= 1 << (bit % 8)
					have, curve := read(t, damaged, c.Channel, fit.Resample(c.Resample))
					check(t, fmt.Sprintf("bit %d flipped", bit), have, curve, flip.result, g.Curves)
				}
			}
		})
	}
}
