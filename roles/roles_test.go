package roles_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/profiles/roles"
)

var update = flag.Bool("update", false, "write the table into docs/OPERATIONS.md")

// TestDocument: docs/OPERATIONS.md has the present table.
func TestDocument(t *testing.T) {
	const path, begin, end = "../docs/OPERATIONS.md", "<!-- roles: go test ./roles -update -->\n", "<!-- end of roles -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s lacks %q or %q", path, begin, end)
	}
	if table == roles.Markdown() {
		return
	}
	if !*update {
		t.Fatalf("the table in %s is not that of package roles: go test ./roles -update writes it", path)
	}
	if err := os.WriteFile(path, []byte(before+begin+roles.Markdown()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		pattern, subject string
		want             bool
	}{
		{"a.b", "a.b", true}, {"a.b", "a.c", false}, {"a.b", "a", false}, {"a.b", "a.b.c", false},
		{"a.*", "a.b", true}, {"a.*", "a.b.c", false}, {"a.*", "a.*", true}, {"a.*", "a.>", false}, {"a.b", "a.*", false},
		{"a.>", "a.b.c", true}, {"a.>", "a", false}, {"a.>", "a.>", true}, {"a.>", "a.*", true}, {">", "a.>", true}, {"a.>", ">", false},
		{"*.b", "a.b", true}, {"*.b", ">", false},
	} {
		if got := roles.Covers(c.pattern, c.subject); got != c.want {
			t.Errorf("%s covers %s: %t", c.pattern, c.subject, got)
		}
	}
}

func TestConf(t *testing.T) {
	if _, err := roles.Conf(map[string]string{"worker": "U"}); err == nil || !strings.Contains(err.Error(), "receiver has no key") {
		t.Errorf("roles without keys: %v", err)
	}
	names := map[string]bool{}
	for _, r := range roles.All() {
		if names[r.Name] || r.Who == "" || len(r.Grants) == 0 {
			t.Errorf("%+v", r)
		}
		names[r.Name] = true
		if !slices.IsSorted(r.Publish()) {
			t.Errorf("%s: not sorted", r.Name)
		}
		if named, ok := roles.Named(r.Name); !ok || named.Who != r.Who {
			t.Errorf("%s is not found", r.Name)
		}
	}
	if _, ok := roles.Named("other"); ok {
		t.Error("found a role that does not exist")
	}
}
