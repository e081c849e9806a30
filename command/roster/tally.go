package roster

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
)

// A tally counts the rows of a file by status and profile. It is bounded: names are cut to maxName bytes, and the rows of all
// names after the first maxNames count together.
type tally struct {
	statuses, profiles names
	rows               map[[2]int]int // by the indices of status and profile
}

const (
	maxNames = 50
	maxName  = 64
)

func (t *tally) add(row dataset.ValidationRow) {
	if t.rows == nil {
		t.rows = map[[2]int]int{}
	}
	t.rows[[2]int{t.statuses.index(row.Status), t.profiles.index(row.Profile)}]++
}

// names are the first names that were met; others is the index of all later ones.
type names struct {
	all     []string
	indices map[string]int
}

const others = -1

func (n *names) index(name string) int {
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	i, ok := n.indices[name]
	switch {
	case ok:
		return i
	case len(n.all) == maxNames:
		return others
	case n.indices == nil:
		n.indices = map[string]int{}
	}
	name = strings.Clone(name)
	n.indices[name] = len(n.all)
	n.all = append(n.all, name)
	return len(n.all) - 1
}

// A Count is how many rows have a status or a profile. Name is cut to 64 bytes, and may have any characters.
type Count struct {
	Name string `json:"name"` // "" also if Others is true
	Rows int    `json:"rows"`
	// Others says that these are the rows of all names but the first 50 of the file.
	Others bool `json:"others,omitempty"`
}

// Statuses returns how many rows have each status, the most frequent first.
func (c *Census) Statuses() []Count { return c.tally.count(&c.tally.statuses, 0, nil) }

// Profiles returns how many rows have each profile, accepted or not, the most frequent first.
func (c *Census) Profiles() []Count { return c.tally.count(&c.tally.profiles, 1, nil) }

// count adds up the rows by the index of n, which stands at place in the keys. A nil take takes all rows.
func (t *tally) count(n *names, place int, take func(key [2]int) bool) []Count {
	rows := map[int]int{}
	for key, number := range t.rows {
		if take == nil || take(key) {
			rows[key[place]] += number
		}
	}
	var counts []Count
	for _, i := range slices.Sorted(maps.Keys(rows)) {
		if i == others {
			counts = append(counts, Count{Rows: rows[i], Others: true})
			continue
		}
		counts = append(counts, Count{Name: n.all[i], Rows: rows[i]})
	}
	slices.SortStableFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Name, b.Name))
	})
	return counts
}

// WhyNone says why the file accepts no row, in a sentence without a full stop, such as "no row has status accepted; 90 have
// Accepted". It is empty if some row is accepted. columns is the mapping that the rows were read with.
func (c *Census) WhyNone(columns fit.Validation) string {
	switch {
	case c.acceptedRows > 0:
		return ""
	case c.rows == 0:
		return "the list has no row"
	}
	return fmt.Sprintf("no row has status %s; %s", statusesOf(columns), have(c.Statuses()))
}

// Why says why the file has no episode of a profile, in a sentence without a full stop; it is empty if there is one. spec is
// the one whose mapping the rows were read with.
func (r *Roster) Why(spec *fit.Spec, profile fit.ProfileName) string {
	if len(r.ByRank(profile)) > 0 {
		return ""
	}
	if why := r.WhyNone(spec.Validation); why != "" {
		return why
	}
	if accepted := r.Listed(profile); accepted > 0 {
		return fmt.Sprintf("each of its %d accepted rows is malformed, or a later row about the same episode replaces it", accepted)
	}
	at, ok := r.tally.profiles.indices[string(profile)]
	switch {
	case ok:
		rows := r.tally.count(&r.tally.statuses, 0, func(key [2]int) bool { return key[1] == at })
		return fmt.Sprintf("no row of it has status %s; %s", statusesOf(spec.Validation), have(rows))
	case len(r.tally.profiles.all) == maxNames:
		return "no accepted row has this profile" + r.strange(spec)
	}
	return "the list has no profile " + string(profile) + r.strange(spec)
}

// strange returns the profiles of the file that the spec does not have, to be added to a sentence.
func (r *Roster) strange(spec *fit.Spec) string {
	rows := r.tally.count(&r.tally.profiles, 1, func(key [2]int) bool {
		if key[1] == others {
			return true
		}
		_, ok := spec.Profile(fit.ProfileName(r.tally.profiles.all[key[1]]))
		return !ok
	})
	if len(rows) == 0 {
		return ""
	}
	return "; it has " + join(rows, func(c Count) string { return fmt.Sprintf("%s (%d)", c.shown(), c.Rows) })
}

// Text returns counts as text, such as "90 accepted, 3 rejected".
func Text(counts []Count) string {
	return join(counts, func(c Count) string { return fmt.Sprintf("%d %s", c.Rows, c.shown()) })
}

// have returns text such as "90 have Accepted, 3 have rejected".
func have(counts []Count) string {
	return join(counts, func(c Count) string {
		verb := "have"
		if c.Rows == 1 {
			verb = "has"
		}
		return fmt.Sprintf("%d %s %s", c.Rows, verb, c.shown())
	})
}

// mostShown is how many names a sentence has.
const mostShown = 8

func join(counts []Count, text func(Count) string) string {
	var parts []string
	for i, c := range counts {
		if i == mostShown {
			parts = append(parts, fmt.Sprintf("and %d more", len(counts)-i))
			break
		}
		parts = append(parts, text(c))
	}
	return strings.Join(parts, ", ")
}

// shown returns the name for people.
func (c Count) shown() string {
	if c.Others {
		return "others"
	}
	return plain.Name(c.Name)
}

// statusesOf returns the statuses of accepted rows, such as "ok or good".
func statusesOf(columns fit.Validation) string {
	var names []string
	for _, status := range columns.Accepted {
		names = append(names, Count{Name: status}.shown())
	}
	return strings.Join(names, " or ")
}
