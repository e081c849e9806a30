package store_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
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

// TestDirPut: new, the same again, other bytes of the same size, fewer, more.
func TestDirPut(t *testing.T) {
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
		holds(t, s, ref, step.data)
	}
	if names := files(t, dir); len(names) != 1 || names[0] != "lab-01/ep-1.tar.zst" {
		t.Errorf("there are %q", names)
	}
}

// TestDirPutBreaksOff: what was there stays, and nothing else is left.
func TestDirPutBreaksOff(t *testing.T) {
	s, dir := openDir(t)
	broken := errors.New("the source broke off")
	half := func() io.ReadSeeker { return &breaking{bytes.NewReader(noise(200_000)), 100_000, broken} }
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
	holds(t, s, ref, []byte("first"))
	if names := files(t, dir); len(names) != 1 {
		t.Errorf("there are %q", names)
	}
}

// A breaking reader fails after so many bytes, from wherever it was sought to.
type breaking struct {
	*bytes.Reader
	after int64
	err   error
}

func (b *breaking) Read(p []byte) (int, error) {
	at := b.Size() - int64(b.Len())
	if at >= b.after {
		return 0, b.err
	}
	return b.Reader.Read(p[:min(int64(len(p)), b.after-at)])
}

// TestDirStaysInside: no id and no link leads out of the directory.
func TestDirStaysInside(t *testing.T) {
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
