package profiles

import (
	"regexp"
	"strings"
	"testing"
)

// TestStates checks each row of the table "What each state says": its tests exist, the words
// between backticks in its second cell stand in a file of these tests, and its alerts exist.
func TestStates(t *testing.T) {
	_, table, found := strings.Cut(read(t, operations), "\n## What each state says\n")
	table, _, ended := strings.Cut(table, "\n## ")
	if !found || !ended {
		t.Fatalf("%s has no such section", operations)
	}
	testOf := regexp.MustCompile("`(Test\\w+)` in `([\\w./-]+_test\\.go)`")
	words := regexp.MustCompile("`([^`]+)`")
	alert := regexp.MustCompile(`\bProfiles[A-Z]\w+`)
	rules := read(t, monitoring+"rules.yaml")
	rows := 0
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || line == "| state | what says it | what to do | test |" {
			continue
		}
		rows++
		state := strings.TrimPrefix(cells[0], "| ")
		tests := testOf.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 4 || len(tests) == 0 {
			t.Errorf("%s: the row has %d cells and names %d tests", state, len(cells), len(tests))
			continue
		}
		said := ""
		for _, m := range tests {
			file := read(t, m[2])
			if !strings.Contains(file, "\nfunc "+m[1]+"(") {
				t.Errorf("%s: %s has no %s", state, m[2], m[1])
			}
			said += strings.ReplaceAll(file, `\"`, `"`)
		}
		for _, m := range words.FindAllStringSubmatch(cells[1], -1) {
			place := m[1] == "/readyz" || m[1] == "status"
			if !place && !strings.Contains(said, m[1]) {
				t.Errorf("%s: its tests do not assert %q", state, m[1])
			}
		}
		for _, name := range alert.FindAllString(cells[1], -1) {
			if !strings.Contains(rules, "alert: "+name+"\n") {
				t.Errorf("%s: there is no alert %s", state, name)
			}
		}
	}
	if rows < 110 {
		t.Errorf("found %d rows", rows)
	}
}
