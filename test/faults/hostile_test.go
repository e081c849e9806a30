//go:build faults

package faults

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	et "github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

// A hostileKind is a kind of archive that is meant to harm its reader.
type hostileKind struct {
	name string
	// shared: it is costly to make, so there is one file under many names.
	shared bool
	// slow: it is costly to read, so there are a tenth as many.
	slow bool
	make func(draw *rand.Rand) []byte
	// reasons are the reasons that a worker may give; nil: any result.
	reasons []fit.Reason
}

// hostileLimits are low, so that thousands of archives are read in minutes. The limit of
// the window is the default, since windows need most of the memory. The limit of the
// content is larger than that, so that a window can be filled.
var hostileLimits = []string{
	"EPISODE_MAX_TOTAL_BYTES=167772160", "EPISODE_MAX_MEMBER_BYTES=8388608", "EPISODE_MAX_LINE_BYTES=262144",
	"EPISODE_MAX_ROWS=20000", "EPISODE_MAX_MEMBERS=2000",
}

var (
	justCorrupt = []fit.Reason{fit.ReasonCorrupt}
	justLarge   = []fit.Reason{fit.ReasonTooLarge}
)

func hostileKinds() []hostileKind {
	whole := et.Episode(450)
	good := whole.Bytes()
	return []hostileKind{
		{"100 GB of zeros in 3 MB", true, true, func(*rand.Rand) []byte { return repeated(et.Window(17), nil, 0, 100<<30) }, justLarge},
		{"100 GB of telemetry", true, false, func(*rand.Rand) []byte {
			return repeated(et.Window(17), header("telemetry-proc.jsonl", 100<<30), '\n', 100<<30)
		}, justLarge},
		{"100 GB in a member that is not needed", true, true, func(*rand.Rand) []byte {
			return repeated(et.Window(17), header("notes.txt", 100<<30), 'x', 100<<30)
		}, justLarge},
		{"a window of 128 MiB, filled", true, true, func(*rand.Rand) []byte { return repeated(et.Window(27), nil, 0, 1<<30) }, justLarge},
		{"windows that grow, each filled", true, true, func(*rand.Rand) []byte {
			return append(repeated(et.Window(26), nil, 0, 80<<20), repeated(et.Window(27), nil, 0, 1<<30)...)
		}, justLarge},
		{"a window of 2 GB", false, false, func(draw *rand.Rand) []byte { return repeated(et.Window(31), nil, byte(draw.Uint32()), 1<<20) }, justLarge},
		{"a single segment that says 1 TB", false, false, func(draw *rand.Rand) []byte {
			return repeated(et.SingleSegment(1<<40+draw.Uint64N(1<<40)), nil, 0, 1<<20)
		}, justLarge},
		{"a member of 1 TB, by its header", false, false, func(draw *rand.Rand) []byte {
			return et.Compress(append(header(needed(draw), 1<<40+draw.Int64N(1<<30)), whole.Tar()...))
		}, []fit.Reason{fit.ReasonTooLarge, fit.ReasonCorrupt}},
		{"a member of 1 TB that is not needed", false, false, func(draw *rand.Rand) []byte {
			return et.Compress(append(header("notes.txt", 1<<40+draw.Int64N(1<<30)), whole.Tar()...))
		}, justCorrupt},
		{"a million members", true, false, func(*rand.Rand) []byte {
			return et.Compress(bytes.Repeat(header("x", 0), 1_000_000))
		}, justLarge},
		{"a line of 1 GB", true, false, func(*rand.Rand) []byte {
			return repeated(et.Window(17), append(header("labels.jsonl", 1<<30), `{"t_wall_ns":1,"phase":"`...), 'x', 1<<30)
		}, justLarge},
		{"a million rows", true, false, func(*rand.Rand) []byte {
			return whole.With("telemetry-proc.jsonl", et.Rows(60_000, func(i int) string { return fmt.Sprintf(`"cpu_user_jiffies":%d`, i) })).Bytes()
		}, justLarge},
		{"deep JSON", false, false, func(draw *rand.Rand) []byte {
			n := 1_001 + draw.IntN(100_000)
			return whole.With(needed(draw), strings.Repeat(pickOne(draw, "[", `{"a":`), n)).Bytes()
		}, []fit.Reason{fit.ReasonCorrupt, fit.ReasonTooLarge}},
		{"deep JSON that is whole", false, false, func(draw *rand.Rand) []byte {
			n := 1_001 + draw.IntN(100_000)
			return whole.With("meta.json", `{"a":`+strings.Repeat("[", n)+strings.Repeat("]", n)+"}").Bytes()
		}, justCorrupt},
		{"very long numbers", false, false, func(draw *rand.Rand) []byte {
			return whole.With("labels.jsonl", et.Walk()+`{"t_wall_ns":1`+strings.Repeat("9", 1000+draw.IntN(200_000))+pickOne(draw, "", "e99999999999", ".5")+"}\n").Bytes()
		}, []fit.Reason{fit.ReasonCorrupt, fit.ReasonTooLarge}},
		{"very many keys in a row", false, false, func(draw *rand.Rand) []byte {
			var row strings.Builder
			for i := range 10_000 {
				fmt.Fprintf(&row, `"k%d_%d":%d,`, i, draw.Uint32(), i)
			}
			return whole.With("telemetry-proc.jsonl", strings.Repeat("{"+row.String()+`"t_wall_ns":`+"\n", 1+draw.IntN(20))).Bytes()
		}, []fit.Reason{fit.ReasonCorrupt, fit.ReasonTooLarge}},
		{"a name of megabytes", false, false, func(draw *rand.Rand) []byte {
			size := int64(2<<20 + draw.IntN(1<<20))
			return repeated(et.Window(17), typed(header("x", size), pickOne(draw, "L", "K", "x", "g")[0]), 'n', size)
		}, justCorrupt},
		{"a million frames of nothing", true, true, func(*rand.Rand) []byte {
			return bytes.Repeat(append(et.Skippable(nil), et.Raw(et.Window(10), nil)...), 500_000)
		}, justCorrupt},
		{"a frame cut off", false, false, func(draw *rand.Rand) []byte { return good[:draw.IntN(len(good))] }, justCorrupt},
		{"a frame with other bits", false, false, func(draw *rand.Rand) []byte {
			b := bytes.Clone(good)
			b[draw.IntN(len(b))] ^= 1 << draw.IntN(8)
			return b
		}, []fit.Reason{fit.ReasonCorrupt, fit.ReasonTooLarge}},
		{"a tar with other bytes", false, false, func(draw *rand.Rand) []byte {
			b := whole.Tar()
			for range 1 + draw.IntN(20) {
				b[draw.IntN(len(b))] = byte(draw.Uint32())
			}
			return et.Compress(b)
		}, nil}, // any result is right
		{"noise", false, false, func(draw *rand.Rand) []byte {
			b := make([]byte, draw.IntN(64<<10))
			for i := range b {
				b[i] = byte(draw.Uint32())
			}
			return append(et.Window(20), b...)
		}, justCorrupt},
	}
}

