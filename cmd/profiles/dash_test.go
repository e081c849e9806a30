package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDash: - is standard output and standard input, not a file of that name.
func TestDash(t *testing.T) {
	store, err := filepath.Abs(recordedStore)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	code, table, stderr := call(t, "", "fit", "--store", store, "--n-episodes-per-profile", "2", "--fit-out", "-")
	if code != 0 || !strings.HasPrefix(table, "PAR1") || !strings.HasSuffix(table, "PAR1") || !strings.Contains(stderr, `{"saved_to":"-","n_profiles":6,`) {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if files, err := os.ReadDir("."); err != nil || len(files) > 0 {
		t.Errorf("files %v, %v", files, err)
	}
	must(t, "fit", "--store", store, "--n-episodes-per-profile", "2", "--fit-out", "fit.parquet")
	_, piped, _ := call(t, table, "show", "--json", "-")
	if want := must(t, "show", "--json", "fit.parquet"); piped != want {
		t.Error("the table on standard output differs from that in the file")
	}
	if code, out, stderr := call(t, table, "stream", "--load-fit", "-", "--dry-run"); code != 0 || strings.Count(out, "\n") != 6 {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
	if code, _, stderr := call(t, table, "plot", "-", "--out", "fit.svg"); code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestStoreHere: the list of a store that is this folder is beside the folder.
func TestStoreHere(t *testing.T) {
	t.Chdir(recordedStore)
	out := must(t, "fit", "--store", ".", "--n-episodes-per-profile", "1", "--fit-out", filepath.Join(t.TempDir(), "fit.parquet"))
	if got := decode[savedReport](t, out); got.N != 6 {
		t.Error(out)
	}
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	code, _, stderr := call(t, "", "fit", "--store", ".")
	if want := "no list of episodes: " + filepath.Dir(dir) + " has no validation.parquet, "; code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
