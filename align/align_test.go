package align

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/cis490/profiles/fit"
)

// TestReasonsAgree: the reasons of package episode are those of fit's table that do not reject a
// message.
func TestReasonsAgree(t *testing.T) {
	files, err := filepath.Glob("../episode/*.go")
	if err != nil {
		t.Fatal(err)
	}
	constant := regexp.MustCompile(`\bReason\w+\s+Reason = "(\w+)"`)
	declared := map[fit.Reason]bool{}
	for _, path := range files {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range constant.FindAllStringSubmatch(string(source), -1) {
			declared[fit.Reason(match[1])] = true
		}
	}
	want := map[fit.Reason]bool{}
	for _, r := range fit.Reasons() {
		if !r.Rejected() {
			want[r] = true
		}
	}
	if !maps.Equal(declared, want) {
		t.Errorf("package episode declares %v, fit.Reasons has %v", declared, want)
	}
}
