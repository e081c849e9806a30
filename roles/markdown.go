package roles

import (
	"fmt"
	"strings"
)

// Markdown returns the table as it is in docs/OPERATIONS.md: the roles with their
// grants, and the grants with their subjects.
func Markdown() string {
	var b strings.Builder
	fmt.Fprintln(&b, "| role | account | who has it | grants |\n|---|---|---|---|")
	var grants []Grant
	known := map[string]bool{}
	for _, r := range All() {
		var names []string
		for _, g := range r.Grants {
			names = append(names, g.Name)
			if !known[g.Name] {
				known[g.Name] = true
				grants = append(grants, g)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Name, r.Account, r.Who, strings.Join(names, ", "))
	}
	fmt.Fprintln(&b, "\n| grant | to | may publish to (`$JS.API.` is written `API.`) | may subscribe to |\n|---|---|---|---|")
	for _, g := range grants {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.Name, g.What, cell(g.Publish), cell(g.Subscribe))
	}
	return b.String()
}

// cell returns the subjects of a grant as the text of a cell.
func cell(subjects []string) string {
	var short []string
	for _, s := range subjects {
		short = append(short, "`"+strings.Replace(s, "$JS.API.", "API.", 1)+"`")
	}
	return strings.Join(short, " ")
}
