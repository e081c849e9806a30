package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/cis490/profiles/internal/plain"
)

// A terminal is where a command reads and writes. Whatever it writes goes through package plain, so that no text from
// elsewhere can control the screen.
type terminal struct {
	in       io.Reader
	out, err *plain.Writer
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
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a named pipe without a writer would block for ever
}

// fileName returns the name of a file that open has opened, for error messages.
func fileName(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}

// screenOf returns the screen that w writes to, for what needs its control sequences; nil if that is a file or a pipe.
func screenOf(w *plain.Writer) *os.File {
	if f, ok := w.Unwrap().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// confirm asks a question that can be answered with yes, and reports whether it was. Without
// somebody at a terminal the answer is no.
func (t *terminal) confirm(ctx context.Context, question string) bool {
	in, ok := t.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) || screenOf(t.err) == nil {
		return false
	}
	return ask(ctx, in, t.err, question)
}

// ask reads the answer to a question. The end of ctx is a no.
func ask(ctx context.Context, in io.Reader, out io.Writer, question string) bool {
	fmt.Fprintf(out, "%s [y/N] ", question)
	answered := make(chan string, 1)
	go func() { // ends with the process if nobody answers: a read from a terminal can't be interrupted
		answer, _ := bufio.NewReader(in).ReadString('\n')
		answered <- strings.ToLower(strings.TrimSpace(answer))
	}()
	select {
	case answer := <-answered:
		return answer == "y" || answer == "yes"
	case <-ctx.Done():
		fmt.Fprintln(out)
		return false
	}
}
