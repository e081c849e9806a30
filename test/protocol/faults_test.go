package protocol

import "fmt"

// fault applies a step that is a fault, and describes the result.
func (m *model) fault(s *state, w *worker, st step) string {
	switch st.kind {
	case crash:
		m.end(s, w)
		w.seen = seen{}
	case expire:
		j := w.jobs[st.a]
		s.gens[w.gen].deliver(j.seq, again, len(s.log))
		return fmt.Sprintf("message %d", j.seq)
	case handBack: // the store did not give the archive, and too many wait here already
		j := &w.jobs[st.a]
		how, to := fmt.Sprintf("message %d", j.seq), again
		if m.off[handBackWaiting] {
			to = acked
		}
		if g := &s.gens[w.gen]; g.delivered(j.seq) == inHand {
			g.deliver(j.seq, to, len(s.log))
		}
		*j = job{}
		return how
	case expirePuts:
		m.markPuts(s, w, again)
	case losePuts:
		s.gens[st.a].puts[st.b] = acked
		return fmt.Sprintf("put %d", s.gens[st.a].revs[st.b])
	case arrive:
		s.arrived = true
	case loseLog:
		m.loseLog(s)
	case loseCurves:
		m.loseCurves(s)
	case loseEnvelopes:
		m.loseEnvelopes(s)
	case loseSpecs:
		m.loseSpecs(s)
	case loseAll:
		m.loseLog(s)
		m.loseCurves(s)
		m.loseEnvelopes(s)
		m.loseSpecs(s)
	case backup:
		s.backup = s.clone()
		s.backup.workers, s.backup.backup = nil, nil
		s.backup.budget = [faults]uint8{}
	case restoreLog:
		m.restoreLog(s)
	case restoreCurves:
		m.restoreCurves(s)
	case restoreAll:
		m.restoreLog(s)
		m.restoreCurves(s)
		m.restoreRest(s)
	}
	if st.kind >= restoreLog && m.scope.promptly {
		return m.checkAll(s)
	}
	return ""
}

// checkAll makes every worker check its streams, as workers do when they are
// connected again.
func (m *model) checkAll(s *state) (how string) {
	for i := range s.workers {
		if w := &s.workers[i]; w.phase != starting {
			if found := m.problem(s, w); found != "" {
				_, _ = m.check(s, w)
				how += fmt.Sprintf("%c: %s. ", 'A'+i, found)
			} else if w.phase == watching {
				m.end(s, w)
			}
		}
	}
	return how
}

func (m *model) loseLog(s *state) {
	s.incarnations.log++
	s.log = nil
	for i := range s.gens {
		s.gens[i].align, s.gens[i].log = false, nil
	}
}

func (m *model) loseCurves(s *state) {
	s.incarnations.curves++
	s.last = 0
	for i := range s.gens {
		g := &s.gens[i]
		g.reduce, g.puts, g.entries, g.revs = false, [maxEpisodes]delivery{}, slots{}, [maxEpisodes]uint8{}
	}
}

func (m *model) loseEnvelopes(s *state) {
	s.envs = 0
	for i := range s.gens {
		s.gens[i].env = envelope{}
	}
}

func (m *model) loseSpecs(s *state) {
	s.specs = 0
	s.incarnations.specs++
	for i := range s.gens {
		s.gens[i].registered = 0
	}
}

// saved returns a generation as it is in the backup, or the zero value if the
// backup does not have it.
func (s *state) saved(g *generation) generation {
	for _, b := range s.backup.gens {
		if b.epoch == g.epoch && b.incarnations == g.incarnations {
			return b
		}
	}
	return generation{}
}

// handAgain marks for redelivery what was in hand when the backup was made. Its
// AckWait has passed.
func handAgain(all []delivery) {
	for i, d := range all {
		if d == inHand {
			all[i] = again
		}
	}
}

// restoreLog restores the log and its consumers from the backup.
func (m *model) restoreLog(s *state) {
	s.incarnations.log, s.log = s.backup.incarnations.log, append([]notice(nil), s.backup.log...)
	for i := range s.gens {
		b := s.saved(&s.gens[i])
		s.gens[i].align, s.gens[i].log = b.align, append([]delivery(nil), b.log...)
		handAgain(s.gens[i].log)
	}
}

// restoreCurves restores the curves bucket and its consumers.
func (m *model) restoreCurves(s *state) {
	s.incarnations.curves, s.last = s.backup.incarnations.curves, s.backup.last
	for i := range s.gens {
		b, g := s.saved(&s.gens[i]), &s.gens[i]
		g.reduce, g.puts, g.entries, g.revs = b.reduce, b.puts, b.entries, b.revs
		handAgain(g.puts[:])
	}
}

// restoreRest restores envelopes and specs.
func (m *model) restoreRest(s *state) {
	s.envs, s.specs, s.incarnations.specs = s.backup.envs, s.backup.specs, s.backup.incarnations.specs
	for i := range s.gens {
		b := s.saved(&s.gens[i])
		s.gens[i].env, s.gens[i].registered = b.env, b.registered
	}
}
