package episode

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestDirStore(t *testing.T) {
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
		store, err := OpenStore(location)
		if err != nil {
			t.Fatal(err)
		}
		for ref, want := range map[Ref]string{
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
			r, err := store.Open(t.Context(), ref)
			switch {
			case err == nil:
				text, err := io.ReadAll(r)
				if string(text) != want || err != nil || r.Close() != nil {
					t.Errorf("%v is %q, %v", ref, text, err)
				}
			case errors.Is(err, ErrNotFound) != (want == "not found"), errors.Is(err, ErrCorrupt) != (want == "corrupt"), !strings.Contains(err.Error(), want):
				t.Errorf("%v: %v, want %s", ref, err, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := store.Open(ctx, Ref{"lab-01", "ep-1"}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
	// A store that is gone does not say that it has no archives.
	store, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), Ref{"lab-01", "ep-1"}); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("gone: %v", err)
	}
}

func TestOpenStoreRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		filepath.Join(dir, "missing"):    "no such file",
		file:                             "not a directory",
		"":                               "no such file",
		"s3://bucket/x":                  `unknown scheme "s3", know file:///directory and a plain path`,
		"file://host/dir":                "want file:///directory",
		"file://":                        "want file:///directory",
		"file://" + dir + "?x=1":         "want file:///directory",
		"file://" + dir + "/%zz":         "invalid URL escape",
		"file://" + dir + "/missing":     "no such file",
		"://" + strings.Repeat("x", 200): "unknown scheme",
	} {
		if store, err := OpenStore(location); err == nil || store != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", location, err, want)
		}
	}
}

func TestParseRef(t *testing.T) {
	long := strings.Repeat("a", 128)
	for _, id := range []string{"a", "0", "ep-285be679cba0", "A.b_c-d", "a..", "lab-01", long} {
		ref, err := ParseRef(id, id)
		if err != nil || ref != (Ref{Host(id), ID(id)}) || ref.String() != id+"/"+id {
			t.Errorf("%q: %v, %v", id, ref, err)
		}
	}
	for _, id := range []string{"", ".", "..", "-a", "_a", ".a", "a/b", "a b", "é", "a\n", "a\x00", long + "a", "a*"} {
		if _, err := ParseRef(id, "ep"); err == nil || !strings.HasPrefix(err.Error(), "host_id \"") {
			t.Errorf("host %q: %v", id, err)
		}
		if _, err := ParseRef("lab", id); err == nil || !strings.HasPrefix(err.Error(), "episode_id \"") {
			t.Errorf("episode %q: %v", id, err)
		}
	}
	if _, err := ParseRef(strings.Repeat("x/", 1000), "ep"); len(err.Error()) > 120 {
		t.Errorf("too much said: %v", err)
	}
}