// cycle returns a sequence of kinds with slow ones once and the others ten times.
func cycle(kinds []hostileKind) []hostileKind {
	all := slices.Clone(kinds)
	for range 9 {
		all = append(all, slices.DeleteFunc(slices.Clone(kinds), func(h hostileKind) bool { return h.slow })...)
	}
	return all
}

func pickOne(draw *rand.Rand, of ...string) string { return of[draw.IntN(len(of))] }

// needed returns the name of a random member that is parsed.
func needed(draw *rand.Rand) string {
	return pickOne(draw, "meta.json", "labels.jsonl", "telemetry-proc.jsonl")
}

// header returns the tar header of a member of this size, without the member.
func header(name string, size int64) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: size, Mode: 0o644, Format: tar.FormatGNU}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// typed changes the type of a header: L and K are for long names, x and g for extended
// headers.
func typed(header []byte, kind byte) []byte {
	header[156] = kind
	copy(header[148:156], "        ")
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return header
}

// repeated appends blocks to a frame: first, and then size times one byte, in four bytes
// for each 128 KiB.
func repeated(frame, first []byte, b byte, size int64) []byte {
	const most = 128 << 10
	if len(first) > 0 {
		frame = append(frame, et.Block(false, et.BlockRaw, len(first), first...)...)
	}
	for ; size > most; size -= most {
		frame = append(frame, et.Block(false, et.BlockRepeated, most, b)...)
	}
	return append(frame, et.Block(true, et.BlockRepeated, int(size), b)...)
}

