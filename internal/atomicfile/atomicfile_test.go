package atomicfile_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cis490/profiles/internal/atomicfile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// checkFolder fails unless the folder holds one file of this name, content and
// mode.
func checkFolder(t *testing.T, path, content string, perm fs.FileMode) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || string(data) != content {
		t.Errorf("the file holds %q, %v; want %q", data, err, content)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != perm {
		t.Errorf("its mode is %s, %v; want %s", info.Mode(), err, perm)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("the folder holds %v, %v; want one file", files, err)
	}
}

func TestWrite(t *testing.T) {
	for name, write := range map[string]func(string, fs.FileMode, func(io.Writer) error) error{
		"Write": atomicfile.Write, "WriteUnsynced": atomicfile.WriteUnsynced,
		"WriteIn": func(path string, perm fs.FileMode, write func(io.Writer) error) error {
			dir := filepath.Dir(filepath.Dir(path))
			root, err := os.OpenRoot(dir)
			if err != nil {
				return err
			}
			defer root.Close()
			return atomicfile.WriteIn(root, "made/file", perm, write)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "made", "file")
			if err := write(path, 0o644, text("old")); err != nil {
				t.Fatal(err)
			}
			checkFolder(t, path, "old", 0o644)
			broken := errors.New("the source broke off")
			err := write(path, 0o644, func(w io.Writer) error { return errors.Join(text("half")(w), broken) })
			if !errors.Is(err, broken) {
				t.Errorf("error %v, want that of the source", err)
			}
			checkFolder(t, path, "old", 0o644)
			if err := write(path, 0o600, text("new")); err != nil {
				t.Fatal(err)
			}
			checkFolder(t, path, "new", 0o600)
		})
	}
}

func TestWriteConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			if err := atomicfile.Write(path, 0o644, text(strings.Repeat(fmt.Sprint(i), 10_000))); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	checkFolder(t, path, strings.Repeat(string(data[0]), 10_000), 0o644)
}

func TestNotARegularFile(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, dir, os.DevNull} {
		for name, err := range map[string]error{"Check": atomicfile.Check(path), "Write": atomicfile.Write(path, 0o644, text("new"))} {
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "not a regular file") {
				t.Errorf("%s(%s): %v", name, path, err)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "file")
	for range 2 {
		if err := atomicfile.Check(path); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 0 {
		t.Errorf("the folder holds %v, %v; want nothing", files, err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Check(filepath.Join(path, "file")); err == nil {
		t.Error("a folder that is a file: no error")
	}
}
