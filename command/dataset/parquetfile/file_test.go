package parquetfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// readEverything reads all cells of all columns that this package reads, and returns how many there are.
func readEverything(b []byte) (cells int, err error) {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return 0, err
	}
	err = f.Guard(func() error {
		for _, leaf := range leavesOf(f.decoded.Root()) {
			r, err := NewColumnReader(f, leaf)
			if err != nil {
				continue // of another type
			}
			defer r.Close()
			n, err := readColumn(r, f.NumRowGroups())
			cells += n
			if err != nil {
				return err
			}
		}
		return nil
	})
	return cells, err
}

func leavesOf(c *parquet.Column) []*parquet.Column {
	if c.Leaf() {
		return []*parquet.Column{c}
	}
	var all []*parquet.Column
	for _, child := range c.Columns() {
		all = append(all, leavesOf(child)...)
	}
	return all
}

func readColumn(r *ColumnReader, groups int) (cells int, err error) {
	for group := range groups {
		err := r.Open(group)
		for err == nil && cells < 1<<20 { // a few bytes of repeated runs may hold very many cells
			if _, err = r.Next(); err == nil {
				cells++
			}
		}
		if err != nil && err != io.EOF {
			return cells, err
		}
	}
	return cells, nil
}

// testFiles returns files that other programs wrote, with columns of strings and lists of numbers in every encoding.
func testFiles(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, pattern := range []string{"validation-*.parquet", "profiles-*.parquet"} {
		paths, err := filepath.Glob(filepath.Join("..", "testdata", pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(path)] = b
		}
	}
	return files
}

func TestReadsEverything(t *testing.T) {
	for name, b := range testFiles(t) {
		if cells, err := readEverything(b); err != nil || cells == 0 && name != "validation-empty.parquet" {
			t.Errorf("%s: %d cells, %v", name, cells, err)
		}
	}
}

// TestReadsNoOtherTypes: a column of booleans is refused before its pages are read.
func TestReadsNoOtherTypes(t *testing.T) {
	var b bytes.Buffer
	if err := parquet.Write(&b, []struct{ Flag bool }{{true}}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewColumnReader(f, f.decoded.Root().Columns()[0]); !errors.Is(err, ErrShape) {
		t.Errorf("error %v, want ErrShape", err)
	}
}

// FuzzFile reads everything of any bytes: cells, or an error that matches ErrDamaged or ErrShape.
func FuzzFile(f *testing.F) {
	for _, b := range testFiles(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := readEverything(b); err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrShape) {
			t.Fatalf("error %v matches neither", err)
		}
	})
}
