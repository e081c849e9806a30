package protocol

import "fmt"

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