// hostileMemory is the limit of a worker's peak memory in KiB.
const hostileMemory = 256 << 10

// TestHostile makes a worker read thousands of hostile archives among some good ones. It
// must stay below its memory limit, give the right reason for each hostile archive, and
// have the envelope of the good ones.
func TestHostile(t *testing.T) {
	h := newHostile(t)
	h.fillStore()
	h.worker.start()
	began := time.Now()
	h.profiles("emit", "--validation", h.validation)
	h.profiles("status", "--wait")
	t.Logf("%d hostile archives of %d kinds among %d whole ones, read in %.0fs", hostile, len(hostileKinds()), len(h.whole), time.Since(began).Seconds())

	h.add("after", et.Episode(450).Bytes()) // the worker continues
	h.profiles("emit", "--validation", h.validation)
	h.profiles("status", "--wait")
	h.checkEntries()
	h.checkEqual()
	if died := h.worker.deaths(); len(died) > 0 {
		t.Errorf("the worker died: %s", died)
	}
	kib := h.worker.measure()
	t.Logf("the worker had %d MiB at its peak", kib>>10)
	if kib > hostileMemory && !race {
		t.Errorf("the worker had %d MiB, over %d", kib>>10, hostileMemory>>10)
	}
	if err := h.worker.stop(); err != nil {
		t.Error(err)
	}
}

// A hostileRun is one worker, one server and a store.
type hostileRun struct {
	t          *testing.T
	dir        string
	url        string
	env        []string // of every process
	bus        *bus.Bus
	worker     *process
	validation string
	spec       string
	rows       []row
	whole      map[string]bool        // episodes
	kinds      map[string]hostileKind // of the hostile episodes
}

const (
	hostileHost    = "lab-01"
	hostileProfile = "cpu-saturate"
)

