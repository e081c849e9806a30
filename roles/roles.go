// Package roles says who may do what in NATS: it is the one table that the
// server's accounts.conf, the table in docs/OPERATIONS.md and the tests are made
// of. What is not in it is refused.
package roles

import (
	"slices"
	"strings"
)

// Accounts of the server. Each is a world of its own: subjects of one are not
// seen in another.
const (
	Profiles = "PROFILES" // all streams and messages of the project
	System   = "SYS"      // the server's own: health and reports
)

// A Role is one user of the server, with one key.
type Role struct {
	Name    string // also of its files and its Secret
	Who     string // has it
	Account string
	Grants  []Grant
}

// A Grant is one thing that a role may do, and the subjects that it takes.
type Grant struct {
	Name      string
	What      string
	Publish   []string // requests among them: a call of the JetStream API is a publish
	Subscribe []string
}

// Inbox is the prefix of the subjects at which the role gets replies
// (NATS_INBOX_PREFIX). No other role may read there.
func (r Role) Inbox() string { return "_INBOX_" + r.Name }

// Publish is every subject that the role may publish to, sorted.
func (r Role) Publish() []string {
	var all []string
	for _, g := range r.Grants {
		all = append(all, g.Publish...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Subscribe is every subject that the role may subscribe to, sorted.
func (r Role) Subscribe() []string {
	all := []string{r.Inbox() + ".>"}
	for _, g := range r.Grants {
		all = append(all, g.Subscribe...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Named returns a role by its name.
func Named(name string) (Role, bool) {
	i := slices.IndexFunc(All(), func(r Role) bool { return r.Name == name })
	if i < 0 {
		return Role{}, false
	}
	return All()[i], true
}

// Covers tells whether a subject is one of a pattern's, both as NATS has them:
// `*` is one token, `>` at the end one or more. A wildcard in the subject is
// covered only by one that is as wide.
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
