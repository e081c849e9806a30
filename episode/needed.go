package episode

import (
	"fmt"
	"strings"
)

// A neededMember is a member that an episode is made of.
type neededMember struct {
	name  string // as in the format, without "." and empty parts
	found Member // a regular file or a link; its Path is empty if there was none
	other string // path of another regular file with the name
	entry int    // the number of the entry that was found
	err   error  // of the content
}

// fits reports whether the name is that of a path: its last parts are the same.
func (n *neededMember) fits(path string) bool {
	rest, ok := strings.CutSuffix(path, n.name)
	return ok && n.name != "" && (rest == "" || rest[len(rest)-1] == '/')
}

// add takes an entry whose path fits. It returns true if its content must be read. An entry replaces
// one before it with the same path, as it does when tar unpacks the archive. A link is not read; it
// counts only if there is no file, so that it can be named.
func (n *neededMember) add(m Member, entry int) bool {
	switch {
	case m.Kind == OtherEntry:
		return false
	case n.isFile() && n.found.Path != m.Path:
		if m.Kind == RegularFile {
			n.other = m.Path
		}
		return false
	}
	n.found, n.entry, n.err = m, entry, nil
	return m.Kind == RegularFile
}

// isFile reports whether there is such a member.
func (n *neededMember) isFile() bool { return n.found.Path != "" && n.found.Kind == RegularFile }

// ambiguous returns an error if nobody knows which of two members is meant.
func (n *neededMember) ambiguous() error {
	if n.other == "" {
		return nil
	}
	return corruptf("two members are named %s: %s and %s; it is not clear which one is meant: an archive must have only one",
		printable(n.name), printable(n.found.Path), printable(n.other))
}

// missing describes that there is no such member, and what is there instead.
func (n *neededMember) missing(has *memberList) string {
	switch n.found.Kind {
	case HardLink:
		return fmt.Sprintf("no %s: it is a hard link to %s", printable(n.name), printable(n.found.Link))
	case SymbolicLink:
		return fmt.Sprintf("no %s: it is a symbolic link to %s", printable(n.name), printable(n.found.Link))
	}
	return fmt.Sprintf("no %s; the archive has %s", printable(n.name), has)
}

// A memberList has the paths of the first regular files of an archive, for messages.
type memberList struct {
	paths  [10]string // cut if they are long
	listed int        // how many paths are set
	more   int        // how many other files there are
	again  bool       // another tar follows, whose members are not among them
}

// add adds a path, unless it is listed already.
func (l *memberList) add(path string) {
	if len(path) > 2*clipBytes { // do not keep a long one
		path = strings.Clone(path[:2*clipBytes])
	}
	for _, p := range l.paths[:l.listed] {
		if p == path {
			return
		}
	}
	if l.listed == len(l.paths) {
		l.more++
		return
	}
	l.paths[l.listed] = path
	l.listed++
}

func (l *memberList) String() string {
	var b strings.Builder
	if l.listed == 0 {
		b.WriteString("no files")
	}
	for i, path := range l.paths[:l.listed] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(printable(path))
	}
	if l.more > 0 {
		fmt.Fprintf(&b, " and %d more", l.more)
	}
	if l.again {
		b.WriteString("; the file has another tar behind the first, which is not read: put all members into one (tar -A)")
	}
	return b.String()
}
