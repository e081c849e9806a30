package protocol

import "fmt"

// begin is the first half of the start of a session: it registers the generation,
// makes its consumers and begins to watch its keys.
func (m *model) begin(s *state, w *worker) (*state, string, error) {
	id := generation{incarnations: m.incarnations(s)}
	if best := s.wanted(); best >= 0 {
		id.epoch = s.gens[best].epoch
		if s.gens[best].incarnations != id.incarnations {
			id.epoch++
		}
	}
	if m.on(curvesWentBack) && w.seen.incarnation == s.incarnations.curves && s.last < w.seen.seq ||
		m.on(retractionsBeyond) && w.seen.logIncarnation == s.incarnations.log && len(s.log) < int(w.seen.log) {
		id.epoch = max(id.epoch, w.seen.epoch+1)
	}
	at, err := m.register(s, id)
	if err != nil {
		return s, "", err
	}
	g := &s.gens[at]
	if !g.align {
		g.align, g.log = true, nil
	}
	if !g.reduce {
		g.reduce, g.puts = true, [maxEpisodes]delivery{}
	}
	*w = worker{phase: watching, gen: uint8(at), specs: s.incarnations.specs, view: view{incarnation: s.incarnations.curves}}
	for _, rev := range g.revs {
		if rev > 0 {
			w.view.expected++
		}
	}
	w.view.whole = w.view.expected == 0
	return s, fmt.Sprintf("on epoch %d", g.epoch), nil
}

// incarnations returns those on which the id of a new generation depends.
func (m *model) incarnations(s *state) incarnations {
	ids := s.incarnations
	ids.specs = 0 // the loss of specs only raises the epoch
	if m.off[generationIncarnations] {
		ids = incarnations{}
	}
	return ids
}

// register registers a generation, if it is not, and returns its index.
func (m *model) register(s *state, id generation) (int, error) {
	if id.epoch > m.scope.epochs {
		return 0, violation(fmt.Sprintf("epoch %d: it was raised without need", id.epoch))
	}
	at := -1
	for i := range s.gens {
		if s.gens[i].epoch == id.epoch && s.gens[i].incarnations == id.incarnations {
			at = i
		}
	}
	if at < 0 {
		at = len(s.gens)
		s.gens = append(s.gens, id)
	}
	if s.gens[at].registered == 0 {
		s.specs++
		s.gens[at].registered = s.specs
	}
	return at, nil
}

// raise registers the next epoch of a worker's generation.
func (m *model) raise(s *state, w *worker) error {
	g := &s.gens[w.gen]
	_, err := m.register(s, generation{epoch: g.epoch + 1, incarnations: g.incarnations})
	return err
}

// end ends a worker's session. What it has in hand is redelivered.
func (m *model) end(s *state, w *worker) {
	g := &s.gens[w.gen]
	for _, j := range w.jobs {
		if j.stage != idle && g.delivered(j.seq) == inHand {
			g.deliver(j.seq, again, len(s.log))
		}
	}
	m.markPuts(s, w, again)
	*w = worker{seen: w.seen}
}

// receive adds the next put of the curves bucket to a worker's view.
func (m *model) receive(s *state, w *worker) string {
	g, v := &s.gens[w.gen], &w.view
	i := m.next(g, v)
	e := g.entries[i]
	if e.seq > v.newest.seq {
		v.newest = origin{e.seq, notice{uint8(i), e.state == retracted}}
	}
	if e.state != none {
		e = m.calc.join(v.entries[i], e)
	}
	v.entries[i], v.revs[i], v.seq = e, g.revs[i], g.revs[i]
	m.sawEntry(w, i, e)
	if w.phase == watching && !v.whole {
		v.expected--
		v.whole = v.expected == 0 || m.next(g, v) < 0
	}
	m.sawPut(s, w, v.seq)
	return fmt.Sprintf("put %d: %v", v.seq, named(i, e))
}

// sawPut records that a worker saw a sequence of the curves bucket.
func (m *model) sawPut(s *state, w *worker, seq uint8) {
	w.seen.asOf, w.seen.epoch = asOf{w.view.incarnation, max(w.seen.seq, seq)}, s.gens[w.gen].epoch
}

// sawEntry records that a worker saw an entry.
func (m *model) sawEntry(w *worker, i int, e entry) {
	if w.seen.gen != w.gen {
		w.seen.gen, w.seen.entries = w.gen, slots{}
	}
	if e.state != none {
		w.seen.entries[i] = m.calc.join(w.seen.entries[i], e)
	}
}

