package synth

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/store"
)

func archiveOf(t testing.TB, g *Generator, profile string, i int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := g.Archive(&b, profile, i); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpack(t testing.TB, packed []byte) []byte {
	t.Helper()
	d, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	plain, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestArchiveDependsOnSeedProfileAndNumberOnly(t *testing.T) {
	one, two := New(7), New(7)
	seen := map[string]string{}
	for _, profile := range Profiles() {
		for i := range 2 {
			_ = archiveOf(t, two, "io-walk", 99-i) // earlier archives must not matter
			a, b := archiveOf(t, one, profile, i), archiveOf(t, two, profile, i)
			if !bytes.Equal(a, b) {
				t.Errorf("%s %d: two generators of one seed differ", profile, i)
			}
			if bytes.Equal(a, archiveOf(t, New(8), profile, i)) {
				t.Errorf("%s %d: two seeds gave the same", profile, i)
			}
			name := fmt.Sprint(profile, i)
			if other, ok := seen[string(a)]; ok {
				t.Errorf("%s and %s are the same", name, other)
			}
			seen[string(a)] = name
		}
	}
}

// TestArchiveGolden: the unpacked bytes are the same on every machine and in every build.
func TestArchiveGolden(t *testing.T) {
	const want = "cf58ad95c64ee60ac9e57ab2fb423d709e1cbbc003cc82f41e6e56f93b79ed51"
	h := sha256.New()
	for _, profile := range Profiles() {
		if err := New(42).writeTar(h, profile, 12); err != nil {
			t.Fatal(err)
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("the archives changed: SHA-256 %s, want %s (if the change is intended, replace it)", got, want)
	}
}

func TestArchiveSizes(t *testing.T) {
	g := New(1)
	var packed, plain, n int
	for _, profile := range Profiles() {
		for i := range 4 {
			b := archiveOf(t, g, profile, i)
			packed, plain, n = packed+len(b), plain+len(unpack(t, b)), n+1
		}
	}
	packed, plain = packed/n, plain/n
	t.Logf("an archive has %d bytes, %d unpacked", packed, plain)
	if packed < 58_000 || packed > 66_000 || plain < 620_000 || plain > 665_000 {
		t.Errorf("an archive has %d bytes, %d unpacked, want about 62,000 and 643,000", packed, plain)
	}
}

func TestArchiveReadsAsTarOfJSONLines(t *testing.T) {
	g := New(3)
	for _, profile := range Profiles() {
		members := map[string]int{}
		r := tar.NewReader(bytes.NewReader(unpack(t, archiveOf(t, g, profile, 5))))
		for {
			head, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if head.Name == "meta.json" {
				var meta struct {
					EpisodeID string `json:"episode_id"`
					HostID    string `json:"host_id"`
					Profile   string
					Result    struct {
						Status   string
						Duration float64 `json:"duration_observed_s"`
					}
				}
				if err := json.Unmarshal(body, &meta); err != nil {
					t.Fatal(err)
				}
				host, id := g.Ref(profile, 5)
				if meta.EpisodeID != id || meta.HostID != host || meta.Profile != profile || meta.Result.Status != "accepted" || meta.Result.Duration < 35 || meta.Result.Duration > 55 {
					t.Errorf("%s: meta %+v", profile, meta)
				}
				continue
			}
			last := 0.0
			for line := range bytes.Lines(body) {
				var row map[string]any
				if err := json.Unmarshal(line, &row); err != nil {
					t.Fatalf("%s %s: %q: %v", profile, head.Name, line, err)
				}
				now, ok := row["t_wall_ns"].(float64)
				if !ok || now < last {
					t.Fatalf("%s %s: time %v after %v", profile, head.Name, row["t_wall_ns"], last)
				}
				if n := len(row); head.Name != "labels.jsonl" && (n < 17 || n > 24) {
					t.Fatalf("%s %s: a row of %d fields", profile, head.Name, n)
				}
				for key, v := range row {
					if number, ok := v.(float64); ok && number < 0 {
						t.Fatalf("%s %s: %s is %v", profile, head.Name, key, v)
					}
				}
				last = now
				members[head.Name]++
			}
		}
		for name, n := range members {
			if name == "labels.jsonl" && n != 5 || name != "labels.jsonl" && (n < 340 || n > 560) {
				t.Errorf("%s: %s has %d lines", profile, name, n)
			}
		}
		if len(members) != 4 {
			t.Errorf("%s: members %v", profile, members)
		}
	}
}

// channels has the channel of each profile in the default spec.
var channels = map[string]string{
	"cpu-saturate": "cpu_user_jiffies", "io-walk": "cpu_sys_jiffies", "bursty-c2": "cpu_user_jiffies",
	"low-and-slow": "cpu_user_jiffies", "scan-and-dial": "cpu_sys_jiffies", "shell-resident": "cpu_sys_jiffies",
}

func TestEpisodeReadsTheArchives(t *testing.T) {
	g := New(11)
	for _, profile := range Profiles() {
		for i := range 5 {
			e, err := episode.Read(bytes.NewReader(archiveOf(t, g, profile, i)), []episode.Wanted{{Name: episode.ChannelName{Source: "proc", Field: channels[profile]}, Counter: true}}, episode.Rules{})
			if err != nil {
				t.Fatalf("%s %d: %v", profile, i, err)
			}
			if s := e.Segments(); len(s) != 5 || s[0].Phase != episode.PhaseClean || s[3].Phase != episode.PhaseRunning || s[4].End <= s[4].Start {
				t.Errorf("%s %d: segments %+v", profile, i, s)
			}
			c := e.Channels[0]
			if !c.Counter || c.Restarts > 0 || len(c.Values) < 340 {
				t.Errorf("%s %d: %d points, %d resets", profile, i, len(c.Values), c.Restarts)
			}
			// The rate while the payload runs is higher than at rest.
			rest, busy := meanRate(c, 0, e.Segments()[0].End), meanRate(c, e.Segments()[3].Start, e.Segments()[3].End)
			if busy < 2*rest+0.5 || busy > 101 {
				t.Errorf("%s %d: %.1f jiffies/s while the payload runs, %.1f at rest", profile, i, busy, rest)
			}
		}
	}
}

func meanRate(c episode.Channel, from, to float64) float64 {
	sum, n := 0.0, 0
	for i, t := range c.Times {
		if t >= from && t < to {
			sum, n = sum+c.Values[i], n+1
		}
	}
	return sum / float64(max(n, 1))
}

func TestRefs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := New(rapid.Uint64().Draw(t, "seed"))
		profile := rapid.SampledFrom(Profiles()).Draw(t, "profile")
		i := rapid.IntRange(0, MaxIndex).Draw(t, "i")
		host, id := g.Ref(profile, i)
		if _, err := episode.ParseRef(host, id); err != nil {
			t.Fatal(err)
		}
		gotProfile, gotI, ok := g.Find(host, id)
		if !ok || gotProfile != profile || gotI != i {
			t.Fatalf("%s/%s is found as %s %d, %v", host, id, gotProfile, gotI, ok)
		}
	})
	g := New(1)
	host, id := g.Ref("io-walk", 42)
	for _, wrong := range [][2]string{
		{"lab-01", id},
		{host, "io-walk-42"},
		{host, "io-walk-+000042"},
		{host, "io-walk--000042"},
		{host, "io-walk-00000042"},
		{host, "io-walk-10000000"},
		{host, "nobody-0000042"},
		{host, "io-walk-"},
		{host, "42"},
		{host, ""},
		{"", id},
	} {
		if p, i, ok := g.Find(wrong[0], wrong[1]); ok {
			t.Errorf("%q is found as %s %d", wrong, p, i)
		}
	}
	used := map[string]int{}
	for i := range 600 {
		host, _ := g.Ref("io-walk", i)
		used[host]++
	}
	if len(used) != hosts {
		t.Errorf("the episodes come from %d hosts, want %d", len(used), hosts)
	}
}

