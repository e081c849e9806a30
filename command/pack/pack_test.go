package pack_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/profiles/command/pack"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/episode/episodetest"
)

// unpack writes the members of an episode into dir/<host>/<id>.
func unpack(t *testing.T, dir, host, id string) string {
	t.Helper()
	folder := filepath.Join(dir, host, id)
	for _, m := range episodetest.Episode(450).Members {
		write(t, filepath.Join(folder, m.Name), m.Body)
	}
	return folder
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPack: archives can be read, have the same bytes each time, and are replaced only if they differ.
func TestPack(t *testing.T) {
	dir, store := t.TempDir(), filepath.Join(t.TempDir(), "new", "store")
	unpack(t, dir, "lab-01", "ep-1")
	changed := unpack(t, dir, "lab-02", "ep-1")
	write(t, filepath.Join(changed, "raw", "notes.txt"), "x")
	write(t, filepath.Join(dir, "README"), "of nobody")
	write(t, filepath.Join(dir, "lab-02", "log.txt"), "of nobody")
	calls := 0
	s, err := pack.Pack(context.Background(), dir, store, func(done, total int) {
		if calls++; done != calls || total != 2 {
			t.Errorf("progress %d of %d in call %d", done, total, calls)
		}
	})
	if err != nil || calls != 2 {
		t.Fatal(err, calls)
	}
	if s.Hosts != 2 || s.Written != 2 || s.Same != 0 || s.Replaced != 0 || s.Files != 9 || strings.Join(s.LeftOut, " ") != "README lab-02/log.txt" {
		t.Errorf("summary %+v", s)
	}
	first := read(t, filepath.Join(store, "lab-01", "ep-1.tar.zst"))
	channel := episode.Wanted{Name: episode.ChannelName{Source: "proc", Field: "minflt"}, Counter: true}
	e, err := episode.Read(bytes.NewReader(first), []episode.Wanted{channel}, episode.Rules{})
	if err != nil || e.Rows != 450 {
		t.Fatalf("%+v, %v", e, err)
	}

	other := filepath.Join(store, "lab-02", "ep-1.tar.zst")
	before, err := os.Stat(other)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "lab-01", "ep-1", "more.txt"), "x")
	if s, err = pack.Pack(context.Background(), dir, store, nil); err != nil || s.Written != 0 || s.Same != 1 || s.Replaced != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if bytes.Equal(first, read(t, filepath.Join(store, "lab-01", "ep-1.tar.zst"))) {
		t.Error("the changed episode has its old archive")
	}
	if after, err := os.Stat(other); err != nil || !os.SameFile(before, after) {
		t.Errorf("the archive of an unchanged episode was written again: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "lab-01", "ep-1", "more.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err = pack.Pack(context.Background(), dir, store, nil); err != nil || !bytes.Equal(first, read(t, filepath.Join(store, "lab-01", "ep-1.tar.zst"))) {
		t.Errorf("the same files give other bytes: %v", err)
	}
	// A file that begins like the archive differs from it.
	write(t, filepath.Join(store, "lab-01", "ep-1.tar.zst"), string(first)+"x")
	if s, err = pack.Pack(context.Background(), dir, store, nil); err != nil || s.Replaced != 1 || s.Same != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestPackRefuses: what cannot be packed is named, and then nothing is written.
func TestPackRefuses(t *testing.T) {
	cases := map[string]struct {
		add  func(t *testing.T, dir, folder string)
		says string
	}{
		"link to a file": {func(t *testing.T, _, folder string) { link(t, "meta.json", filepath.Join(folder, "again.json")) }, `"lab-01/ep-1/again.json" is a link`},
		"link to a host": {func(t *testing.T, dir, _ string) { link(t, "lab-01", filepath.Join(dir, "lab-02")) }, `"lab-02" is a link`},
		"empty episode": {func(t *testing.T, dir, _ string) {
			if err := os.MkdirAll(filepath.Join(dir, "lab-01", "ep-2", "raw"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, `"lab-01/ep-2" has no file`},
		"name of a host":     {func(t *testing.T, dir, _ string) { unpack(t, dir, "lab 2", "ep-1") }, `folder "lab 2": a host id has`},
		"name of an episode": {func(t *testing.T, dir, _ string) { unpack(t, dir, "lab-01", "-1") }, `folder "lab-01/-1": an episode id has`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir, store := t.TempDir(), t.TempDir()
			c.add(t, dir, unpack(t, dir, "lab-01", "ep-1"))
			_, err := pack.Pack(context.Background(), dir, store, nil)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %q", err, c.says)
			}
			if left, _ := os.ReadDir(store); len(left) > 0 {
				t.Errorf("the store has %v", left)
			}
		})
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// TestPackPlaces: a folder without episodes, and a store that lies in the folder, are refused.
func TestPackPlaces(t *testing.T) {
	dir := t.TempDir()
	if _, err := pack.Pack(context.Background(), dir, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "there is no episode") {
		t.Errorf("an empty folder: %v", err)
	}
	unpack(t, dir, "lab-01", "ep-1")
	for _, store := range []string{dir, filepath.Join(dir, "store")} {
		if _, err := pack.Pack(context.Background(), dir, store, nil); err == nil || !strings.Contains(err.Error(), "name another folder") {
			t.Errorf("%s in %s: %v", store, dir, err)
		}
	}
	if _, err := pack.Pack(context.Background(), filepath.Join(dir, "nowhere"), t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a folder that is missing: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := pack.Pack(ctx, dir, t.TempDir(), nil); err == nil {
		t.Error("no error after the end of ctx")
	}
}
