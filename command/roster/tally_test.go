package roster

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/fit"
)

func specOf(profiles ...string) *fit.Spec {
	spec := fit.DefaultSpec()
	spec.Profiles = nil
	for _, p := range profiles {
		spec.Profiles = append(spec.Profiles, fit.Profile{Name: fit.ProfileName(p), Channel: "proc.x"})
	}
	return spec
}

func TestWhy(t *testing.T) {
	spec := specOf("a", "b")
	spec.Validation.Accepted = []string{"ok", "very good"}
	good := func(id, profile string) dataset.ValidationRow {
		r := row("h", id, profile, "ok")
		r.Accepted = true
		return r
	}
	many := func(profile string) (all []dataset.ValidationRow) {
		for i := range 60 {
			all = append(all, row("h", "1", fmt.Sprint(profile, i), "no"))
		}
		return append(all, good("x", "b"))
	}
	for _, test := range []struct {
		rows []dataset.ValidationRow
		want string
	}{
		{nil, "the list has no row"},
		{[]dataset.ValidationRow{good("1", "a")}, ""},
		{[]dataset.ValidationRow{row("h", "1", "a", "Accepted"), row("h", "2", "b", "Accepted"), row("h", "2", "b", "\x1b[2J")},
			`no row has status ok or "very good"; 2 have Accepted, 1 has "\x1b[2J"`},
		{[]dataset.ValidationRow{good("1", "b"), row("h", "1", "a", "bad"), row("h", "1", "a", ""), row("h", "1", "b", "other")},
			`no row of it has status ok or "very good"; 1 has "", 1 has bad`},
		{[]dataset.ValidationRow{good("1", "b"), good("2", "A"), row("h", "3", "A", "no"), good("4", "x y")},
			`the list has no profile a; it has A (2), "x y" (1)`},
		{[]dataset.ValidationRow{good("1", "b")}, "the list has no profile a"},
		{[]dataset.ValidationRow{good("1", "a"), row("h", "1", "a", "no"), good("..", "a"), good("2", "b")},
			"each of its 2 accepted rows is malformed, or a later row about the same episode replaces it"},
		{many("x"), "no accepted row has this profile; it has others (11), x0 (1), x1 (1), x10 (1), x11 (1), x12 (1), x13 (1), x14 (1), and 43 more"},
		{many(strings.Repeat("x", 64)), "the list has no profile a; it has " + strings.Repeat("x", 64) + " (60)"},
	} {
		r, err := Read(rows(test.rows...), 0)
		if err != nil {
			t.Fatal(err)
		}
		got := r.Why(spec, "a")
		if got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}

func TestCountsAreBounded(t *testing.T) {
	var all []dataset.ValidationRow
	for i := range 1000 {
		all = append(all, row("h", "1", fmt.Sprint(i%70, strings.Repeat("p", 100)), fmt.Sprint(i%60)))
	}
	r, err := Read(rows(all...), 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, counts := range map[string][]Count{"statuses": r.Statuses(), "profiles": r.Profiles()} {
		sum, others := 0, 0
		for _, c := range counts {
			sum += c.Rows
			if c.Others {
				others++
			}
			if len(c.Name) > maxName {
				t.Errorf("a name of %d bytes", len(c.Name))
			}
		}
		if sum != 1000 || others != 1 || len(counts) != maxNames+1 || !slices.IsSortedFunc(counts, func(a, b Count) int { return b.Rows - a.Rows }) {
			t.Errorf("%s: %d rows in %d counts, %d others", name, sum, len(counts), others)
		}
	}
	if got := Text(r.Statuses()[:2]); got != "160 others, 17 0" {
		t.Errorf("got %q", got)
	}
}
