package episode

// jsonRows reads rows that are JSON objects, one a line.
type jsonRows struct {
	paths    pathTree // path 0 is the time's, path i that of cell i-1
	row      *row
	template rowTemplate
}

// reset makes j ready for a member.
func (j *jsonRows) reset(paths []string, into *row) {
	j.row = into
	j.paths.reset(paths)
	j.template.reset()
}

// read reads a line. After an error, which is s.err, the row is not valid.
func (j *jsonRows) read(line []byte, s *scanner, depth int) {
	if !j.template.read(line, s, j.row) {
		j.scan(line, s, depth)
	}
}

// scan reads a line, and makes it the template of the next.
func (j *jsonRows) scan(line []byte, s *scanner, depth int) {
	j.row.clear()
	j.template.reset()
	s.reset(line, depth, nil)
	j.paths.walk(s, j)
	if s.end(); s.err != nil || j.paths.both {
		j.template.reset()
		return
	}
	j.template.set(line)
}

func (j *jsonRows) value(s *scanner, paths []int) {
	s.token()
	from := s.at
	for _, path := range paths {
		s.rewind(from)
		j.row.scan(s, path)
	}
	j.template.add(from, s.at, s.depth, paths)
}

func (j *jsonRows) other(s *scanner) {
	s.token()
	from := s.at
	s.skip()
	j.template.add(from, s.at, s.depth, nil)
}

// notObject does not add the value to the template: a row with an object in its place must not fit.
func (j *jsonRows) notObject(s *scanner, _ *pathNode) { s.skip() }

func (j *jsonRows) forget(path int) {
	j.row.forget(path)
	j.template.forget(path)
}
