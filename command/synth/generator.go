package synth

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// MaxIndex is the highest number of an episode of a profile.
const MaxIndex = 9_999_999

// A Generator computes the archives of synthetic episodes. The unpacked bytes of an archive depend on the seed, the profile and
// the number only, and are the same on every machine. The packed bytes also depend on the version of the zstd library. Its
// methods may be called concurrently.
type Generator struct {
	seed    uint64
	encoder *zstd.Encoder
	buffers sync.Pool // of *bytes.Buffer, unpacked archives
}

// New returns the generator of a seed. Different seeds give different stores.
func New(seed uint64) *Generator {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)))
	if err != nil {
		panic(err) // the options are constant and valid
	}
	return &Generator{seed: seed, encoder: encoder, buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
}

// Profiles returns the names of the profiles that a generator knows, sorted. The slice belongs to the caller.
func Profiles() []string { return slices.Sorted(maps.Keys(shapes)) }

// Ref returns the host and the episode id of a profile's i-th episode, i from 0 to [MaxIndex]. It does not check its arguments;
// Archive does.
func (g *Generator) Ref(profile string, i int) (host, episode string) {
	return hostName(g.hostOf(profile, i)), fmt.Sprintf("%s-%07d", profile, i)
}

func (g *Generator) hostOf(profile string, i int) int {
	return newRandom(g.seed, "host of", profile, strconv.Itoa(i)).below(hosts)
}

// Find returns the profile and the number for which Ref returns the given ids, and whether there are such.
func (g *Generator) Find(host, episode string) (profile string, i int, ok bool) {
	cut := strings.LastIndexByte(episode, '-')
	if cut < 0 {
		return "", 0, false
	}
	profile = episode[:cut]
	i, err := strconv.Atoi(episode[cut+1:])
	if err != nil || check(profile, i) != nil {
		return "", 0, false
	}
	if h, e := g.Ref(profile, i); h != host || e != episode {
		return "", 0, false
	}
	return profile, i, true
}

func check(profile string, i int) error {
	if _, ok := shapes[profile]; !ok {
		return fmt.Errorf("render episode: unknown profile %.80q, know %s", profile, strings.Join(Profiles(), ", "))
	}
	if i < 0 || i > MaxIndex {
		return fmt.Errorf("render episode: number %d of %s is not from 0 to %d", i, profile, MaxIndex)
	}
	return nil
}

// Archive writes the .tar.zst of a profile's i-th episode to w: about 62 KB, 643 KB unpacked. It is an error if the profile is
// unknown, or i is below 0 or above [MaxIndex].
func (g *Generator) Archive(w io.Writer, profile string, i int) error {
	packed, err := g.render(profile, i)
	if err != nil {
		return err
	}
	_, err = w.Write(packed)
	return err
}

// render returns the bytes of an archive, which belong to the caller.
func (g *Generator) render(profile string, i int) ([]byte, error) {
	if err := check(profile, i); err != nil {
		return nil, err
	}
	plain := g.buffers.Get().(*bytes.Buffer)
	defer g.buffers.Put(plain)
	plain.Reset()
	if err := g.writeTar(plain, profile, i); err != nil {
		return nil, fmt.Errorf("render episode %d of %s: %w", i, profile, err)
	}
	return g.encoder.EncodeAll(plain.Bytes(), make([]byte, 0, plain.Len()/8)), nil
}

// firstStart is the earliest start of an episode, in ns of Unix time.
const firstStart = 1_767_225_600_000_000_000 // 2026-01-01T00:00:00Z

func (g *Generator) writeTar(w io.Writer, profile string, i int) error {
	rnd := newRandom(g.seed, "episode", profile, strconv.Itoa(i))
	r := recorder{
		host:  g.host(g.hostOf(profile, i)),
		run:   newRun(rnd),
		shape: shapes[profile],
		plan:  newSchedule(rnd),
		epoch: firstStart + int64(i)*60_000_000_000 + int64(rnd.below(50_000_000_000)),
		noise: rnd,
	}
	archive := tar.NewWriter(w)
	stamp := time.Unix(r.epoch/1e9, 0)
	for _, member := range []struct {
		name  string
		write func()
	}{
		{"meta.json", func() { r.meta(g, profile, i) }},
		{"labels.jsonl", r.labels},
		{"telemetry-proc.jsonl", r.proc},
		{"telemetry-host.jsonl", r.hostwide},
		{"telemetry-net.jsonl", r.net},
	} {
		r.buf.Reset()
		member.write()
		head := tar.Header{Typeflag: tar.TypeReg, Name: member.name, Size: int64(r.buf.Len()), Mode: 0o644, ModTime: stamp, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(&head); err != nil {
			return err
		}
		if _, err := archive.Write(r.buf.Bytes()); err != nil {
			return err
		}
	}
	return archive.Close()
}

func (r *recorder) meta(g *Generator, profile string, i int) {
	host, episode := g.Ref(profile, i)
	fmt.Fprintf(&r.buf, "{\n  \"episode_id\": %q,\n  \"host_id\": %q,\n  \"profile\": %q,\n  \"synthetic\": true,\n", episode, host, profile)
	millis := int64(r.plan.starts[len(walk)] * 1000)
	fmt.Fprintf(&r.buf, "  \"result\": {\"status\": \"accepted\", \"duration_observed_s\": %d.%03d}\n}\n", millis/1000, millis%1000)
}

func (r *recorder) labels() {
	for step, phase := range walk {
		fmt.Fprintf(&r.buf, "{\"t_wall_ns\": %d, \"phase\": %q}\n", r.epoch+int64(r.plan.starts[step]*1e9), phase.phase)
	}
}
