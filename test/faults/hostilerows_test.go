//go:build faults

package faults

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/klauspost/compress/zstd"

	et "github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

// rowKinds are archives whose rows need as much memory or time as the limits allow. Each row has all
// channels of the default signature.
func rowKinds() []hostileKind {
	const million = 1_000_000
	rows := func(n int, time, count func(i int) int) func(*rand.Rand) []byte {
		return func(*rand.Rand) []byte {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, `{"t_wall_ns":%d`, et.Start+int64(time(i)))
				for k, field := range signatureFields {
					fmt.Fprintf(&b, `,"%s":%d`, field, count(i)*(k+1))
				}
				b.WriteString("}\n")
			}
			return et.Episode(0).With("telemetry-proc.jsonl", b.String()).Bytes()
		}
	}
	rising := func(i int) int { return 40 * i } // a million rows in 40 s, in microseconds
	same := func(int) int { return 1000 }
	falling := func(i int) int { return million - i }
	saw := func(i int) int { return i%1000*1000 + i/1000 }
	nanos := func(f func(int) int) func(int) int { return func(i int) int { return 1000 * f(i) } }
	return []hostileKind{
		{"a million rows of rising times", true, true, rows(million, nanos(rising), rising), justLarge},
		{"as many rows as cells allow", true, true, rows(2_000_000/len(signatureFields)-1000, nanos(rising), rising), nil},
		{"a big window beside as many rows as are left", true, true, func(draw *rand.Rand) []byte {
			const cellsLeft = 2_000_000 - 128<<20/128
			archive := rows(cellsLeft/len(signatureFields)-1000, nanos(rising), rising)(draw)
			content, err := zstd.NewReader(bytes.NewReader(archive))
			if err != nil {
				panic(err)
			}
			defer content.Close()
			tar, err := io.ReadAll(content)
			if err != nil {
				panic(err)
			}
			return et.Raw(et.Window(27), tar)
		}, nil},
		{"a million rows of one time", true, true, rows(million, same, rising), nil},
		{"a million falling times", true, true, rows(million, falling, rising), nil},
		{"a million times like a saw", true, true, rows(million, saw, rising), nil},
		{"falling counts", true, true, rows(200_000, nanos(rising), falling), []fit.Reason{fit.ReasonBadCounter}},
		{"counts like a saw", true, true, rows(200_000, nanos(rising), func(i int) int { return i % 7 }), []fit.Reason{fit.ReasonBadCounter}},
		{"a million rows and one more", true, true, rows(million+1, same, rising), justLarge},
	}
}

var signatureFields = []string{"cpu_user_jiffies", "cpu_sys_jiffies", "ctxt_voluntary", "minflt", "io_wchar", "io_write_bytes", "io_rchar"}

// otherKinds are archives whose other members or whose compression need much.
func otherKinds() []hostileKind {
	whole := et.Episode(450)
	gz := func(content []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(content); err != nil {
			panic(err)
		}
		if err := w.Close(); err != nil {
			panic(err)
		}
		return b.Bytes()
	}
	return []hostileKind{
		{"a million labels", true, true, func(*rand.Rand) []byte {
			var b strings.Builder
			for i := range 1_000_000 {
				fmt.Fprintf(&b, `{"t_wall_ns":%d,"phase":"phase %d"}`+"\n", i, i)
			}
			return whole.With("labels.jsonl", b.String()).Bytes()
		}, justLarge},
		{"a meta.json of a million lines", true, true, func(*rand.Rand) []byte {
			return whole.With("meta.json", "{"+strings.Repeat("\n\"a\":1,", 1_000_000)+"\"b\":2}").Bytes()
		}, nil},
		{"gzip that is a hundred times as large", true, true, func(*rand.Rand) []byte {
			return gz(append(header("telemetry-proc.jsonl", 1<<30), make([]byte, 200<<20)...))
		}, justLarge},
		{"gzip that is cut off", false, false, func(draw *rand.Rand) []byte {
			b := gz(whole.Tar())
			return b[:draw.IntN(len(b))]
		}, justCorrupt},
		{"a tar that is cut off", false, false, func(draw *rand.Rand) []byte {
			b := whole.Tar()
			return b[:512+draw.IntN(30_000)]
		}, justCorrupt},
		{"the same member a hundred times", true, true, func(*rand.Rand) []byte {
			a := whole
			for range 100 {
				a.Members = append(a.Members, et.Member{Name: "telemetry-proc.jsonl", Body: et.ProcRows(4000)})
			}
			return a.Bytes()
		}, nil},
		{"members of one name in many folders", false, false, func(draw *rand.Rand) []byte {
			a := whole
			for i := range 2 + draw.IntN(1000) {
				a.Members = append(a.Members, et.Member{Name: fmt.Sprintf("%d/telemetry-proc.jsonl", i), Body: et.ProcRows(3)})
			}
			return a.Bytes()
		}, justCorrupt},
		{"times a denormal apart", false, false, func(draw *rand.Rand) []byte {
			var b strings.Builder
			for i := range 400 {
				fmt.Fprintf(&b, `{"t_wall_ns":%d.5e-%d,"cpu_user_jiffies":%d}`+"\n", i, 300+draw.IntN(20), i)
			}
			return whole.With("telemetry-proc.jsonl", b.String()).Bytes()
		}, nil},
	}
}
