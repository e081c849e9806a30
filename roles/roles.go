// Package roles defines who may do what in NATS. Its table is the source of the
// servers' accounts.conf (profiles credentials writes it), of the table in
// docs/OPERATIONS.md, and of the tests in which every role tries every right. A
// server refuses everything that the table does not grant.
//
// All of the table is in table.go. To change it:
//
//   - A new role: add a line to [All] with its name, a description and its grants.
//     Its key, its Secret and its part of accounts.conf follow from that.
//   - An existing right for a role: add the grant to the role's line.
//   - A new right: add a [Grant] with the subjects that it needs, and add it to the
//     lines of its roles. A refused request fails with an error that names the
//     subject.
//
// Then run go test ./roles -update, which writes the table in docs/OPERATIONS.md,
// and add the subject to TestFacts if only some roles may ever have it. Running
// servers take the change after profiles credentials and a reload.
package roles

import (
	"slices"
	"strings"
)

// Accounts of the server. Clients in one account do not see subjects of another.
//
// The server sends the answer of a request to any reply subject that the request names,
// without asking whether its sender may publish there. So a role whose key is given to
// others has an account of its own, in which no stream is. It reaches the subjects of
// its grants in account PROFILES by imports, and a reply subject that it names is one of
// its own account.
const (
	Profiles = "PROFILES" // all streams, and the roles that make consumers of them
	System   = "SYS"      // health and reports of the servers
)

// A Role is a user of the server, with one key.
type Role struct {
	Name    string // also the name of its files and its Secret
	Who     string // the programs or people that have it
	Account string // Profiles, System, or one that only this role has
	Grants  []Grant
}

// Apart reports whether the role has an account of its own, which imports its grants.
func (r Role) Apart() bool { return r.Account != Profiles && r.Account != System }

// A Grant is a right: a thing that a role may do, with the subjects that it needs.
type Grant struct {
	Name      string
	What      string   // after "may"
	Publish   []string // also requests: a call of the JetStream API is a publish
	Subscribe []string
}

// Inbox returns the prefix of the subjects at which the role gets replies
// (NATS_INBOX_PREFIX). No other role may subscribe to them.
func (r Role) Inbox() string { return "_INBOX_" + r.Name }

// Publish returns every subject that the role may publish to, sorted.
func (r Role) Publish() []string {
	var all []string
	for _, g := range r.Grants {
		all = append(all, g.Publish...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Subscribe returns every subject that the role may subscribe to, sorted.
func (r Role) Subscribe() []string {
	all := []string{r.Inbox() + ".>"}
	for _, g := range r.Grants {
		all = append(all, g.Subscribe...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Named returns the role of that name; false if no role has it.
func Named(name string) (Role, bool) {
	all := All()
	i := slices.IndexFunc(all, func(r Role) bool { return r.Name == name })
	if i < 0 {
		return Role{}, false
	}
	return all[i], true
}

// Covers reports whether a pattern matches a subject as in NATS: `*` matches one
// token, `>` at the end one or more. The subject may have wildcards, too. Then the
// pattern must match every subject that it matches.
func Covers(pattern, subject string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range p {
		switch {
		case token == ">":
			return len(s) > i
		case i >= len(s), s[i] == ">":
			return false
		case token != "*" && token != s[i]:
			return false
		}
	}
	return len(p) == len(s)
}
