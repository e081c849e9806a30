package roles

import (
	"fmt"
	"strings"
)

// Conf is the server's part of the table: a NATS configuration, to be included,
// with the accounts, a user a role, and what each may do. Keys are the users'
// public nkeys by role; every role must have one.
//
// There is no user without a key in it, so anonymous connections are refused.
func Conf(keys map[string]string) (string, error) {
	var b strings.Builder
	fmt.Fprintln(&b, "# Who may do what in NATS. Made by `profiles credentials`, which makes it anew")
	fmt.Fprintln(&b, "# whenever it runs; docs/OPERATIONS.md has the same as a table.")
	fmt.Fprintln(&b, "accounts {")
	for _, account := range []string{Profiles, System} {
		fmt.Fprintf(&b, "  %s {\n", account)
		if account == Profiles {
			fmt.Fprintln(&b, "    jetstream: enabled")
		}
		fmt.Fprintln(&b, "    users: [")
		for _, r := range All() {
			if r.Account != account {
				continue
			}
			key := keys[r.Name]
			if key == "" {
				return "", fmt.Errorf("role %s has no key", r.Name)
			}
			fmt.Fprintf(&b, "      { # %s: %s\n        nkey: %s\n        permissions {\n", r.Name, r.Who, key)
			list(&b, "publish", r.Publish())
			list(&b, "subscribe", r.Subscribe())
			fmt.Fprintln(&b, "        }\n      }")
		}
		fmt.Fprintln(&b, "    ]\n  }")
	}
	fmt.Fprintf(&b, "}\nsystem_account: %s\n", System)
	return b.String(), nil
}

func list(b *strings.Builder, what string, subjects []string) {
	fmt.Fprintf(b, "          %s { allow: [\n", what)
	for _, s := range subjects {
		fmt.Fprintf(b, "            %q\n", s)
	}
	fmt.Fprintln(b, "          ] }")
}

// Markdown is the table as docs/OPERATIONS.md has it: the roles with their
// grants, and the grants with their subjects.
func Markdown() string {
	var b strings.Builder
	fmt.Fprintln(&b, "| role | who has it | grants |\n|---|---|---|")
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
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.Name, r.Who, strings.Join(names, ", "))
	}
	fmt.Fprintln(&b, "\n| grant | to | may publish to (`$JS.API.` is written `API.`) | may subscribe to |\n|---|---|---|---|")
	for _, g := range grants {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.Name, g.What, cell(g.Publish), cell(g.Subscribe))
	}
	return b.String()
}

// cell lists subjects, those of several streams as one.
func cell(subjects []string) string {
	var short []string
	for _, s := range subjects {
		short = append(short, "`"+strings.Replace(s, "$JS.API.", "API.", 1)+"`")
	}
	return strings.Join(short, " ")
}
