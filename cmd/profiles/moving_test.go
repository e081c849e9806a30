package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMovingFlags: the flags that docs/MOVING.md lists exist, with the defaults that it gives.
func TestMovingFlags(t *testing.T) {
	text, err := os.ReadFile("../../docs/MOVING.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]command{}
	for _, group := range commandGroups() {
		for _, c := range group.commands {
			commands[c.cobra.Name()] = c
		}
	}
	row := regexp.MustCompile("(?m)^\\| `--([a-z0-9-]+)` \\| [^|]*\\| `(\\w+)` \\| (?:`([^`|]*)`)? ?\\|")
	rows := row.FindAllStringSubmatch(string(text), -1)
	if len(rows) != 14 {
		t.Fatalf("found %d flags", len(rows))
	}
	for _, m := range rows {
		name, command, fallback := m[1], m[2], m[3]
		if name == "log-level" {
			continue // of all commands: see TestMistakes
		}
		f := commands[command].cobra.Flags().Lookup(name)
		switch {
		case f == nil:
			t.Errorf("profiles %s has no --%s", command, name)
		case name == "publish-url":
			if fallback != defaultPublishURL || !strings.Contains(f.Usage, fallback) {
				t.Errorf("the default of --%s is not %s: %s", name, fallback, f.Usage)
			}
		case f.DefValue != fallback:
			t.Errorf("the default of --%s is %q, not %q", name, f.DefValue, fallback)
		}
	}
}
