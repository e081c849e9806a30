package protocol

import "fmt"

// deliver gives a message of the log to a worker. The worker acknowledges it at
// once if its view shows that nothing is left to do.
func (m *model) deliver(s *state, w *worker, seq uint8, j *job) string {
	g := &s.gens[w.gen]
	n := s.log[seq-1]
	m.sawLog(s, w, seq)
	have := w.view.entries[n.episode]
	why := ""
	switch {
	case int(n.episode) > m.calc.selection(&w.view.entries).threshold:
		why = "above the threshold"
	case seq < w.retractedAt[n.episode]:
		why = "retracted later in the log"
	case m.applied(have, seq, none):
		why = "already in the entry"
	}
	if why != "" {
		g.deliver(seq, acked, len(s.log))
		return fmt.Sprintf("%v: %s, acknowledged", n, why)
	}
	*j = job{stage: putting, seq: seq, have: have, rev: w.view.revs[n.episode]}
	m.read(s, j)
	g.deliver(seq, inHand, len(s.log))
	if m.off[entryThenAck] {
		g.deliver(seq, acked, len(s.log))
	}
	return fmt.Sprintf("%v", n)
}

// applied reports whether an entry already has the change of a message, or a later one.
func (m *model) applied(have entry, seq, read uint8) bool {
	if have.state == none || m.off[laterEntryWins] {
		return false
	}
	if have.seq == seq && have.state == reason && read == curve && m.on(curveBeatsReason) {
		return false
	}
	return have.seq >= seq
}

// read opens the archive. It does so only once for each message.
func (m *model) read(s *state, j *job) {
	if n := s.log[j.seq-1]; j.read == none && !n.retracted && (j.have.state != curve || m.on(readAgain)) {
		j.read, j.made = m.archive(s, n.episode), m.version(s, n.episode)
	}
}

// put tries to write the entry of a job.
func (m *model) put(s *state, w *worker, j *job) string {
	g := &s.gens[w.gen]
	if int(j.seq) > len(s.log) {
		*j = job{} // the log was lost, and a model has no place for what would be put now
		return "the log no longer has its message"
	}
	n := s.log[j.seq-1]
	i := n.episode
	if m.on(casEntry) && g.revs[i] != j.rev {
		j.have, j.rev = g.entries[i], g.revs[i]
		m.sawEntry(w, int(i), j.have)
		if m.applied(j.have, j.seq, j.read) {
			j.stage = acknowledging
			return "conflict: already in the entry"
		}
		m.read(s, j)
		return "conflict"
	}
	e := entry{seq: j.seq, state: j.read}
	switch {
	case n.retracted:
		e.state = retracted
	case j.read == none:
		e.state, e.made = curve, j.have.made
	case j.read == curve:
		e.made = j.made
	}
	j.stage = acknowledging
	if m.on(laterEntryWins) {
		joined := m.calc.join(j.have, e)
		if joined == j.have {
			return "nothing new"
		}
		e = joined
	} else {
		e.had = e.state != curve && (j.have.had || j.have.state == curve)
	}
	if e.state == retracted && m.off[tombstones] {
		e = entry{}
	}
	s.last++
	if m.scope.late[i] && e.state == curve {
		s.curved |= 1 << i
	}
	g.entries[i], g.revs[i], g.puts[i] = e, s.last, pending
	m.sawPut(s, w, s.last)
	m.sawEntry(w, int(i), e)
	return fmt.Sprintf("put %d: %v", s.last, named(int(i), e))
}

func (m *model) ack(s *state, w *worker, j *job) string {
	g := &s.gens[w.gen]
	g.deliver(j.seq, acked, len(s.log))
	how := fmt.Sprintf("message %d", j.seq)
	if int(j.seq) <= len(s.log) {
		if n := s.log[j.seq-1]; m.scope.late[n.episode] && j.read == curve {
			s.curved |= 1 << n.episode
		}
	}
	*j = job{}
	return how
}
