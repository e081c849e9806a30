package profiles

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPackageDocsListFiles: where a package comment lists the files of its package, it lists
// each of them, and no other.
func TestPackageDocsListFiles(t *testing.T) {
	name := regexp.MustCompile(`[a-z0-9_*]+\.go\b`)
	lists := 0
	for _, dir := range list(t, "-f", "{{.Dir}}", "./...") {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
		var listed []string
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			comment, _, ok := strings.Cut(string(text), "\npackage ")
			if !ok || !strings.Contains(comment, "// Package ") {
				continue
			}
			for line := range strings.Lines(comment) {
				if entry, ok := strings.CutPrefix(line, "//\t"); ok {
					listed = append(listed, name.FindAllString(entry, -1)...)
				}
			}
		}
		if len(listed) < 3 {
			continue // the comment has no list of files
		}
		lists++
		matches := func(file string) bool {
			return slices.ContainsFunc(listed, func(pattern string) bool {
				ok, _ := filepath.Match(pattern, filepath.Base(file))
				return ok
			})
		}
		for _, f := range files {
			if !matches(f) && filepath.Base(f) != "doc.go" {
				t.Errorf("%s: the package comment does not list it", f)
			}
		}
		for _, pattern := range listed {
			if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) == 0 {
				t.Errorf("%s: the package comment lists %s, which does not exist", dir, pattern)
			}
		}
	}
	if lists < 8 {
		t.Errorf("%d package comments list their files", lists)
	}
}
