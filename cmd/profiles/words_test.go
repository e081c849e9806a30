package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestFlagsInPlainWords: every flag of every command refuses what it cannot be in plain words, and says where help is.
func TestFlagsInPlainWords(t *testing.T) {
	for _, group := range commandGroups() {
		for _, c := range group.commands {
			c.cobra.Flags().VisitAll(func(f *pflag.Flag) {
				if !slices.Contains([]string{"int", "int64", "uint64", "float64", "duration", "bool"}, f.Value.Type()) {
					return
				}
				code, _, stderr := call(t, "", c.cobra.Name(), "--"+f.Name+"=5 apples")
				if code != 2 || !strings.Contains(stderr, "--"+f.Name+` is "5 apples": `) || !strings.HasSuffix(stderr, "(see profiles "+c.cobra.Name()+" --help)\n") {
					t.Errorf("exit %d: %s", code, stderr)
				}
				for _, word := range []string{"strconv", "parsing", "time:", "syntax", "invalid argument"} {
					if strings.Contains(stderr, word) {
						t.Errorf("it says %q: %s", word, stderr)
					}
				}
			})
		}
	}
	// The help explains the flags, not what is in a file.
	if code, _, stderr := call(t, "", "fit", "--store", recordedStore, "--spec", write(t, "spec.yaml", "target: x\n")); code != 2 || strings.Contains(stderr, "--help") || !strings.Contains(stderr, `docs/OPERATIONS.md, "The spec"`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
