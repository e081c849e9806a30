package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestColumns(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte("run,vm\na,b\n"))
	_ = w.Close()
	parquet, err := os.ReadFile("../../examples/recorded/validation.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ content, want string }{
		"csv":     {"run, \"the vm\",x\n", "run|the vm|x"},
		"jsonl":   {"\n{\"run\": {\"id\": 1, \"n\": [2]}, \"vm\": \"x\"}\n{\"other\": 1}\n", "run.id|run.n|vm"},
		"gzip":    {packed.String(), "run|vm"},
		"parquet": {string(parquet), "episode_id|host_id|profile|status"},
	} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		names, err := Columns(path)
		if got := strings.Join(names, "|"); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	for _, content := range []string{"", "{}{}\n", "[1]"} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if names, err := Columns(path); err == nil || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %q, %v", content, names, err)
		}
	}
}