func TestArchiveRefuses(t *testing.T) {
	g := New(1)
	for _, test := range []struct {
		profile string
		i       int
		says    string
	}{{"nobody", 0, `"nobody", know bursty-c2`}, {"io-walk", -1, "-1 of io-walk"}, {"io-walk", MaxIndex + 1, "10000000"}} {
		var b bytes.Buffer
		if err := g.Archive(&b, test.profile, test.i); err == nil || !strings.Contains(err.Error(), test.says) || b.Len() > 0 {
			t.Errorf("%s %d: error %v, %d bytes", test.profile, test.i, err, b.Len())
		}
	}
	for _, err := range []error{
		g.Write(t.Context(), t.TempDir(), 0, nil, nil),
		g.Write(t.Context(), t.TempDir(), 1, []string{"nobody"}, nil),
		g.Write(t.Context(), t.TempDir(), 1, []string{"io-walk", "io-walk"}, nil),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "make synthetic store: ") {
			t.Errorf("error %v", err)
		}
	}
}

func filesIn(t testing.TB, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path[len(dir)+1:])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestWriteAndStoreAgree(t *testing.T) {
	const number = 4
	g, dir := New(5), filepath.Join(t.TempDir(), "made")
	profiles := []string{"shell-resident", "cpu-saturate"}
	var calls []int
	err := g.Write(t.Context(), dir, number, profiles, func(done, total int) {
		if total != 8 {
			t.Errorf("a total of %d, want 8", total)
		}
		calls = append(calls, done)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(calls, []int{1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Errorf("progress was called with %v", calls)
	}
	if files := filesIn(t, dir); len(files) != 9 {
		t.Errorf("files %v, want eight archives and the validation file", files)
	}
	rows, err := parquet.ReadFile[listed](filepath.Join(dir, "validation.parquet"))
	if err != nil || len(rows) != 8 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	onDisk, err := store.OpenDir(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := NewStore(New(5), number, profiles...)
	if err != nil {
		t.Fatal(err)
	}
	var _ episode.Store = rendered
	for n, row := range rows {
		if row.Profile != profiles[n%2] || row.Status != "accepted" {
			t.Errorf("row %d is %+v", n, row)
		}
		ref, err := episode.ParseRef(row.Host, row.Episode)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := content(t, onDisk, ref), content(t, rendered, ref); !bytes.Equal(a, b) {
			t.Errorf("%s: the written archive and the rendered one differ", ref)
		}
	}
	for _, missing := range []struct {
		profile string
		i       int
	}{{"io-walk", 0}, {"cpu-saturate", number}} {
		host, id := g.Ref(missing.profile, missing.i)
		if _, err := rendered.Open(t.Context(), episode.Ref{Host: episode.Host(host), ID: episode.ID(id)}); !errors.Is(err, episode.ErrNotFound) {
			t.Errorf("%v: error %v, want ErrNotFound", missing, err)
		}
	}
}

func content(t *testing.T, s episode.Store, ref episode.Ref) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWriteStops(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	err := New(5).Write(ctx, dir, 1000, nil, func(done, _ int) {
		if done == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	files := filesIn(t, dir)
	for _, name := range files {
		if !strings.HasSuffix(name, ".tar.zst") || strings.Contains(name, "tmp") {
			t.Errorf("left %s", name)
		}
	}
	if len(files) < 3 || len(files) > 100 {
		t.Errorf("%d archives were written, want a few", len(files))
	}
	ended := t.TempDir()
	if err := New(5).Write(ctx, ended, 2, nil, nil); !errors.Is(err, context.Canceled) || len(filesIn(t, ended)) > 0 {
		t.Errorf("with a context that had ended: error %v, files %v", err, filesIn(t, ended))
	}
	// An archive that cannot be written: the folder of its host is a file.
	if err := os.RemoveAll(filepath.Join(dir, "store", hostName(0))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "store", hostName(0)), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := New(5).Write(t.Context(), dir, 1, nil, nil); err == nil || !strings.Contains(err.Error(), hostName(0)) {
		t.Errorf("error %v, want one that names the folder", err)
	}
}

func BenchmarkArchive(b *testing.B) {
	g, n := New(1), 0
	profiles := Profiles()
	var w bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		w.Reset()
		if err := g.Archive(&w, profiles[n%len(profiles)], n); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "archives/s")
}
