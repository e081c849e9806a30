package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// notebookCode returns the code of a notebook, its cells one after the other.
func notebookCode(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var notebook struct {
		Cells []struct {
			Type   string   `json:"cell_type"`
			Source []string `json:"source"`
		} `json:"cells"`
		Format int `json:"nbformat"`
	}
	if err := json.Unmarshal(data, &notebook); err != nil || notebook.Format != 4 {
		t.Fatalf("%s: format %d, %v", path, notebook.Format, err)
	}
	var code strings.Builder
	for _, cell := range notebook.Cells {
		if cell.Type == "code" {
			code.WriteString(strings.Join(cell.Source, "") + "\n\n")
		}
	}
	return code.String()
}

// TestNotebookPython runs the cells of examples/profiles.ipynb with the batch fit and a running dashboard. PROFILES_PYTHON is the
// path of a Python with numpy and pyarrow; `make oracle-test` sets it.
func TestNotebookPython(t *testing.T) {
	python := os.Getenv("PROFILES_PYTHON")
	code := notebookCode(t, filepath.FromSlash("../../examples/profiles.ipynb"))
	if python == "" {
		t.Log("PROFILES_PYTHON is not set: the notebook is not run")
		return
	}
	t.Setenv("MISSING_PATIENCE", "20ms")
	screen := newLineReader()
	stop := start(t, screen, "up", "--store", recordedStore, "--nats", "127.0.0.1:0", "--listen", "127.0.0.1:0")
	fields := strings.Fields(strings.ReplaceAll(screen.until(t, "NATS at "), ",", " "))
	screen.until(t, "settled: ")
	table := filepath.Join(t.TempDir(), "fit.parquet")
	must(t, "fit", "--store", recordedStore, "--fit-out", table)
	cmd := exec.Command(python, "-W", "error", "-c", code)
	cmd.Env = append(os.Environ(), "PARQUET="+table, "DASHBOARD="+strings.TrimSuffix(fields[2], "/")+"/", "MPLBACKEND=agg")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), ": equal\n"); n != 6 {
		t.Errorf("%d profiles are equal in the file and in the feed:\n%s", n, out)
	}
	stop()
}
