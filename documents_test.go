package profiles

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/store"
	"github.com/cis490/profiles/streamer"
	"github.com/cis490/profiles/worker"
)

// documents returns the paths of all documents.
func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "k8s/*.md", "examples/*.md", "examples/*/*.md", "fit/testdata/oracle/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, paths...)
	}
	if len(all) < 15 {
		t.Fatalf("found %d documents: %q", len(all), all)
	}
	return all
}

// source returns the text of all Go files: those of tests, or the others.
func source(t *testing.T, tests bool) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") != tests {
			return err
		}
		text, err := os.ReadFile(path)
		b.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDocumentsAreWrapped checks that lines have at most 100 columns. Tables, indented blocks, pictures
// and lines that cannot be broken are left out.
func TestDocumentsAreWrapped(t *testing.T) {
	unbroken := regexp.MustCompile("^(`[^`]*`[.,:;]?|\\S+)$")
	for _, path := range documents(t) {
		for i, line := range strings.Split(read(t, path), "\n") {
			if utf8.RuneCountInString(line) <= 100 || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "    ") {
				continue
			}
			if !unbroken.MatchString(strings.TrimSpace(line)) {
				t.Errorf("%s:%d has %d columns", path, i+1, utf8.RuneCountInString(line))
			}
		}
	}
}

// TestDocumentsLinkToFiles checks that the files and sections that documents link to exist.
func TestDocumentsLinkToFiles(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, path := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, path), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, section, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
				continue
			}
			if section != "" && !hasSection(read(t, target), section) {
				t.Errorf("%s links to %s, which has no such section", path, m[1])
			}
		}
	}
}

// hasSection reports whether a document has a heading with the anchor that GitHub makes of it.
func hasSection(document, anchor string) bool {
	heading := regexp.MustCompile(`(?m)^#+ (.+)$`)
	dropped := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, m := range heading.FindAllStringSubmatch(document, -1) {
		if strings.ReplaceAll(strings.ToLower(dropped.ReplaceAllString(m[1], "")), " ", "-") == anchor {
			return true
		}
	}
	return false
}

// TestDocumentsNameTests checks that the tests that documents name exist.
func TestDocumentsNameTests(t *testing.T) {
	name := regexp.MustCompile("`((?:Test|Benchmark|Fuzz)[A-Z]\\w*)")
	tests := source(t, true)
	for _, path := range documents(t) {
		for _, m := range name.FindAllStringSubmatch(read(t, path), -1) {
			if !strings.Contains(tests, "\nfunc "+m[1]+"(") {
				t.Errorf("%s names %s, which does not exist", path, m[1])
			}
		}
	}
}

// TestSettingsAreDescribed checks that a table of docs/OPERATIONS.md has every setting of the services with
// its default. The limits of archives, EPISODE_MAX_..., are in docs/EPISODES.md, in larger units.
func TestSettingsAreDescribed(t *testing.T) {
	described := read(t, operations)
	check := func(config any) {
		value := reflect.ValueOf(config).Elem()
		for i := range value.NumField() {
			name := value.Type().Field(i).Tag.Get("envconfig")
			fallback := cmp.Or(value.Type().Field(i).Tag.Get("default"), fmt.Sprint(value.Field(i)))
			if name == "" {
				continue
			}
			row := "(?m)^\\|[^|]*`" + name + "`"
			if fallback != "" && fallback != "[]" && name != "CONCURRENCY" {
				row += "[^|]*\\|[^|]*`" + regexp.QuoteMeta(fallback) + "`"
			}
			if !regexp.MustCompile(row).MatchString(described) {
				t.Errorf("no table of %s has %s with the default %q", operations, name, fallback)
			}
		}
	}
	stores := &store.Config{}
	for _, config := range []interface{ Validate() error }{&worker.Config{}, &streamer.Config{}, &dashboard.Config{}, &client.Config{}, stores} {
		if err := config.Validate(); err != nil {
			t.Fatal(err)
		}
		check(config)
	}
	check(&stores.S3)
}

// TestLayersAreDescribed checks that docs/ARCHITECTURE.md lists the layers as imports_test.go has them.
func TestLayersAreDescribed(t *testing.T) {
	listed := strings.Join(strings.Fields(read(t, "docs/ARCHITECTURE.md")), " ")
	var want []string
	for _, layer := range layers {
		want = append([]string{strings.Join(layer, ", ")}, want...)
	}
	if !strings.Contains(listed, strings.Join(want, " ")) {
		t.Errorf("docs/ARCHITECTURE.md does not list the layers as they are:\n%s", strings.Join(want, "\n"))
	}
}

// TestDocumentsNameFiles checks that the files that documents name exist, given by a path with a folder.
func TestDocumentsNameFiles(t *testing.T) {
	name := regexp.MustCompile("`([\\w.-]+(?:/[\\w.-]+)+\\.(?:go|js|css|html|py|sh|yaml|md|s))`")
	for _, path := range documents(t) {
		for _, m := range name.FindAllStringSubmatch(read(t, path), -1) {
			_, err := os.Stat(m[1])
			if _, beside := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil && beside != nil {
				t.Errorf("%s names %s: %v", path, m[1], err)
			}
		}
	}
}
