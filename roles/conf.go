package roles

import (
	"fmt"
	"strings"
)

// Conf returns the table as a NATS configuration, to be included in that of a
// server: the accounts, a user for each role, and the permissions of each user.
// Keys are the users' public nkeys by role. A role without a key is an error.
//
// Every user needs a key, so the server refuses anonymous connections.
func Conf(keys map[string]string) (string, error) {
	var b strings.Builder
	fmt.Fprintln(&b, "# Who may do what in NATS. `profiles credentials` writes this file each time it")
	fmt.Fprintln(&b, "# runs; docs/OPERATIONS.md has the same as a table.")
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
			allow(&b, "publish", r.Publish())
			allow(&b, "subscribe", r.Subscribe())
			fmt.Fprintln(&b, "        }\n      }")
		}
		fmt.Fprintln(&b, "    ]\n  }")
	}
	fmt.Fprintf(&b, "}\nsystem_account: %s\n", System)
	return b.String(), nil
}

func allow(b *strings.Builder, what string, subjects []string) {
	fmt.Fprintf(b, "          %s { allow: [\n", what)
	for _, s := range subjects {
		fmt.Fprintf(b, "            %q\n", s)
	}
	fmt.Fprintln(b, "          ] }")
}
