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

// deliver hands a message of the log to a worker, which glances at it first.
func (m *model) deliver(s *state, w *worker, seq uint8, j *job) string {
	g := &s.gens[w.gen]
	n := s.log[seq-1]
	m.told(s, w, seq)
	have := w.view.entries[n.episode]
	why := ""
	switch {
	case int(n.episode) > m.calc.standing(&w.view.entries).threshold:
		why = "above the threshold"
	case seq < w.retractedAt[n.episode]:
		why = "taken back further on"
	case m.settled(have, seq, none):
		why = "seen"
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

// settled tells whether an entry holds what a message says, or more.
func (m *model) settled(have entry, seq, read uint8) bool {
	if have.state == none || m.off[laterEntryWins] {
		return false
	}
	if have.seq == seq && have.state == reason && read == curve && m.on(curveBeatsReason) {
		return false
	}
	return have.seq >= seq
}

// read opens the archive where a job needs it.
func (m *model) read(s *state, j *job) {
	if n := s.log[j.seq-1]; j.read == none && !n.retracted && j.have.state != curve {
		j.read = m.archive(s, n.episode)
	}
}

// put tries to write a job's entry.
func (m *model) put(s *state, w *worker, j *job) string {
	g := &s.gens[w.gen]
	if int(j.seq) > len(s.log) {
		*j = job{} // the log lost it: nothing that a model could name would be put
		return "its message is gone"
	}
	n := s.log[j.seq-1]
	i := n.episode
	if m.on(casEntry) && g.revs[i] != j.rev {
		j.have, j.rev = g.entries[i], g.revs[i]
		m.note(w, int(i), j.have)
		if m.settled(j.have, j.seq, j.read) {
			j.stage = settling
			return "conflict: seen"
		}
		m.read(s, j)
		return "conflict"
	}
	e := entry{seq: j.seq, state: j.read}
	switch {
	case n.retracted:
		e.state = retracted
	case j.have.state == curve:
		e.state = curve
	}
	j.stage = settling
	if m.on(laterEntryWins) {
		joined := m.calc.join(j.have, e)
		if joined == j.have {
			return "no news"
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
	m.handed(s, w, s.last)
	m.note(w, int(i), e)
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

// take hands puts to a reduce loop: the first, or all that are there.
func (m *model) take(s *state, w *worker, most int) string {
	g := &s.gens[w.gen]
	w.batch = batch{stage: waiting}
	for range most {
		first := -1
		for i, d := range g.puts {
			if (d == pending || d == again) && g.revs[i] > 0 && (first < 0 || g.revs[i] < g.revs[first]) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		g.puts[first] = inHand
		w.batch.puts[first] = g.revs[first]
	}
	m.handed(s, w, highest(w.batch.puts))
	if m.off[envelopeThenAck] {
		m.settlePuts(s, w, acked)
	}
	return fmt.Sprintf("up to put %d", highest(w.batch.puts))
}

// settlePuts says what becomes of the puts in hand.
func (m *model) settlePuts(s *state, w *worker, d delivery) {
	g := &s.gens[w.gen]
	for i, rev := range w.batch.puts {
		if g.reduce && rev > 0 && g.revs[i] == rev && g.puts[i] != acked {
			g.puts[i] = d
		}
	}
}

// compute makes an envelope of what the view says, and decides what becomes of it.
func (m *model) compute(s *state, w *worker) (string, error) {
	st := m.calc.standing(&w.view.entries)
	if st.short && m.on(raiseWhenShort) {
		w.batch.stage = finishing
		return "short: the next epoch", m.raise(s, w)
	}
	w.batch.env = envelope{fit: st.result, asOf: asOf{w.view.life, w.view.seq}}
	how, err := m.decide(s, w)
	return fmt.Sprintf("%d used, as of %d%s", st.used, w.view.seq, how), err
}

// What is to be done with a computed envelope.
type verdict int

const (
	store  verdict = iota
	refuse         // the one that stands is later
	old            // the view is of another life
	ended          // the bucket went back
)

// judge holds an envelope against the one that stands.
func (m *model) judge(s *state, stands, e envelope) verdict {
	if stands.rev == 0 || m.off[neverOverLater] {
		return store
	}
	if m.off[asOfLives] {
		if stands.asOf.seq > e.asOf.seq {
			return refuse
		}
		return store
	}
	switch {
	case stands.asOf.life == e.asOf.life && stands.asOf.seq <= e.asOf.seq:
		return store
	case s.lives.curves != e.asOf.life:
		return old
	case s.last < e.asOf.seq:
		return ended
	case stands.asOf.life == e.asOf.life && stands.asOf.seq > s.last && m.on(curvesWentBack):
		return ended
	case stands.asOf.life == e.asOf.life && stands.asOf.seq <= s.last:
		return refuse
	}
	return store
}

// decide reads the envelope that stands and chooses.
func (m *model) decide(s *state, w *worker) (string, error) {
	g := &s.gens[w.gen]
	switch m.judge(s, g.env, w.batch.env) {
	case refuse:
		w.batch.stage = finishing
		return ", a later one stands", nil
	case old:
		m.end(s, w)
		return ", of another life", nil
	case ended:
		var err error
		if m.on(curvesWentBack) {
			err = m.raise(s, w)
			w.seen = seen{}
		}
		m.end(s, w)
		return ", but the bucket went back", err
	}
	w.batch.stage, w.batch.env.rev = writing, g.env.rev
	return "", nil
}

// write stores an envelope.
func (m *model) write(s *state, w *worker) (string, error) {
	g := &s.gens[w.gen]
	e := w.batch.env
	if g.env.rev != e.rev && m.on(casEnvelope) {
		how, err := m.decide(s, w)
		return "conflict" + how, err
	}
	before := g.env
	s.envs++
	e.rev = s.envs
	g.env = e
	w.batch.stage = finishing
	how := fmt.Sprintf("%d used, as of %d", e.fit.used, e.asOf.seq)
	if m.scope.faults[loseEnvelopes]+m.scope.faults[loseAll]+m.scope.faults[restoreAll] > 0 {
		return how, nil // a revision of another life may be the same by chance; comparing mends that
	}
	switch same := before.rev > 0 && before.asOf.life == e.asOf.life && before.asOf.seq <= s.last; {
	case same && before.asOf.seq > e.asOf.seq:
		return how, violation(fmt.Sprintf("as_of goes back from %d to %d", before.asOf.seq, e.asOf.seq))
	case same && m.scope.steady && before.fit.used > e.fit.used:
		return how, violation(fmt.Sprintf("the envelope shrinks from %d to %d", before.fit.used, e.fit.used))
	}
	return how, nil
}

// differs tells whether comparing would change the envelope that stands.
func (m *model) differs(s *state, w *worker) bool {
	g := &s.gens[w.gen]
	st := m.calc.standing(&w.view.entries)
	if st.short {
		return m.on(raiseWhenShort) && !m.raised(s, g)
	}
	if g.env.rev == 0 {
		return st.digest != 0
	}
	life := w.view.life
	same := g.env.fit.digest == st.digest && (g.env.asOf.life == life && g.env.asOf.seq <= w.view.seq || m.off[asOfLives])
	return !same && m.judge(s, g.env, envelope{asOf: asOf{life, w.view.seq}}) != refuse
}

// final judges a run in which nothing is left to do: the envelope must be the batch's.
func (m *model) final(s *state) error {
	want := m.calc.batch(s, m)
	at := s.wanted()
	if at < 0 {
		return violation("no generation is known")
	}
	have := s.gens[at].env
	if have.rev == 0 && want.digest != 0 {
		return violation("there is no envelope")
	}
	if have.rev > 0 && have.fit != want {
		return violation(fmt.Sprintf("at rest the envelope is not the batch's: %d used, want %d", have.fit.used, want.used))
	}
	return nil
}

func named(i int, e entry) string {
	state := [...]string{"nothing", "reason", "curve", "retracted"}[e.state]
	if e.had {
		state += ", had a curve"
	}
	return fmt.Sprintf("%d %s at %d", i, state, e.seq)
}
