package episode

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kelseyhightower/envconfig"
	"github.com/klauspost/compress/zstd"

	et "github.com/cis490/profiles/episode/episodetest"
)

func TestLimitsDefaults(t *testing.T) {
	var fromEnv Limits
	if err := envconfig.Process("EPISODE_TEST", &fromEnv); err != nil {
		t.Fatal(err)
	}
	if fromEnv.OrDefault() != DefaultLimits() || (Limits{}).OrDefault() != DefaultLimits() {
		t.Errorf("defaults differ: %+v, %+v", fromEnv, DefaultLimits())
	}
	text, err := json.Marshal(DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"window_bytes":134217728,"big_window_bytes":8388608,"total_bytes":1073741824,"member_bytes":268435456,` +
		`"line_bytes":1048576,"rows":1000000,"labels":10000,"cells":2000000,"members":100000,"depth":1000}`
	if string(text) != want { // generations are hashes of it
		t.Errorf("JSON is %s", text)
	}
	if err := DefaultLimits().Validate(); err != nil {
		t.Error(err)
	}
}

func TestLimitsValidate(t *testing.T) {
	for want, lim := range map[string]Limits{
		"EPISODE_MAX_WINDOW_BYTES is 1000: it must be between 1024 and 2147483648": {WindowBytes: 1000},
		"EPISODE_MAX_BIG_WINDOW_BYTES is -1:":                                      {BigWindowBytes: -1},
		"EPISODE_MAX_TOTAL_BYTES is -1:":                                           {TotalBytes: -1},
		"EPISODE_MAX_MEMBER_BYTES is -1:":                                          {MemberBytes: -1},
		"EPISODE_MAX_LINE_BYTES is -1:":                                            {LineBytes: -1},
		"EPISODE_MAX_ROWS is -1:":                                                  {Rows: -1},
		"EPISODE_MAX_LABELS is -1:":                                                {Labels: -1},
		"EPISODE_MAX_CELLS is -1:":                                                 {Cells: -1},
		"EPISODE_MAX_MEMBERS is -1:":                                               {Members: -1},
		"EPISODE_MAX_DEPTH is 1000000:":                                            {Depth: 1000000},
	} {
		if err := lim.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if _, err := Read(strings.NewReader(""), nil, Rules{Limits: lim}); err == nil || errors.Is(err, ErrCorrupt) {
			t.Errorf("Read with %+v: %v", lim, err)
		}
	}
}

// TestReadLimits reads archives with exactly the largest value that each limit accepts, and with
// the limit lower by one.
func TestReadLimits(t *testing.T) {
	body := func(name string) string {
		for _, m := range small().Members {
			if m.Name == name {
				return m.Body
			}
		}
		return ""
	}
	proc, content := body("telemetry-proc.jsonl"), small().Tar()
	longest := int64(0)
	for line := range strings.Lines(proc) {
		longest = max(longest, int64(len(line)-1))
	}
	crlf := small().With("telemetry-proc.jsonl", strings.ReplaceAll(proc, "\n", "\r\n")).Bytes()
	last := small().With("telemetry-proc.jsonl", strings.TrimSuffix(proc, "\n")).Bytes()
	deep := small().With("meta.json", `{"a": [[{}]]}`).Bytes()
	for _, c := range []struct {
		name   string
		data   []byte
		at     Limits
		beyond Limits
		says   string
	}{
		{"line", small().Bytes(), Limits{LineBytes: longest}, Limits{LineBytes: longest - 1}, "telemetry-proc.jsonl line 5 is over"},
		{"line with CRLF", crlf, Limits{LineBytes: longest}, Limits{LineBytes: longest - 1}, "telemetry-proc.jsonl line 5 is over"},
		{"last line", last, Limits{LineBytes: longest}, Limits{LineBytes: longest - 1}, "telemetry-proc.jsonl line 5 is over"},
		{"member", small().Bytes(), Limits{MemberBytes: int64(len(proc))}, Limits{MemberBytes: int64(len(proc)) - 1}, "telemetry-proc.jsonl is over"},
		{"rows", small().Bytes(), Limits{Rows: 5}, Limits{Rows: 4}, "telemetry-proc.jsonl has more than 4 rows"},
		{"labels", small().Bytes(), Limits{Labels: 5}, Limits{Labels: 4}, "labels.jsonl has more than 4 rows"},
		{"members", small().Bytes(), Limits{Members: 3}, Limits{Members: 2}, "more than 2 members"},
		{"total", small().Bytes(), Limits{TotalBytes: int64(len(content))}, Limits{TotalBytes: int64(len(content)) - 1}, fmt.Sprintf("more than %d bytes decompressed", len(content)-1)},
		{"total of gzip", small().Gzip(), Limits{TotalBytes: int64(len(content))}, Limits{TotalBytes: int64(len(content)) - 1}, fmt.Sprintf("more than %d bytes decompressed", len(content)-1)},
		{"total of a tar", content, Limits{TotalBytes: int64(len(content))}, Limits{TotalBytes: int64(len(content)) - 1}, fmt.Sprintf("more than %d bytes decompressed", len(content)-1)},
		{"members in gzip", small().Gzip(), Limits{Members: 3}, Limits{Members: 2}, "more than 2 members"},
		{"window", et.Raw(et.Window(20), content), Limits{WindowBytes: 1 << 20}, Limits{WindowBytes: 1<<20 - 1}, "zstd window of 1048576 bytes is over 1048575"},
		{"window with mantissa", et.Raw(et.Header(0, 10<<3|7), content), Limits{WindowBytes: 1<<20 + 7<<17}, Limits{WindowBytes: 1 << 20}, "zstd window of 1966080 bytes is over 1048576"},
		{"single segment", et.Raw(et.SingleSegment(uint64(len(content))), content), Limits{WindowBytes: int64(len(content))}, Limits{WindowBytes: int64(len(content)) - 1}, "zstd window of"},
		{"single segment of two bytes", et.Raw(et.Header(0x60, byte((len(content)-256)&0xFF), byte((len(content)-256)>>8)), content), Limits{WindowBytes: int64(len(content))}, Limits{WindowBytes: int64(len(content)) - 1}, "zstd window of"},
		{"window of a later frame", join(small().Bytes(), et.Raw(et.Window(21), nil)), Limits{WindowBytes: 2 << 20}, Limits{WindowBytes: 1 << 20}, "zstd window of 2097152"},
	} {
		if _, err := Read(bytes.NewReader(c.data), user, Rules{Limits: c.at}); err != nil {
			t.Errorf("%s: at the limit: %v", c.name, err)
		}
		_, err := Read(bytes.NewReader(c.data), user, Rules{Limits: c.beyond})
		if !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: beyond the limit: %v", c.name, err)
		}
	}
	if _, err := Read(bytes.NewReader(deep), user, Rules{Limits: Limits{Depth: 4}}); err != nil {
		t.Error(err)
	}
	if _, err := Read(bytes.NewReader(deep), user, Rules{Limits: Limits{Depth: 3}}); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

// TestReadSparse reads an archive in which sparse files have more bytes than the tar.
func TestReadSparse(t *testing.T) {
	content := sparse("t.csv", 1000)
	content = append(content[:len(content)-2*blockBytes], content...)
	content = append(content[:len(content)-2*blockBytes], small().Tar()...)
	rules := Rules{Format: DefaultFormat(), Limits: Limits{TotalBytes: int64(len(content))}}
	rules.Format.Sources["csv"] = SourceFormat{Member: "t.csv", Time: "t", Unit: Seconds, Rows: CSV}
	want := append(slices.Clone(user), wanted("csv", "x"))
	if _, err := Read(bytes.NewReader(et.Compress(content)), want, rules); err != nil {
		t.Fatal(err)
	}
	large := sparse("t.csv", 1000*1000)
	large = append(large[:len(large)-2*blockBytes], small().Tar()...)
	rules.Limits.TotalBytes = int64(len(large))
	if _, err := Read(bytes.NewReader(et.Compress(large)), want, rules); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "sparse") {
		t.Errorf("got %v", err)
	}
}

// TestReadWindowAndRows checks that rows and a big window of zstd share the limit of cells, whichever
// comes first.
func TestReadWindowAndRows(t *testing.T) {
	content := small().Tar()
	const cells = 5 * leastCost
	first := len(content) * 9 / 10 // behind the rows
	for name, data := range map[string][]byte{
		"window first": et.Raw(et.Window(24), content),
		"rows first":   join(et.Raw(et.Window(20), content[:first]), et.Raw(et.Window(24), content[first:])),
	} {
		if _, err := Read(bytes.NewReader(data), user, Rules{Limits: Limits{Cells: 8 * cells}}); err != nil {
			t.Errorf("%s: at the limit: %v", name, err)
		}
		_, err := Read(bytes.NewReader(data), user, Rules{Limits: Limits{Cells: 8*cells - 8}})
		if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "the zstd window takes 63 of 72") {
			t.Errorf("%s: beyond the limit: %v", name, err)
		}
	}
	var big bigArchive
	defer big.end()
	b := budget{most: DefaultLimits().Cells, big: &big}
	if err := errors.Join(b.useWindow(128<<20), b.take(951_424)); err != nil {
		t.Error(err)
	}
	if err := b.take(1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// sparse returns a tar with a sparse file of the given size, which stores almost nothing.
func sparse(name string, size int64) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	data := fmt.Sprintf("1\n%d\n0\n", size) // the map: one piece, of no bytes, at the end
	data += strings.Repeat("\x00", 512-len(data))
	h := &tar.Header{Name: "x", Size: int64(len(data)), Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatPAX, PAXRecords: map[string]string{"VENDOR.x": "1"}}
	if err := w.WriteHeader(h); err != nil {
		panic(err)
	}
	if _, err := w.Write([]byte(data)); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	// The writer rejects sparse records, so they replace VENDOR.x.
	record := func(key, value string) string {
		for n := len(key) + len(value) + 3; ; n++ {
			if s := fmt.Sprintf("%d %s=%s\n", n, key, value); len(s) == n {
				return s
			}
		}
	}
	records := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") +
		record("GNU.sparse.name", name) + record("GNU.sparse.realsize", fmt.Sprint(size))
	raw := b.Bytes()
	copy(raw[512:1024], append([]byte(records), make([]byte, 512-len(records))...))
	copy(raw[124:136], fmt.Sprintf("%011o\x00", len(records)))
	copy(raw[148:156], "        ")
	sum := 0
	for _, c := range raw[:512] {
		sum += int(c)
	}
	copy(raw[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return raw
}

// TestReadBombs reads small archives with a huge content, or a huge declared size, and measures how
// much memory that takes.
func TestReadBombs(t *testing.T) {
	zeros := func(frame []byte, n int) []byte {
		for range n >> 17 {
			frame = append(frame, et.Block(false, et.BlockRepeated, 128<<10, 0)...)
		}
		return append(frame, et.Block(true, et.BlockRaw, 0)...)
	}
	header := func(name string, size int64) []byte {
		var b bytes.Buffer
		if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, Format: tar.FormatGNU}); err != nil {
			panic(err)
		}
		return b.Bytes()
	}
	begin := func(content []byte) []byte { // a frame without its last block
		return append(et.Window(17), et.Block(false, et.BlockRaw, len(content), content...)...)
	}
	members := et.Archive{Members: make([]et.Member, 2000)}
	for i := range members.Members {
		members.Members[i].Name = "x"
	}
	for name, c := range map[string]struct {
		data []byte
		lim  Limits
		want error
	}{
		"zeros in a skipped member":       {zeros(begin(header("x", 1<<40)), 40<<20), Limits{TotalBytes: 32 << 20}, ErrTooLarge},
		"zeros after the tar":             {zeros(begin(small().Tar()), 40<<20), Limits{TotalBytes: 32 << 20}, ErrTooLarge},
		"zeros in a needed member":        {zeros(begin(header("meta.json", 100<<20)), 100<<20), Limits{}, ErrTooLarge},
		"a needed member of a huge size":  {zeros(begin(header("meta.json", 1<<62)), 1<<20), Limits{}, ErrTooLarge},
		"a skipped member of a huge size": {zeros(begin(header("x", 1<<62)), 1<<20), Limits{}, ErrCorrupt},
		"a sparse member":                 {et.Compress(sparse("meta.json", 1<<40)), Limits{}, ErrTooLarge},
		"a sparse member that fits":       {et.Compress(sparse("meta.json", 200<<20)), Limits{}, ErrTooLarge},
		"a skipped sparse member":         {et.Compress(append(sparse("x", 1<<60)[:2048], small().Tar()...)), Limits{}, nil},
		"a window of 3.75 TB":             {et.Header(0, 0xFF), Limits{}, ErrTooLarge},
		"a single segment of 2^64":        {et.SingleSegment(1<<64 - 1), Limits{}, ErrTooLarge},
		"a content size of 2^64":          {et.Raw(et.Header(0xC0, 7<<3, 255, 255, 255, 255, 255, 255, 255, 255), nil), Limits{}, ErrCorrupt},
		"a skippable frame of 4 GB":       {append(et.Skippable(nil)[:4], 255, 255, 255, 255), Limits{}, ErrCorrupt},
		"members":                         {members.Bytes(), Limits{Members: 1999}, ErrTooLarge},
		"many empty frames":               {bytes.Repeat(et.Raw(et.Window(10), nil), 100_000), Limits{}, ErrCorrupt},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(bytes.NewReader(c.data), user, Rules{Limits: c.lim})
		runtime.ReadMemStats(&after)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
			t.Errorf("%s: allocated %d bytes", name, took)
		}
	}
}

// A gate is a source that calls reached when it is read beyond its head, and end when it was read
// to its end.
type gate struct {
	head, tail   io.Reader
	reached, end func()
	passed       bool
}

func (g *gate) Read(p []byte) (int, error) {
	if n, err := g.head.Read(p); err != io.EOF {
		return n, err
	}
	if !g.passed {
		g.passed = true
		g.reached()
	}
	n, err := g.tail.Read(p)
	if err == io.EOF {
		g.end()
	}
	return n, err
}

// TestReadBigWindows checks that archives with big windows are read one at a time, and that other
// archives do not wait for them.
func TestReadBigWindows(t *testing.T) {
	content := small().Tar()
	big := et.Raw(et.Window(24), content)
	var inside, most atomic.Int32
	var done sync.WaitGroup
	first, hold := make(chan struct{}), make(chan struct{})
	start := func(reached func()) {
		done.Go(func() {
			// Read waits after the frame header.
			g := &gate{head: bytes.NewReader(big[:6]), tail: bytes.NewReader(big[6:]), reached: reached, end: func() { inside.Add(-1) }}
			if _, err := Read(g, user, Rules{}); err != nil {
				t.Error(err)
			}
		})
	}
	enter := func() {
		if n := inside.Add(1); n > most.Load() {
			most.Store(n)
		}
	}
	start(func() { enter(); close(first); <-hold })
	<-first
	for range 3 {
		start(func() { enter(); runtime.Gosched() })
	}
	for range 100 {
		if _, err := read(small().Bytes()); err != nil { // do not wait
			t.Error(err)
		}
	}
	close(hold)
	done.Wait()
	if most.Load() != 1 || inside.Load() != 0 {
		t.Errorf("%d at once", most.Load())
	}
	// An error releases the lock, too. A window of exactly BigWindowBytes does not need it.
	for range 3 {
		if _, err := read(big[:100]); !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
		if _, err := read(join(big, big, et.Raw(et.Window(28), nil))); !errors.Is(err, ErrTooLarge) {
			t.Error(err)
		}
	}
	bigLock <- struct{}{}
	if _, err := read(et.Compress(content, zstd.WithWindowSize(8<<20), zstd.WithSingleSegment(false))); err != nil {
		t.Error(err)
	}
	<-bigLock
}

// TestReadBigWindowsAgain checks that the memory of a big window is free for the next one, even if
// the garbage collector does not run by itself.
func TestReadBigWindowsAgain(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const window = 64 << 20
	big := et.Raw(et.Window(26), small().Tar())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 4 {
		if _, err := read(big); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if took := int64(after.HeapInuse) - int64(before.HeapInuse); took > window/2 {
		t.Errorf("%d MiB are still in use", took>>20)
	}
}

// TestReadGrowingWindows checks that two windows which a decoder has in memory at once are within
// the limit together.
func TestReadGrowingWindows(t *testing.T) {
	tar := small().Tar()
	frames := func(logs ...int) []byte {
		var b []byte
		part := len(tar)/len(logs) + 1
		for i, log := range logs {
			b = append(b, et.Raw(et.Window(log), tar[i*part:min((i+1)*part, len(tar))])...)
		}
		return b
	}
	for _, logs := range [][]int{{27}, {17, 27}, {23, 27}, {27, 27, 26, 17, 27}, {24, 25, 26}, {26, 17, 26}} {
		if _, err := read(frames(logs...)); err != nil {
			t.Errorf("windows of 2^%d: %v", logs, err)
		}
	}
	for _, logs := range [][]int{{24, 27}, {26, 27}, {27, 26, 28}, {24, 25, 26, 17, 27}} {
		if _, err := read(frames(logs...)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("windows of 2^%d: %v", logs, err)
		}
	}
	if len(bigLock) > 0 {
		t.Error("the lock is still held")
	}
}

// TestReadConcurrently reads good and bad archives at once, with readers from the pool.
func TestReadConcurrently(t *testing.T) {
	good := et.Episode(200).Bytes()
	want := mustRead(t, good)
	bad := [][]byte{
		good[:len(good)/2], small().With("meta.json", strings.Repeat("{", 5000)).Bytes(), et.Raw(et.Window(28), nil), []byte("no"),
		small().With("telemetry-proc.jsonl", strings.Repeat("x", 3<<20)).Bytes(), et.Raw(et.Window(24), small().Tar())[:50],
	}
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for i := range 30 {
				if _, err := read(bad[i%len(bad)]); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLarge) {
					t.Errorf("bad archive %d: %v", i%len(bad), err)
				}
				got, err := read(good)
				if err != nil || !sameChannel(got.Channels[0], want.Channels[0]) || got.Duration != want.Duration {
					t.Errorf("after bad archive %d: %v", i%len(bad), err)
				}
			}
		})
	}
	done.Wait()
}
