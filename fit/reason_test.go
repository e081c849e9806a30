package fit

import (
	"os"
	"strings"
	"testing"
)

// TestReasons checks the table: every reason is valid, stands once, has a meaning, and has its row in the documents.
func TestReasons(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		if !r.valid() || seen[r] || r.Meaning() == "" {
			t.Errorf("reason %q: valid %v, twice %v, meaning %q", r, r.valid(), seen[r], r.Meaning())
		}
		seen[r] = true
		if !r.HasEntry() && !r.Rejected() {
			t.Errorf("reason %q has neither an entry nor a copy in REJECTED", r)
		}
		path := "../docs/EPISODES.md"
		if r.Rejected() {
			path = "../docs/MESSAGES.md"
		}
		if !hasRow(t, path, "`"+string(r)+"`") {
			t.Errorf("no table of %s has a row that begins with %s", path, r)
		}
	}
}

func TestReasonOfAnotherVersion(t *testing.T) {
	if r := Reason("not_thought_of_yet"); !r.valid() || r.Rejected() || !r.HasEntry() || r.Meaning() != "" {
		t.Errorf("valid %v, rejected %v, entry %v, meaning %q", r.valid(), r.Rejected(), r.HasEntry(), r.Meaning())
	}
}

// hasRow reports whether the document has a table with text in the first cell of a row.
func hasRow(t *testing.T, path, text string) bool {
	t.Helper()
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(doc)) {
		if cells := strings.Split(line, "|"); len(cells) > 2 && cells[0] == "" && strings.Contains(cells[1], text) {
			return true
		}
	}
	return false
}
