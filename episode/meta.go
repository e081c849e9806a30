package episode

const durationField = "duration_observed_s"

// readMeta reads meta.json, one object on any number of lines. It returns the episode's duration in
// seconds, result.duration_observed_s, or 0 if it is missing or null. Of members with the same key
// the last counts.
func readMeta(l *lines, s *scanner) (float64, error) {
	var duration number
	problem := ""
	s.reset(nil, l.lim.Depth, l.next)
	for s.object(); s.next(); {
		if string(s.key) == "result" {
			duration, problem = readResult(s)
		} else {
			s.skip()
		}
	}
	s.end()
	switch {
	case s.err != nil:
		return 0, l.fault(s.err)
	case problem != "":
		return 0, corruptf("%s: %s", l.member.member, problem)
	case duration.kind == gap:
		return 0, nil
	}
	return duration.float64(), nil
}

// readResult reads the value of "result". It returns the duration, or describes the problem if the
// value is JSON but not of the format.
func readResult(s *scanner) (duration number, problem string) {
	switch s.token() {
	case 'n':
		s.skip()
		return number{}, ""
	case '{':
	default:
		s.skip()
		return number{}, `"result" is not an object`
	}
	for s.object(); s.next(); {
		if string(s.key) != durationField {
			s.skip()
			continue
		}
		null := s.token() == 'n'
		duration, problem = s.number(), ""
		if !null && !duration.isFinite() {
			problem = `"` + durationField + `" is not a finite number`
		}
	}
	return duration, problem
}
