package protocol

import "fmt"

// begin is the first half of a session's start: the generation, its consumers,
// and the watch of its keys.
func (m *model) begin(s *state, w *worker) (*state, string, error) {
	id := generation{lives: m.lives(s)}
	if best := s.wanted(); best >= 0 {
		id.epoch = s.gens[best].epoch
		if s.gens[best].lives != id.lives {
			id.epoch++
		}
	}
	if m.on(curvesWentBack) && w.seen.life == s.lives.curves && s.last < w.seen.seq ||
		m.on(retractionsBeyond) && w.seen.logLife == s.lives.log && len(s.log) < int(w.seen.log) {
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
	*w = worker{phase: watching, gen: uint8(at), specs: s.lives.specs, view: view{life: s.lives.curves}}
	for _, rev := range g.revs {
		if rev > 0 {
			w.view.expected++
		}
	}
	w.view.whole = w.view.expected == 0
	return s, fmt.Sprintf("on epoch %d", g.epoch), nil
}

// lives are those that a generation of this moment hangs on.
func (m *model) lives(s *state) lives {
	hangsOn := s.lives
	hangsOn.specs = 0 // their loss costs nothing but epochs
	if m.off[generationLives] {
		hangsOn = lives{}
	}
	return hangsOn
}

// register makes a generation known and returns its place.
func (m *model) register(s *state, id generation) (int, error) {
	if id.epoch > m.scope.epochs {
		return 0, violation(fmt.Sprintf("epoch %d: there is no need of so many", id.epoch))
	}
	at := -1
	for i := range s.gens {
		if s.gens[i].epoch == id.epoch && s.gens[i].lives == id.lives {
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

// raise registers the epoch after a worker's.
func (m *model) raise(s *state, w *worker) error {
	g := &s.gens[w.gen]
	_, err := m.register(s, generation{epoch: g.epoch + 1, lives: g.lives})
	return err
}

// end drops a worker's session. What it has in hand goes to others.
func (m *model) end(s *state, w *worker) {
	g := &s.gens[w.gen]
	for _, j := range w.jobs {
		if j.stage != idle && g.delivered(j.seq) == inHand {
			g.deliver(j.seq, again, len(s.log))
		}
	}
	m.settlePuts(s, w, again)
	*w = worker{seen: w.seen}
}

// fold shows a worker the next put of the curves bucket.
func (m *model) fold(s *state, w *worker) string {
	g, v := &s.gens[w.gen], &w.view
	i := m.next(g, v)
	e := g.entries[i]
	if e.seq > v.known.seq {
		v.known = origin{e.seq, notice{uint8(i), e.state == retracted}}
	}
	if e.state != none {
		e = m.calc.join(v.entries[i], e)
	}
	v.entries[i], v.revs[i], v.seq = e, g.revs[i], g.revs[i]
	m.note(w, i, e)
	if w.phase == watching && !v.whole {
		v.expected--
		v.whole = v.expected == 0 || m.next(g, v) < 0
	}
	m.handed(s, w, v.seq)
	return fmt.Sprintf("put %d: %v", v.seq, named(i, e))
}

// handed notes that a worker knows of a sequence of the curves bucket.
func (m *model) handed(s *state, w *worker, seq uint8) {
	w.seen.asOf, w.seen.epoch = asOf{w.view.life, max(w.seen.seq, seq)}, s.gens[w.gen].epoch
}

// note notes what a worker knows of an entry.
func (m *model) note(w *worker, i int, e entry) {
	if w.seen.gen != w.gen {
		w.seen.gen, w.seen.entries = w.gen, slots{}
	}
	if e.state != none {
		w.seen.entries[i] = m.calc.join(w.seen.entries[i], e)
	}
}

// lacks tells whether the bucket has less of a generation's entries than a worker
// saw.
func (m *model) lacks(s *state, w *worker) bool {
	g := &s.gens[w.gen]
	for i, e := range w.seen.entries {
		if w.seen.gen == w.gen && e.state != none && m.calc.join(g.entries[i], e) != g.entries[i] {
			return true
		}
	}
	return false
}

// stale tells whether a view shows what the bucket had before it was restored, and
// would never be told: it has got as far as the bucket has.
func (m *model) stale(s *state, w *worker) bool {
	g, v := &s.gens[w.gen], &w.view
	if v.life != s.lives.curves || highest(g.revs) < v.seq {
		return false
	}
	for i, e := range g.entries {
		if g.revs[i] <= v.seq && (g.revs[i] != v.revs[i] || e != v.entries[i]) {
			return true
		}
	}
	return false
}

// rewatch is what a view does after each reconnect and from time to time: it takes
// over what a fresh watch of its keys says.
func (m *model) rewatch(s *state, w *worker) string {
	g, v := &s.gens[w.gen], &w.view
	v.entries, v.revs, v.seq, v.known = g.entries, g.revs, highest(g.revs), origin{}
	for i, e := range g.entries {
		if e.seq > v.known.seq {
			v.known = origin{e.seq, notice{uint8(i), e.state == retracted}}
		}
		m.note(w, i, e)
	}
	m.handed(s, w, v.seq)
	return fmt.Sprintf("view at %d", v.seq)
}

// told notes that a worker knows of a sequence of the log.
func (m *model) told(s *state, w *worker, seq uint8) {
	if w.seen.logLife != s.lives.log {
		w.logRead = 0
	}
	w.logRead = max(w.logRead, seq)
	w.seen.logLife, w.seen.log, w.seen.epoch = s.lives.log, w.logRead, s.gens[w.gen].epoch
}

// start is the second half: the log's retractions are read, the loops begin.
func (m *model) start(s *state, w *worker) (how string, err error) {
	w.phase = running
	m.told(s, w, uint8(len(s.log)))
	if m.on(readRetractions) {
		for i, n := range s.log {
			if n.retracted {
				w.retractedAt[n.episode] = uint8(i + 1)
			}
		}
	}
	how = fmt.Sprintf("view at %d", w.view.seq)
	if m.alarm(s, w) != "" { // asked before anything is written
		found, err := m.check(s, w)
		return how + ": " + found, err
	}
	return how, nil
}

// alarm is what the regular check of the streams finds; empty: all is well.
func (m *model) alarm(s *state, w *worker) string {
	g, known := &s.gens[w.gen], w.view.known
	same := w.seen.logLife == s.lives.log && w.view.life == s.lives.curves
	if same && s.last < max(w.view.seq, w.seen.seq) && (m.on(curvesWentBack) || s.last < w.view.seq) {
		return "the curves bucket went back"
	}
	if same && m.on(entriesStay) && m.lacks(s, w) {
		return "the curves bucket lacks entries"
	}
	if same && !m.raised(s, g) {
		switch {
		case m.on(logEnds) && len(s.log) < int(known.seq):
			return "the log ends before the entries do"
		case m.on(retractionsBeyond) && len(s.log) < int(w.logRead):
			return "the log ends before what was read of it"
		case m.on(logNames) && known.seq > 0 && int(known.seq) <= len(s.log) && s.log[known.seq-1] != known.of:
			return "the log has another message there"
		}
	}
	switch {
	case !g.align || !g.reduce:
		return "its consumers are gone"
	case w.specs != s.lives.specs, w.view.life != s.lives.curves, m.on(generationLives) && m.lives(s) != g.lives:
		return "streams were made again"
	}
	return ""
}

// raised tells whether a generation's next epoch is known.
func (m *model) raised(s *state, g *generation) bool {
	for i := range s.gens {
		if x := &s.gens[i]; x.registered > 0 && x.lives == g.lives && x.epoch == g.epoch+1 {
			return true
		}
	}
	return false
}

func (m *model) check(s *state, w *worker) (how string, err error) {
	how = m.alarm(s, w)
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