func newHostile(t *testing.T) *hostileRun {
	srv := bustest.Start(t)
	h := &hostileRun{t: t, dir: t.TempDir(), url: srv.URL(), bus: srv.Topology(), whole: map[string]bool{}, kinds: map[string]hostileKind{}}
	if err := os.MkdirAll(filepath.Join(h.dir, "store", hostileHost), 0o755); err != nil {
		t.Fatal(err)
	}
	h.validation, h.spec = filepath.Join(h.dir, "validation.parquet"), filepath.Join(h.dir, "spec.yaml")
	// The sample takes all, or some would not be read.
	spec := fmt.Sprintf("target: %d\nprofiles: [{name: %s, channel: proc.cpu_user_jiffies}]\n", 2*hostile+1000, hostileProfile)
	if err := os.WriteFile(h.spec, []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	h.env = append([]string{"NATS_URL=" + h.url, "GOMEMLIMIT=192MiB"}, hostileLimits...)
	h.worker = newProcess(t, t.ArtifactDir(), "worker", filepath.Join(bin, "profile-worker"), nil,
		append(slices.Clone(h.env), "EPISODE_STORE="+filepath.Join(h.dir, "store"), "FIT_SPEC="+h.spec, "LISTEN=127.0.0.1:0"))
	t.Cleanup(h.worker.kill)
	return h
}

// fillStore writes the archives: hostile ones of each kind in turn, and a good one after
// each hundred.
func (h *hostileRun) fillStore() {
	draw := rand.New(rand.NewPCG(seed, 1))
	all := cycle(hostileKinds())
	shared := map[string]string{}
	for i := range hostile {
		kind := all[i%len(all)]
		id := fmt.Sprintf("hostile-%06d", i)
		h.kinds[id] = kind
		if first := shared[kind.name]; first != "" {
			if err := os.Link(h.path(first), h.path(id)); err != nil {
				h.t.Fatal(err)
			}
			h.list(id)
		} else {
			h.write(id, kind.make(draw))
		}
		if kind.shared {
			shared[kind.name] = id
		}
		if i%100 == 0 {
			h.add(fmt.Sprintf("whole-%06d", i), et.Episode(400+i%97).Bytes())
		}
	}
	h.save()
}

func (h *hostileRun) path(id string) string {
	return filepath.Join(h.dir, "store", hostileHost, id+".tar.zst")
}

func (h *hostileRun) list(id string) {
	h.rows = append(h.rows, row{Episode: id, Host: hostileHost, Profile: hostileProfile, Status: "accepted"})
}

func (h *hostileRun) write(id string, archive []byte) {
	if err := os.WriteFile(h.path(id), archive, 0o644); err != nil {
		h.t.Fatal(err)
	}
	h.list(id)
}

// add writes a good archive.
func (h *hostileRun) add(id string, archive []byte) {
	h.write(id, archive)
	h.whole[id] = true
	h.save()
}

func (h *hostileRun) save() {
	if err := parquet.WriteFile(h.validation, h.rows); err != nil {
		h.t.Fatal(err)
	}
}

// profiles runs the operator's command.
func (h *hostileRun) profiles(args ...string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient(15*time.Minute))
	defer cancel()
	if _, err := runProfiles(ctx, h.env, args...); err != nil {
		h.t.Fatal(err)
	}
}

// checkEntries checks the entry of each archive.
func (h *hostileRun) checkEntries() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient(time.Minute))
	defer cancel()
	specs, err := h.bus.ReadSpecs(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	gen, _ := specs.Wanted()
	curves, err := h.bus.ReadCurves(ctx, gen)
	if err != nil {
		h.t.Fatal(err)
	}
	used, said := 0, map[string]int{}
	for _, r := range h.rows {
		e := curves.Seen(bus.EntryID{Profile: hostileProfile, Rank: gen.Spec.Rank(r.Host, r.Episode)})
		if h.whole[r.Episode] {
			if e.State == fit.StateCurve {
				used++
			}
			continue
		}
		kind := h.kinds[r.Episode]
		switch {
		case !e.Found:
			h.t.Errorf("%s: %s has no entry", kind.name, r.Episode)
		case kind.reasons != nil && !slices.Contains(kind.reasons, e.Reason):
			h.t.Errorf("%s: %s is %q, want one of %q", kind.name, r.Episode, e.Reason, kind.reasons)
		}
		said[kind.name+" | "+cmp.Or(string(e.Reason), "a curve")]++
	}
	if used != len(h.whole) {
		h.t.Errorf("%d whole archives gave a curve, of %d", used, len(h.whole))
	}
	for _, what := range slices.Sorted(maps.Keys(said)) {
		h.t.Logf("| %s | %d |", what, said[what])
	}
}

// checkEqual compares the envelope with the fit of the store.
func (h *hostileRun) checkEqual() {
	h.t.Helper()
	live, batch := filepath.Join(h.dir, "live.parquet"), filepath.Join(h.dir, "batch.parquet")
	for _, path := range []string{live, batch} {
		if err := os.RemoveAll(path); err != nil {
			h.t.Fatal(err)
		}
	}
	h.profiles("export", "--spec", h.spec, "--fit-out", live)
	h.profiles("fit", "--spec", h.spec, "--store", filepath.Join(h.dir, "store"), "--validation", h.validation, "--fit-out", batch)
	a, err := os.ReadFile(live)
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := os.ReadFile(batch)
	if err != nil {
		h.t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		h.t.Errorf("the envelope differs from the fit of the same archives")
	}
}
