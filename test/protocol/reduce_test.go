package protocol

import "fmt"

// take delivers at most so many puts to a reduce loop.
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
	m.sawPut(s, w, highest(w.batch.puts))
	if m.off[envelopeThenAck] {
		m.markPuts(s, w, acked)
	}
	return fmt.Sprintf("up to put %d", highest(w.batch.puts))
}

// markPuts sets the delivery state of the puts in hand.
func (m *model) markPuts(s *state, w *worker, d delivery) {
	g := &s.gens[w.gen]
	for i, rev := range w.batch.puts {
		if g.reduce && rev > 0 && g.revs[i] == rev && g.puts[i] != acked {
			g.puts[i] = d
		}
	}
}

// compute computes an envelope from the view and decides whether it is to be written.
func (m *model) compute(s *state, w *worker) (string, error) {
	st := m.calc.selection(&w.view.entries)
	if st.short && m.on(raiseWhenShort) {
		w.batch.stage = finishing
		return "the sample is short: the next epoch is registered", m.raise(s, w)
	}
	w.batch.env = envelope{fit: st.result, asOf: asOf{w.view.incarnation, w.view.seq}}
	how, err := m.decide(s, w)
	return fmt.Sprintf("%d used, as of %d%s", st.used, w.view.seq, how), err
}

// A verdict says what to do with a computed envelope.
type verdict int

const (
	store      verdict = iota
	refuse             // the stored envelope is later
	outdated           // the view is of an earlier incarnation of the bucket
	rolledBack         // the bucket has fewer puts than the view
)

// verdict compares an envelope with the stored one.
func (m *model) verdict(s *state, stored, e envelope) verdict {
	if stored.rev == 0 || m.off[neverOverLater] {
		return store
	}
	if m.off[asOfIncarnations] {
		if stored.asOf.seq > e.asOf.seq {
			return refuse
		}
		return store
	}
	switch {
	case stored.asOf.incarnation == e.asOf.incarnation && stored.asOf.seq <= e.asOf.seq:
		return store
	case s.incarnations.curves != e.asOf.incarnation:
		return outdated
	case s.last < e.asOf.seq:
		return rolledBack
	case stored.asOf.incarnation == e.asOf.incarnation && stored.asOf.seq > s.last && m.on(curvesWentBack):
		return rolledBack
	case stored.asOf.incarnation == e.asOf.incarnation && stored.asOf.seq <= s.last:
		return refuse
	}
	return store
}

// decide reads the stored envelope and carries out the verdict.
func (m *model) decide(s *state, w *worker) (string, error) {
	g := &s.gens[w.gen]
	switch m.verdict(s, g.env, w.batch.env) {
	case refuse:
		w.batch.stage = finishing
		return ", but the stored one is later", nil
	case outdated:
		m.end(s, w)
		return ", but the view is outdated", nil
	case rolledBack:
		var err error
		if m.on(curvesWentBack) {
			err = m.raise(s, w)
			w.seen = seen{}
		}
		m.end(s, w)
		return ", but the bucket was rolled back", err
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
		return how, nil // another incarnation may have the same revision by chance; the comparison mends that
	}
	switch same := before.rev > 0 && before.asOf.incarnation == e.asOf.incarnation && before.asOf.seq <= s.last; {
	case same && before.asOf.seq > e.asOf.seq:
		return how, violation(fmt.Sprintf("as_of goes back from %d to %d", before.asOf.seq, e.asOf.seq))
	case same && m.scope.steady && before.fit.used > e.fit.used:
		return how, violation(fmt.Sprintf("the envelope shrinks from %d to %d", before.fit.used, e.fit.used))
	}
	return how, nil
}

// differs reports whether the comparison with the view would change the stored envelope.
func (m *model) differs(s *state, w *worker) bool {
	g := &s.gens[w.gen]
	st := m.calc.selection(&w.view.entries)
	if st.short {
		return m.on(raiseWhenShort) && !m.raised(s, g)
	}
	if g.env.rev == 0 {
		return st.digest != 0
	}
	incarnation := w.view.incarnation
	same := g.env.fit.digest == st.digest && (g.env.asOf.incarnation == incarnation && g.env.asOf.seq <= w.view.seq || m.off[asOfIncarnations])
	return !same && m.verdict(s, g.env, envelope{asOf: asOf{incarnation, w.view.seq}}) != refuse
}

// final checks a state in which nothing is left to do: the envelope must equal the batch fit.
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
