package episode

// meta is what meta.json is read for.
type meta struct {
	duration number // result.duration_observed_s; a gap where it is missing or null
}

// readMeta reads meta.json: one object on any number of lines.
func readMeta(l *lines, s *scanner) (meta, error) {
	var m meta
	problem := ""
	s.reset(nil, l.archive.lim.Depth, l.next)
	s.object()
	for s.next() {
		if string(s.key) != "result" {
			s.skip()
			continue
		}
		m, problem = meta{}, "" // of duplicate keys the last counts
		switch s.token() {
		case 'n':
			s.skip()
		case '{':
			for s.object(); s.next(); {
				if string(s.key) != "duration_observed_s" {
					s.skip()
					continue
				}
				problem = ""
				null := s.token() == 'n'
				if m.duration = s.number(); !null && !m.duration.isFinite() {
					problem = `"duration_observed_s" is not a finite number`
				}
			}
		default:
			s.skip()
			problem = `"result" is not an object`
		}
	}
	s.end()
	switch {
	case s.err != nil:
		return meta{}, l.fault(s.err)
	case problem != "":
		return meta{}, corruptf("%s: %s", l.archive.member, problem)
	}
	return m, nil
}

// seconds returns the episode's duration, 0 where it is missing.
func (m meta) seconds() float64 {
	if m.duration.kind == noNumber {
		return 0
	}
	return m.duration.float64()
}
