//go:build faults

package faults

import (
	"archive/tar"
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

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

// hostileLimits are the defaults, but for the size of an archive, so that thousands of archives are
// read in minutes. It is larger than a window, so that a window can be filled.
var hostileLimits = []string{"EPISODE_MAX_TOTAL_BYTES=268435456"}

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
			return et.Compress(bytes.Repeat(header("x", 0), 200_000))
		}, justLarge},
		{"a line of 1 GB", true, false, func(*rand.Rand) []byte {
			return repeated(et.Window(17), append(header("labels.jsonl", 1<<30), `{"t_wall_ns":1,"phase":"`...), 'x', 1<<30)
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

// allHostileKinds returns every kind.
func allHostileKinds() []hostileKind {
	return slices.Concat(hostileKinds(), rowKinds(), otherKinds())
}
