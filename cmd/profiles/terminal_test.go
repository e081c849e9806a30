package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNamedPipe: a named pipe without a writer is an empty archive, and nothing waits for one.
func TestNamedPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "episode.tar.zst")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := call(t, "", "curve", pipe); code != 4 || !strings.Contains(stderr, "corrupt archive") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
