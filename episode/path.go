package episode

import (
	"slices"
	"strings"
)

// A pathTree has the paths of the values that are wanted of an object. A path names a member of the
// object. If the object has no member of that whole name, each dot walks into an object:
//
//	path "cpu.user":  {"cpu.user": 5}    or    {"cpu": {"user": 5}}
//
// Of several members with the same name the last one counts, also on the way: of
// {"cpu": {"user": 5}, "cpu": {"sys": 6}} the path has no value.
type pathTree struct {
	of    []string // all paths
	root  pathNode
	whole []bool // of each path, while walking: the object has a member of that whole name
	both  bool   // one path leads to a value, and another one into it
}

// A pathNode stands for one name on the way.
type pathNode struct {
	name  string
	path  string     // from the root to here
	paths []int      // those that end here
	below []pathNode // names in the object that is the value
}

// A pathReader reads the members of an object. Each method reads the value that is next, if it takes
// a scanner.
type pathReader interface {
	value(s *scanner, paths []int)        // the value of paths
	other(s *scanner)                     // a value of no path
	notObject(s *scanner, node *pathNode) // a value that is not an object, though paths lead into it
	forget(path int)                      // the value of a path that was read before does not count
}

// reset makes t a tree of paths. The next archive mostly has the same ones.
func (t *pathTree) reset(paths []string) {
	if slices.Equal(t.of, paths) {
		return
	}
	t.of = append(t.of[:0], paths...)
	t.root = pathNode{}
	t.whole = append(t.whole[:0], make([]bool, len(paths))...)
	for i, path := range paths {
		t.root.add(path, path).endWith(i)
		if names := strings.Split(path, "."); len(names) > 1 {
			node := &t.root
			for n, name := range names {
				node = node.add(name, strings.Join(names[:n+1], "."))
			}
			node.endWith(i)
		}
	}
	t.both = t.root.hasBoth()
}

// add returns the node of a name below n, and of a path.
func (n *pathNode) add(name, path string) *pathNode {
	if child := n.child([]byte(name)); child != nil {
		return child
	}
	n.below = append(n.below, pathNode{name: name, path: path})
	return &n.below[len(n.below)-1]
}

func (n *pathNode) endWith(path int) { n.paths = append(n.paths, path) }

// child returns the node of a name below n, or nil.
func (n *pathNode) child(name []byte) *pathNode {
	for i := range n.below {
		if string(name) == n.below[i].name {
			return &n.below[i]
		}
	}
	return nil
}

func (n *pathNode) hasBoth() bool {
	for i := range n.below {
		child := &n.below[i]
		if len(child.below) > 0 && (len(child.paths) > 0 || child.hasBoth()) {
			return true
		}
	}
	return false
}

// walk reads an object.
func (t *pathTree) walk(s *scanner, r pathReader) {
	clear(t.whole)
	t.members(s, &t.root, r)
}

// members reads an object at a node.
func (t *pathTree) members(s *scanner, n *pathNode, r pathReader) {
	for s.object(); s.next(); {
		child := n.child(s.key)
		if child == nil {
			r.other(s)
			continue
		}
		s.token()
		from := s.at
		if len(child.paths) > 0 {
			t.value(s, n, child, r)
		}
		if len(child.below) > 0 {
			if len(child.paths) > 0 {
				s.rewind(from)
			}
			t.inner(s, child, r)
		}
	}
}

// value reads a value of the paths that end at a node below n. They are all the same path.
func (t *pathTree) value(s *scanner, n, child *pathNode, r pathReader) {
	switch path := child.paths[0]; {
	case n == &t.root:
		for _, path := range child.paths {
			t.whole[path] = true
		}
	case t.whole[path]:
		r.other(s)
		return
	}
	r.value(s, child.paths)
}

// inner reads a value that paths lead into.
func (t *pathTree) inner(s *scanner, n *pathNode, r pathReader) {
	switch counts := t.forget(n, r); {
	case !counts:
		r.other(s)
	case s.token() == '{':
		t.members(s, n, r)
	default:
		r.notObject(s, n)
	}
}

// forget drops the values of all paths below n that were read before, except those of whole names.
// If all of them are of whole names, it returns false.
func (t *pathTree) forget(n *pathNode, r pathReader) (counts bool) {
	for i := range n.below {
		child := &n.below[i]
		for _, path := range child.paths {
			if !t.whole[path] {
				r.forget(path)
				counts = true
			}
		}
		counts = t.forget(child, r) || counts
	}
	return counts
}