// lostEntries reports whether the bucket has lost entries of a generation that a
// worker saw.
func (m *model) lostEntries(s *state, w *worker) bool {
	g := &s.gens[w.gen]
	for i, e := range w.seen.entries {
		if w.seen.gen == w.gen && e.state != none && m.calc.join(g.entries[i], e) != g.entries[i] {
			return true
		}
	}
	return false
}

// stale reports whether a view shows entries that a restored bucket does not have,
// and gets no message that would correct them, since the bucket ends there.
func (m *model) stale(s *state, w *worker) bool {
	g, v := &s.gens[w.gen], &w.view
	if v.incarnation != s.incarnations.curves || highest(g.revs) < v.seq {
		return false
	}
	for i, e := range g.entries {
		if g.revs[i] <= v.seq && (g.revs[i] != v.revs[i] || e != v.entries[i]) {
			return true
		}
	}
	return false
}

// rewatch replaces the contents of a view with those of a new watch, as views do after
// each reconnect and from time to time.
func (m *model) rewatch(s *state, w *worker) string {
	g, v := &s.gens[w.gen], &w.view
	v.entries, v.revs, v.seq, v.newest = g.entries, g.revs, highest(g.revs), origin{}
	for i, e := range g.entries {
		if e.seq > v.newest.seq {
			v.newest = origin{e.seq, notice{uint8(i), e.state == retracted}}
		}
		m.sawEntry(w, i, e)
	}
	m.sawPut(s, w, v.seq)
	return fmt.Sprintf("view at %d", v.seq)
}

// sawLog records that a worker saw a sequence of the log.
func (m *model) sawLog(s *state, w *worker, seq uint8) {
	if w.seen.logIncarnation != s.incarnations.log {
		w.logRead = 0
	}
	w.logRead = max(w.logRead, seq)
	w.seen.logIncarnation, w.seen.log, w.seen.epoch = s.incarnations.log, w.logRead, s.gens[w.gen].epoch
}

// start is the second half: it reads the log's retractions and starts the loops.
func (m *model) start(s *state, w *worker) (how string, err error) {
	w.phase = running
	m.sawLog(s, w, uint8(len(s.log)))
	if m.on(readRetractions) {
		for i, n := range s.log {
			if n.retracted {
				w.retractedAt[n.episode] = uint8(i + 1)
			}
		}
	}
	how = fmt.Sprintf("view at %d", w.view.seq)
	if m.problem(s, w) != "" { // check before anything is written
		found, err := m.check(s, w)
		return how + ": " + found, err
	}
	return how, nil
}

// problem returns what the regular check of the streams finds, or nothing.
func (m *model) problem(s *state, w *worker) string {
	g, newest := &s.gens[w.gen], w.view.newest
	same := w.seen.logIncarnation == s.incarnations.log && w.view.incarnation == s.incarnations.curves
	if same && s.last < max(w.view.seq, w.seen.seq) && (m.on(curvesWentBack) || s.last < w.view.seq) {
		return "the curves bucket went back"
	}
	if same && m.on(entriesStay) && m.lostEntries(s, w) {
		return "the curves bucket lacks entries"
	}
	if same && !m.raised(s, g) {
		switch {
		case m.on(logEnds) && len(s.log) < int(newest.seq):
			return "the log ends before the entries do"
		case m.on(retractionsBeyond) && len(s.log) < int(w.logRead):
			return "the log ends before what was read of it"
		case m.on(logNames) && newest.seq > 0 && int(newest.seq) <= len(s.log) && s.log[newest.seq-1] != newest.of:
			return "the log has another message there"
		}
	}
	switch {
	case !g.align || !g.reduce:
		return "its consumers are gone"
	case w.specs != s.incarnations.specs, w.view.incarnation != s.incarnations.curves, m.on(generationIncarnations) && m.incarnations(s) != g.incarnations:
		return "streams were made again"
	}
	return ""
}

// raised reports whether the next epoch of a generation is registered.
func (m *model) raised(s *state, g *generation) bool {
	for i := range s.gens {
		if x := &s.gens[i]; x.registered > 0 && x.incarnations == g.incarnations && x.epoch == g.epoch+1 {
			return true
		}
	}
	return false
}

// check is the regular check of a worker: it acts on the problem that it finds.
func (m *model) check(s *state, w *worker) (how string, err error) {
	how = m.problem(s, w)
	switch how {
	case "its consumers are gone", "streams were made again":
		m.end(s, w)
	case "the curves bucket went back", "the curves bucket lacks entries":
		if m.on(curvesWentBack) {
			err = m.raise(s, w)
			w.seen = seen{}
		}
		m.end(s, w)
	default:
		err = m.raise(s, w)
	}
	return how, err
}
