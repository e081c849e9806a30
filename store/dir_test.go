package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	if sent, err := s.Put(bustest.Context(t), ref, store.DefaultSuffix, half()); sent || !errors.Is(err, broken) {
		t.Errorf("sent %v, %v", sent, err)
	}
	if names := files(t, dir); len(names) != 0 {
		t.Errorf("there are %q", names)
	}
	put(t, s, ref, []byte("first"))
	if sent, err := s.Put(bustest.Context(t), ref, store.DefaultSuffix, half()); sent || !errors.Is(err, broken) {
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
		if sent, err := s.Put(bustest.Context(t), r, store.DefaultSuffix, strings.NewReader("x")); err == nil {
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
		os.Symlink("loop.tar.zst", filepath.Join(dir, "lab-01", "loop.tar.zst")),
		os.Symlink("around", filepath.Join(dir, "around")),
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
			{"lab-01", "out"}:       "corrupt",
			{"out", "ep-2"}:         "corrupt",
			{"lab-01", "loop"}:      "corrupt",
			{"around", "ep-1"}:      "corrupt",
			{"plain", "ep-1"}:       "not found",
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

func TestDirSuffixes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := store.Open(dir, store.Config{Suffixes: several}, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkSuffixes(t, s)
	from, err := store.OpenDir(dir, several[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	file, suffix, err := from.OpenFile(t.Context(), ref)
	if err != nil || suffix != ".tgz" || file.Close() != nil {
		t.Errorf("suffix %s, %v", suffix, err)
	}
	if _, _, err := from.OpenFile(t.Context(), episode.Ref{Host: "lab-01", ID: "ep-2"}); !errors.Is(err, episode.ErrNotFound) {
		t.Error(err)
	}
}

// TestDirDenies checks that a file that may not be read is refused, unless there is an archive under
// another suffix.
func TestDirDenies(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may read every file")
	}
	s, dir := openDir(t)
	put(t, s, ref, []byte("x"))
	if err := os.Chmod(filepath.Join(dir, "lab-01", "ep-1.tar.zst"), 0); err != nil {
		t.Fatal(err)
	}
	_, err := s.Open(t.Context(), ref)
	checkRefused(t, err, "permission denied")
	two, err := store.OpenDir(dir, ".tar.zst", ".tgz")
	if err != nil {
		t.Fatal(err)
	}
	_, err = two.Open(t.Context(), ref)
	checkRefused(t, err, "permission denied")
	if _, err := two.Put(t.Context(), ref, ".tgz", strings.NewReader("y")); err != nil {
		t.Fatal(err)
	}
	checkStored(t, two, ref, []byte("y"))
}

// TestDirPipes checks that no call waits for the writer of a pipe that is in an archive's place.
func TestDirPipes(t *testing.T) {
	t.Parallel()
	s, dir := openDir(t)
	name := filepath.Join(dir, "lab-01", "ep-1.tar.zst")
	pipe, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket")
	if err := errors.Join(os.Mkdir(filepath.Dir(name), 0o755), syscall.Mkfifo(name, 0o644), syscall.Mkfifo(pipe, 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), ref); !errors.Is(err, episode.ErrCorrupt) {
		t.Errorf("a pipe: %v", err)
	}
	if found, err := s.SuffixesOf(t.Context(), ref); err != nil || len(found) != 1 {
		t.Errorf("the archives are %q, %v", found, err)
	}
	if !put(t, s, ref, []byte("archive")) {
		t.Error("a pipe was taken for the archive")
	}
	checkStored(t, s, ref, []byte("archive"))

	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := os.Symlink("../socket", filepath.Join(dir, "lab-01", "socket.tar.zst")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), episode.Ref{Host: "lab-01", ID: "socket"}); !errors.Is(err, episode.ErrCorrupt) {
		t.Errorf("a socket: %v", err)
	}

	// The file and a pipe take turns while they are opened.
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			file := name + ".file"
			if err := errors.Join(os.Rename(name, file), os.Link(pipe, name), os.Rename(file, name)); err != nil {
				stopped <- err
				return
			}
		}
	}()
	pipes, archives := 0, 0
	for range 20_000 {
		r, err := s.Open(t.Context(), ref)
		switch {
		case err == nil:
			archives++
			_ = r.Close()
		case errors.Is(err, episode.ErrCorrupt):
			pipes++
		case !errors.Is(err, episode.ErrNotFound):
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if pipes == 0 || archives == 0 {
		t.Errorf("%d pipes, %d archives", pipes, archives)
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
		filepath.Join(dir, "missing"):    "(EPISODE_STORE or --store names it): is it mounted?",
		file:                             "not a directory",
		"":                               "there is no directory",
		"s3://bucket/x":                  `unknown scheme "s3": want file:///directory or a path`,
		"file://host/dir":                "want file:///directory",
		"file://":                        "want file:///directory",
		"file://" + dir + "?x=1":         "want file:///directory",
		"file://" + dir + "/%zz":         "invalid URL escape",
		"file://" + dir + "/missing":     "there is no directory",
		"://" + strings.Repeat("x", 200): "unknown scheme",
	} {
		if s, err := store.OpenDir(location); err == nil || s != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", location, err, want)
		}
	}
}

// TestDirLongName checks that a name that no file can have is not found.
func TestDirLongName(t *testing.T) {
	t.Parallel()
	s, err := store.OpenDir(t.TempDir(), "."+strings.Repeat("x", 200))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), episode.Ref{Host: "lab-01", ID: episode.ID(strings.Repeat("e", 100))}); !errors.Is(err, episode.ErrNotFound) {
		t.Error(err)
	}
}

// TestDirErrorsInPlainWords: an error names the archive and why, not the system's call.
func TestDirErrorsInPlainWords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"loop": "loop", "out": os.TempDir()} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[episode.Host]string{"file": "not a directory", "loop": "too many levels of symbolic links", "out": "path escapes from parent"} {
		_, err := s.Open(t.Context(), episode.Ref{Host: host, ID: "e"})
		if want = fmt.Sprintf("open archive %s/e.tar.zst in %s: %s", host, dir, want); err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "openat") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
