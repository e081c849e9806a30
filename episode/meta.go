package episode

// readMeta reads the member with the duration: one object on any number of lines. It returns the
// episode's duration in seconds, or 0 if it is missing or null. Of members with the same key the
// last counts. The memory of the tree is used again.
func readMeta(l *lines, s *scanner, tree *pathTree, format MetaFormat) (seconds float64, err error) {
	r := metaReader{unit: unitOf(format.Unit), path: format.Duration}
	tree.reset([]string{format.Duration})
	s.reset(nil, l.lim.Depth, l.filled)
	tree.walk(s, &r)
	s.end()
	switch {
	case s.err != nil:
		return 0, l.fault(s.err)
	case r.problem != "":
		return 0, corruptf("%s: %s", l.name(), r.problem)
	case r.duration.missing():
		return 0, nil
	}
	return r.duration.seconds(r.unit.integer(0)), nil
}

// A metaReader reads the duration.
type metaReader struct {
	unit     unit
	path     string
	duration stamp
	problem  string // what is wrong with it, or ""
}

func (r *metaReader) value(s *scanner, _ []int) {
	null := s.token() == 'n'
	r.duration, r.problem = s.stamp(r.unit), ""
	if r.duration.missing() && !null {
		r.problem = quote(r.path) + " is not a finite number"
	}
}

func (r *metaReader) other(s *scanner) { s.skip() }

func (r *metaReader) notObject(s *scanner, n *pathNode) {
	if s.token() != 'n' {
		r.problem = quote(n.path) + " is not an object"
	}
	s.skip()
}

func (r *metaReader) forget(int) { r.duration, r.problem = stamp{}, "" }
