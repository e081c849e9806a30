package k8s_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// withArgument is a command of the shell that gets an argument behind its own words: K8S_LOAD, K8S_NODE_KILL
// and K8S_NODE_START are such commands.
func withArgument(command, argument string) *exec.Cmd {
	return exec.Command("sh", "-c", command+` "$1"`, "sh", argument)
}

// TestCommandsGetTheirArgument needs no cluster: a command may be a script, or have words of its own.
func TestCommandsGetTheirArgument(t *testing.T) {
	script := filepath.Join(t.TempDir(), "kill node")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$#:$1:$2\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]string{
		"'" + script + "'":           "1:node 1:\n",
		"'" + script + "' --force":   "2:--force:node 1\n",
		"printf '%s,%s\\n' poweroff": "poweroff,node 1\n",
	} {
		out, err := withArgument(command, "node 1").CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s: %q, %v; want %q", command, out, err, want)
		}
	}
}
