//go:build unix

package align_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/command/synth"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
)

// BenchmarkCost measures the CPU time of several ways to read the same archives. They take turns,
// so that other load on the machine hardly changes their ratios. The cases named signature also
// read the seven channels of the default signature. All figures are for one archive:
//
//	KB           size of its content
//	decode-µs    to decompress it, with the decoder of package episode
//	align-µs     to read and align it, as workers do; x-decode is the ratio to decode-µs
//	entry-µs     to do so from its file in a store
//	zstd-µs      to decompress its file with a process `zstd -dc`; x-zstd is the ratio of entry-µs to it
//	zstd-one-µs  to do so with one process for all files; x-zstd-one is the ratio of entry-µs to it
func BenchmarkCost(b *testing.B) {
	synthetic := b.TempDir()
	if err := synth.New(1).Write(context.Background(), synthetic, 4, nil, nil); err != nil {
		b.Fatal(err)
	}
	synthetic = filepath.Join(synthetic, "store")
	const recorded = "../examples/recorded/store"
	curve := fit.DefaultSpec()
	curve.Signature.Channels = nil
	for _, c := range []struct {
		name, dir, channel string
		spec               *fit.Spec
	}{
		{"recorded", recorded, "proc.cpu_user_jiffies", curve},
		{"recorded-host", recorded, "host.cpu_user", curve},
		{"recorded-signature", recorded, "proc.cpu_user_jiffies", fit.DefaultSpec()},
		{"synthetic", synthetic, "proc.cpu_user_jiffies", curve},
		{"synthetic-net", synthetic, "net.tx_packets", curve},
		{"synthetic-signature", synthetic, "proc.cpu_user_jiffies", fit.DefaultSpec()},
	} {
		b.Run(c.name, func(b *testing.B) { newCost(b, c.dir, c.channel, c.spec).run(b) })
	}
}

// A cost measures ways to read the archives of a store.
type cost struct {
	store    episode.Store // of files
	memory   memory
	archives []archive
	channel  string
	decoder  *zstd.Decoder
	fitter   *align.Fitter
	program  string // zstd; empty if it is not installed
	bytes    int64  // size of the content of all archives
}

// An archive is in memory and on disk.
type archive struct {
	ref  episode.Ref
	file string
	data []byte
}

// A memory is a store of archives in memory.
type memory map[episode.Ref][]byte

func (m memory) Open(_ context.Context, ref episode.Ref) (io.ReadCloser, error) {
	return io.NopCloser(stream{bytes.NewReader(m[ref])}), nil
}

// A stream hides the other methods of a *bytes.Reader.
type stream struct{ io.Reader }

func newCost(b *testing.B, dir, channel string, spec *fit.Spec) *cost {
	b.Helper()
	c := &cost{memory: memory{}, channel: channel}
	var err error
	if c.fitter, err = align.New(spec, episode.Limits{}); err != nil {
		b.Fatal(err)
	}
	if c.store, err = store.OpenDir(dir); err != nil {
		b.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.tar.zst"))
	if err != nil || len(files) == 0 {
		b.Fatalf("no archives in %s: %v", dir, err)
	}
	for _, file := range files {
		ref, err := episode.ParseRef(filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".tar.zst"))
		if err != nil {
			b.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		c.memory[ref] = data
		c.archives = append(c.archives, archive{ref, file, data})
	}
	if c.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true)); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.decoder.Close)
	for _, a := range c.archives {
		if err := c.decoder.Reset(stream{bytes.NewReader(a.data)}); err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, c.decoder)
		if err != nil {
			b.Fatal(err)
		}
		c.bytes += n
	}
	if c.program, err = exec.LookPath("zstd"); err != nil {
		b.Log("the program zstd is not installed, and not measured")
	}
	return c
}

func (c *cost) run(b *testing.B) {
	const itself, children = syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN
	ways := []*way{
		{name: "decode", who: itself, run: c.decode},
		{name: "align", who: itself, run: c.align},
		{name: "entry", who: itself, run: c.entry},
	}
	others := []*way{
		{name: "zstd", who: children, run: c.zstd},
		{name: "zstd-one", who: children, run: c.zstdOne},
	}
	if c.program == "" {
		others = nil
	}
	first := 0
	for b.Loop() {
		c.decode(b) // so that the first way finds the same caches as the others
		for i := range ways {
			ways[(first+i)%len(ways)].measure(b)
		}
		first++
		for _, w := range others {
			w.measure(b)
		}
	}
	each := map[string]float64{}
	for _, w := range append(ways, others...) {
		each[w.name] = float64(w.spent.Nanoseconds()) / 1000 / float64(b.N*len(c.archives))
		b.ReportMetric(each[w.name], w.name+"-µs")
	}
	b.ReportMetric(0, "ns/op") // would be the wall time of all ways together
	b.ReportMetric(float64(c.bytes)/1e3/float64(len(c.archives)), "KB")
	b.ReportMetric(each["align"]/each["decode"], "x-decode")
	if others != nil {
		b.ReportMetric(each["entry"]/each["zstd"], "x-zstd")
		b.ReportMetric(each["entry"]/each["zstd-one"], "x-zstd-one")
	}
}

