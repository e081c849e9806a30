package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/store"
)

func openDir(t *testing.T) (store.Uploader, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open("file://"+dir, store.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestDirPut puts a new archive, the same again, other bytes of the same size, fewer
// bytes and more bytes.
func TestDirPut(t *testing.T) {
	t.Parallel()
	s, dir := openDir(t)
	data := noise(200_000)
	other := bytes.Clone(data)
	other[len(other)-1]++
	for i, step := range []struct {
		data []byte
		sent bool
	}{{data, true}, {data, false}, {other, true}, {data[:100_000], true}, {nil, true}, {nil, false}, {data, true}} {
		if sent := put(t, s, ref, step.data); sent != step.sent {
			t.Errorf("step %d: sent %v", i, sent)
		}
		checkStored(t, s, ref, step.data)
	}
	if names := files(t, dir); len(names) != 1 || names[0] != "lab-01/ep-1.tar.zst" {
		t.Errorf("there are %q", names)
	}
}

// TestDirPutFails checks that the old archive stays, and that no other file is left.
func TestDirPutFails(t *testing.T) {
	t.Parallel()
	s, dir := openDir(t)
	broken := errors.New("the source failed")
	half := func() io.ReadSeeker { return &failingReader{bytes.NewReader(noise(200_000)), 100_000, broken} }
	if sent, err := s.Put(bustest.Context(t), ref, half()); sent || !errors.Is(err, broken) {
		t.Errorf("sent %v, %v", sent, err)
	}
	if names := files(t, dir); len(names) != 0 {
		t.Errorf("there are %q", names)
	}
	put(t, s, ref, []byte("first"))
	if sent, err := s.Put(bustest.Context(t), ref, half()); sent || !errors.Is(err, broken) {
		t.Errorf("sent %v, %v", sent, err)
	}
	checkStored(t, s, ref, []byte("first"))
	if names := files(t, dir); len(names) != 1 {
		t.Errorf("there are %q", names)
	}
}

// A failingReader fails when it reaches an offset.
type failingReader struct {
	*bytes.Reader
	after int64
	err   error
}

func (r *failingReader) Read(p []byte) (int, error) {
	at := r.Size() - int64(r.Len())
	if at >= r.after {
		return 0, r.err
	}
	return r.Reader.Read(p[:min(int64(len(p)), r.after-at)])
}

// TestDirStaysInside checks that Put follows no id and no link out of the directory.
func TestDirStaysInside(t *testing.T) {
	t.Parallel()
	s, dir := openDir(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "lab-02")); err != nil {
		t.Fatal(err)
	}
	for _, r := range []episode.Ref{{Host: "lab-02", ID: "ep-1"}, {Host: "..", ID: "ep-1"}, {Host: "a/b", ID: "ep-1"}, {Host: "lab-01", ID: "../ep-1"}} {
		if sent, err := s.Put(bustest.Context(t), r, strings.NewReader("x")); err == nil {
			t.Errorf("%s: sent %v", r, sent)
		}
	}
	if names := files(t, outside); len(names) != 0 {
		t.Errorf("outside there are %q", names)
	}
}

func TestDirOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "lab-01"), 0o755),
		os.Mkdir(filepath.Join(dir, "lab-01", "folder.tar.zst"), 0o755),
		os.WriteFile(filepath.Join(dir, "lab-01", "ep-1.tar.zst"), []byte("archive"), 0o644),
		os.WriteFile(filepath.Join(dir, "plain"), nil, 0o644),
		os.MkdirAll(filepath.Join(outside, "lab"), 0o755),
		os.WriteFile(filepath.Join(outside, "ep-2.tar.zst"), []byte("secret"), 0o644),
		os.Symlink("ep-1.tar.zst", filepath.Join(dir, "lab-01", "link.tar.zst")),
		os.Symlink("../nowhere", filepath.Join(dir, "lab-01", "dangling.tar.zst")),
		os.Symlink(filepath.Join(outside, "ep-2.tar.zst"), filepath.Join(dir, "lab-01", "out.tar.zst")),
		os.Symlink(outside, filepath.Join(dir, "out")),
		syscall.Mkfifo(filepath.Join(dir, "lab-01", "pipe.tar.zst"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, location := range []string{dir, "file://" + dir} {
		s, err := store.OpenDir(location)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[[2]string]string{
			{"lab-01", "ep-1"}:      "archive",
			{"lab-01", "link"}:      "archive",
			{"lab-01", "ep-2"}:      "not found",
			{"lab-02", "ep-1"}:      "not found",
			{"lab-01", "dangling"}:  "not found",
			{"lab-01", "folder"}:    "corrupt",
			{"lab-01", "pipe"}:      "corrupt",
			{"lab-01", "out"}:       "escapes",
			{"out", "ep-2"}:         "escapes",
			{"plain", "ep-1"}:       "not a directory",
			{"..", "ep-1"}:          "host_id",
			{"lab-01", "../x/ep-1"}: "episode_id",
		} {
			ref := episode.Ref{Host: episode.Host(name[0]), ID: episode.ID(name[1])}
			r, err := s.Open(t.Context(), ref)
			switch {
			case err == nil:
				text, err := io.ReadAll(r)
				if string(text) != want || err != nil || r.Close() != nil {
					t.Errorf("%v is %q, %v", ref, text, err)
				}
			case errors.Is(err, episode.ErrNotFound) != (want == "not found"), errors.Is(err, episode.ErrCorrupt) != (want == "corrupt"), !strings.Contains(err.Error(), want):
				t.Errorf("%v: %v, want %s", ref, err, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Open(ctx, episode.Ref{Host: "lab-01", ID: "ep-1"}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
	// An error about a directory that is gone is not ErrNotFound.
	s, err := store.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), episode.Ref{Host: "lab-01", ID: "ep-1"}); err == nil || errors.Is(err, episode.ErrNotFound) {
		t.Errorf("gone: %v", err)
	}
}

func TestOpenDirRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		filepath.Join(dir, "missing"):    "no such file",
		file:                             "not a directory",
		"":                               "no such file",
		"s3://bucket/x":                  `unknown scheme "s3": want file:///directory or a path`,
		"file://host/dir":                "want file:///directory",
		"file://":                        "want file:///directory",
		"file://" + dir + "?x=1":         "want file:///directory",
		"file://" + dir + "/%zz":         "invalid URL escape",
		"file://" + dir + "/missing":     "no such file",
		"://" + strings.Repeat("x", 200): "unknown scheme",
	} {
		if s, err := store.OpenDir(location); err == nil || s != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", location, err, want)
		}
	}
}
