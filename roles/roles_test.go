package roles_test

import (
	"flag"
	"os"
	"regexp"
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
	if _, err := roles.Conf(map[string]string{"worker": "U"}); err == nil || !strings.Contains(err.Error(), "has no key") {
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

// TestExports: account PROFILES exports no request by which a client could make the server
// send stored messages to a subject of its choice, and each export to the accounts of its
// grants only.
func TestExports(t *testing.T) {
	keys, accounts := map[string]string{}, map[string]string{}
	for _, r := range roles.All() {
		keys[r.Name] = "U"
		if other, twice := accounts[r.Account]; twice && r.Account != roles.Profiles {
			t.Errorf("%s and %s share account %s", other, r.Name, r.Account)
		}
		accounts[r.Account] = r.Name
	}
	conf, err := roles.Conf(keys)
	if err != nil {
		t.Fatal(err)
	}
	export := regexp.MustCompile(`\{ (service|stream): "([^"]*)", accounts: \[([^]]*)\](.*) \}`)
	exports := export.FindAllStringSubmatch(conf, -1)
	if len(exports) < 30 || strings.Count(conf, `{ service: { account: PROFILES, subject: "$JS.API.INFO" } }`) != 7 {
		t.Fatalf("%d exports:\n%s", len(exports), conf)
	}
	for _, e := range exports {
		kind, subject, answers := e[1], e[2], e[4]
		var want []string
		for _, r := range roles.All() {
			subjects := append(r.Publish(), "$JS.API.INFO")
			if kind == "stream" {
				subjects = r.Subscribe()
			}
			if r.Apart() && slices.Contains(subjects, subject) {
				want = append(want, r.Account)
			}
		}
		if e[3] != strings.Join(want, ", ") {
			t.Errorf("%s is exported to %s, not to %v", subject, e[3], want)
		}
		if strings.Contains(subject, ".CONSUMER.") && !strings.Contains(subject, ".CONSUMER.INFO.") || strings.HasPrefix(subject, "$JS.ACK") || strings.HasPrefix(subject, "$JS.FC") {
			t.Errorf("%s is exported", subject)
		}
		if stream, ok := strings.CutPrefix(subject, "$JS.API.DIRECT.GET."); ok && (strings.Contains(strings.TrimSuffix(stream, ".$O.episodes.M.*"), ".") || answers != ", response_type: Stream, response_threshold: 1s") {
			t.Errorf("%s is exported with %s", subject, answers)
		}
	}
}