// A way reads all archives, in this process or in others.
type way struct {
	name  string
	who   int
	run   func(b *testing.B)
	spent time.Duration
}

func (w *way) measure(b *testing.B) {
	before := cpuTime(b, w.who)
	w.run(b)
	w.spent += cpuTime(b, w.who) - before
}

// cpuTime returns the user and system time so far of this process, or of the processes that it has
// waited for.
func cpuTime(b *testing.B, who int) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(who, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func (c *cost) decode(b *testing.B) {
	for _, a := range c.archives {
		if err := c.decoder.Reset(stream{bytes.NewReader(a.data)}); err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c.decoder); err != nil {
			b.Fatal(err)
		}
	}
}

func (c *cost) align(b *testing.B) { c.alignFrom(b, c.memory) }
func (c *cost) entry(b *testing.B) { c.alignFrom(b, c.store) }

func (c *cost) alignFrom(b *testing.B, store episode.Store) {
	for _, a := range c.archives {
		entry, err := c.fitter.Entry(context.Background(), store, a.ref, c.channel)
		if err != nil || entry.State != fit.StateCurve {
			b.Fatalf("%s: %s %v", a.file, entry.Reason, err)
		}
	}
}

func (c *cost) zstd(b *testing.B) {
	for _, a := range c.archives {
		c.decompress(b, a.file)
	}
}

func (c *cost) zstdOne(b *testing.B) {
	files := make([]string, len(c.archives))
	for i, a := range c.archives {
		files[i] = a.file
	}
	c.decompress(b, files...)
}

// decompress runs zstd and drops its output.
func (c *cost) decompress(b *testing.B, files ...string) {
	var message bytes.Buffer
	command := exec.Command(c.program, append([]string{"-dcq"}, files...)...)
	command.Stderr = &message
	if err := command.Run(); err != nil {
		b.Fatalf("zstd: %v: %s", err, message.Bytes())
	}
}

// BenchmarkPython aligns the same archives with the oracle in numpy, in one process and in two, and
// with this package in one goroutine and in two. The oracle parses JSON with a parser of its own,
// with json.loads or with orjson. PROFILES_PYTHON is the path of a Python with numpy, zstandard and
// orjson.
//
//	episodes/s  by wall time, without the start of the interpreter
//	cpu-µs      CPU time for one episode
func BenchmarkPython(b *testing.B) {
	python := os.Getenv("PROFILES_PYTHON")
	if python == "" {
		b.Skip("PROFILES_PYTHON is not set")
	}
	dir := b.TempDir()
	if err := synth.New(1).Write(context.Background(), dir, 4, nil, nil); err != nil {
		b.Fatal(err)
	}
	spec := fit.DefaultSpec()
	spec.Signature.Channels = nil
	c := newCost(b, filepath.Join(dir, "store"), "proc.cpu_user_jiffies", spec)
	arguments := []string{"../fit/testdata/oracle/speed.py", "--channel", c.channel}
	for _, a := range c.archives {
		arguments = append(arguments, a.file)
	}
	for _, at := range []int{1, 2} {
		for _, parser := range []string{"strict", "json", "orjson"} {
			b.Run(fmt.Sprintf("%s/%d", parser, at), func(b *testing.B) {
				var speed struct{ Rate, CPU float64 }
				for b.Loop() {
					command := exec.Command(python, append(arguments, "--parser", parser, "--processes", strconv.Itoa(at))...)
					command.Stderr = os.Stderr
					out, err := command.Output()
					if err != nil {
						b.Fatal(err)
					}
					if err := json.Unmarshal(out, &speed); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(speed.Rate, "episodes/s")
				b.ReportMetric(speed.CPU, "cpu-µs")
				b.ReportMetric(0, "ns/op") // the interpreter's start is in it
			})
		}
		b.Run(fmt.Sprintf("profiles/%d", at), func(b *testing.B) {
			began, spent := time.Now(), cpuTime(b, syscall.RUSAGE_SELF)
			for b.Loop() {
				var all sync.WaitGroup
				for range at {
					all.Go(func() { c.align(b) })
				}
				all.Wait()
			}
			episodes := float64(b.N * at * len(c.archives))
			b.ReportMetric(episodes/time.Since(began).Seconds(), "episodes/s")
			b.ReportMetric((cpuTime(b, syscall.RUSAGE_SELF)-spent).Seconds()*1e6/episodes, "cpu-µs")
			b.ReportMetric(0, "ns/op")
		})
	}
}
