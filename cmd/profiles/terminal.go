package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"
)

// A terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	level    string // of log
	log      *slog.Logger
}

// print writes a result to stdout: as one line of JSON, or as text.
func (t *terminal) print(asJSON bool, result any, text func(io.Writer) error) error {
	if asJSON {
		return json.NewEncoder(t.out).Encode(result)
	}
	return text(t.out)
}

// open opens the file at path, or standard input if path is "-".
func (t *terminal) open(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(t.in), nil
	}
	return os.Open(path)
}

// fileName returns the name of a file that open has opened, for error messages.
func fileName(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}

// isTerminal reports whether w is a screen and not a file or a pipe.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
