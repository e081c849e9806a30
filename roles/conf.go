package roles

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Conf returns the table as a NATS configuration, to be included in that of a
// server: the accounts, a user for each role, the permissions of each user, and the
// imports of each account. Keys are the users' public nkeys by role. A role without a
// key is an error.
//
// Every user needs a key, so the server refuses anonymous connections.
func Conf(keys map[string]string) (string, error) {
	var b strings.Builder
	fmt.Fprintln(&b, "# Who may do what in NATS. `profiles credentials` writes this file each time it")
	fmt.Fprintln(&b, "# runs; docs/OPERATIONS.md has the same as a table.")
	fmt.Fprintln(&b, "accounts {")
	for _, account := range accounts() {
		fmt.Fprintf(&b, "  %s {\n", account)
		settings(&b, account)
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
		fmt.Fprintln(&b, "    ]")
		for _, r := range All() {
			if r.Account == account && r.Apart() {
				imports(&b, r)
			}
		}
		fmt.Fprintln(&b, "  }")
	}
	fmt.Fprintf(&b, "}\nsystem_account: %s\n", System)
	return b.String(), nil
}

// Limits of the accounts that are not those of the services, so that nobody with one of their keys can fill the memory of a
// server. A client of this project has fewer than ten subscriptions.
const (
	maxConnections   = 1000      // of the account, at one server
	maxSubscriptions = 100       // of one connection
	maxPayload       = 256 << 10 // of one message: an upload sends pieces of 128 KiB
)

// settings writes what an account has besides users and imports.
func settings(b *strings.Builder, account string) {
	switch account {
	case Profiles:
		fmt.Fprintln(b, "    jetstream: enabled")
		exports(b)
	case System:
	default:
		fmt.Fprintf(b, "    limits { max_connections: %d, max_subscriptions: %d, max_payload: %d }\n", maxConnections, maxSubscriptions, maxPayload)
	}
}

// accounts returns the accounts in the order in which the table first names them.
func accounts() []string {
	all := []string{Profiles}
	for _, r := range All() {
		if !slices.Contains(all, r.Account) {
			all = append(all, r.Account)
		}
	}
	return all
}

func allow(b *strings.Builder, what string, subjects []string) {
	fmt.Fprintf(b, "          %s { allow: [\n", what)
	for _, s := range subjects {
		fmt.Fprintf(b, "            %q\n", s)
	}
	fmt.Fprintln(b, "          ] }")
}

// services returns the subjects of account PROFILES to which a role that has an account
// of its own sends messages and requests.
//
// Each of these accounts imports the request for the account's limits. Without it the
// server answers each request of the JetStream API a second time, and first: "JetStream
// not enabled for account".
func (r Role) services() []string {
	all := append(r.Publish(), api("INFO"))
	slices.Sort(all)
	return slices.Compact(all)
}

// streams returns the subjects of account PROFILES whose messages such a role gets.
func (r Role) streams() []string {
	return slices.DeleteFunc(r.Subscribe(), func(s string) bool { return s == r.Inbox()+".>" })
}

func imports(b *strings.Builder, r Role) {
	fmt.Fprintln(b, "    imports: [")
	for _, s := range r.services() {
		fmt.Fprintf(b, "      { service: { account: %s, subject: %q } }\n", Profiles, s)
	}
	for _, s := range r.streams() {
		fmt.Fprintf(b, "      { stream: { account: %s, subject: %q } }\n", Profiles, s)
	}
	fmt.Fprintln(b, "    ]")
}

// How long the server keeps the place to which an answer goes. It forgets a single
// answer's when that has come. It can't see the end of a batch of direct gets, so it
// keeps 740 bytes for each of them until no message came for directWait.
const (
	answerWait = "10s" // longer than any client waits
	directWait = "1s"
)

// exports writes what account PROFILES exports, and to which accounts.
func exports(b *strings.Builder) {
	services, streams := map[string][]string{}, map[string][]string{}
	for _, r := range All() {
		if !r.Apart() {
			continue
		}
		for _, s := range r.services() {
			services[s] = append(services[s], r.Account)
		}
		for _, s := range r.streams() {
			streams[s] = append(streams[s], r.Account)
		}
	}
	fmt.Fprintln(b, "    exports: [")
	for _, s := range slices.Sorted(maps.Keys(services)) {
		answers := "response_threshold: " + answerWait
		if strings.HasPrefix(s, api("DIRECT.GET.")) { // a batch has many answers
			answers = "response_type: Stream, response_threshold: " + directWait
		}
		fmt.Fprintf(b, "      { service: %q, accounts: [%s], %s }\n", s, strings.Join(services[s], ", "), answers)
	}
	for _, s := range slices.Sorted(maps.Keys(streams)) {
		fmt.Fprintf(b, "      { stream: %q, accounts: [%s] }\n", s, strings.Join(streams[s], ", "))
	}
	fmt.Fprintln(b, "    ]")
}
