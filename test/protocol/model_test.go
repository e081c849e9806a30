package protocol

import (
	"fmt"
	"strings"
)

// A kind of step.
type kind uint8

const (
	publish kind = iota
	begin
	receive
	start
	deliver
	put
	ack
	take
	compute
	write
	ackPuts
	renew
	rewatch
	check
	mend

	// From here on the kinds are faults. A scope says how often each may happen.
	crash
	expire
	handBack
	expirePuts
	losePuts
	arrive
	loseLog
	loseCurves
	loseEnvelopes
	loseSpecs
	loseAll
	backup
	restoreLog
	restoreCurves
	restoreAll
	kinds

	faults = kinds - crash
)

// A step is one thing that happens at once. The meaning of a and b depends on the kind.
type step struct {
	kind   kind
	worker uint8
	a, b   uint8
}

// A scope is the input of a run of the model, and its limits.
type scope struct {
	target   int
	workers  int
	inHand   int               // messages that a worker may have in hand at once
	script   [][]notice        // messages to publish; each group in one step
	faults   map[kind]int      // how often each may happen
	unusable [maxEpisodes]bool // archives that give no curve
	late     [maxEpisodes]bool // archives that do not exist before step arrive
	replaced bool              // each retraction replaces the archive of its episode
	started  bool              // all workers run before the first step
	epochs   uint8             // no epoch may be raised beyond this
	promptly bool              // all workers check their streams as soon as one was restored
	steady   bool              // no envelope may have fewer members than the one before
}

// A model is a scope under rules, some of which are off.
type model struct {
	scope scope
	off   off
	calc  *calculator
}

func newModel(sc scope, o off) *model {
	return &model{sc, o, newCalculator(sc.target, o)}
}

func (m *model) on(r rule) bool { return !m.off[r] }

func (m *model) init() *state {
	s := &state{workers: make([]worker, m.scope.workers)}
	for k, n := range m.scope.faults {
		s.budget[k-crash] = uint8(n)
	}
	if m.scope.started {
		for w := range s.workers {
			for _, k := range []kind{begin, start} {
				var err error
				if s, _, err = m.apply(s, step{kind: k, worker: uint8(w)}); err != nil {
					panic(err)
				}
			}
		}
	}
	return s
}

// archive returns the result of reading an episode's archive.
func (m *model) archive(s *state, episode uint8) uint8 {
	if m.scope.unusable[episode] || m.scope.late[episode] && !s.arrived {
		return reason
	}
	return curve
}

// version returns which version of an episode's archive exists.
func (m *model) version(s *state, episode uint8) (made uint8) {
	for _, n := range s.log {
		if m.scope.replaced && n.retracted && n.episode == episode {
			made++
		}
	}
	return made
}

// A violation is an error of the protocol.
type violation string

func (v violation) Error() string { return string(v) }

// steps returns the steps that are possible: first those of the protocol, as many as
// it says, then faults.
func (m *model) steps(s *state) (all []step, protocol int) {
	add := func(k kind, w int, ab ...int) {
		st := step{kind: k, worker: uint8(w)}
		if len(ab) > 0 {
			st.a = uint8(ab[0])
		}
		if len(ab) > 1 {
			st.b = uint8(ab[1])
		}
		all = append(all, st)
	}
	if int(s.script) < len(m.scope.script) {
		add(publish, 0)
	}
	for w := range s.workers {
		m.stepsOf(s, w, add)
	}
	protocol = len(all)
	if s.budget == ([faults]uint8{}) {
		// No other step changes the result of an acknowledgement: take it first.
		for _, st := range all {
			if st.kind == ack || st.kind == ackPuts {
				return []step{st}, 1
			}
		}
	}
	for f := range faults {
		if k := crash + f; s.budget[f] > 0 {
			m.faultsOf(s, k, add)
		}
	}
	return all, protocol
}

// stepsOf adds the steps of a worker.
func (m *model) stepsOf(s *state, at int, add func(kind, int, ...int)) {
	w := &s.workers[at]
	if w.phase == starting {
		add(begin, at)
		return
	}
	g := &s.gens[w.gen]
	if m.next(g, &w.view) >= 0 {
		add(receive, at)
	}
	if w.phase == watching {
		if !w.view.whole && m.next(g, &w.view) < 0 {
			add(renew, at) // the rest of the snapshot will not come
		}
		if w.view.whole || m.off[wholeSnapshot] {
			add(start, at)
		}
		return
	}
	if m.problem(s, w) != "" {
		add(check, at)
	}
	if m.stale(s, w) {
		add(rewatch, at)
	}
	if best := s.wanted(); best >= 0 && (s.gens[best].epoch > g.epoch || s.gens[best].epoch == g.epoch && s.gens[best].incarnations != g.incarnations) {
		add(renew, at)
	}
	m.stepsOfAlign(s, w, at, add)
	m.stepsOfReduce(s, w, at, add)
}

func (m *model) stepsOfAlign(s *state, w *worker, at int, add func(kind, int, ...int)) {
	g := &s.gens[w.gen]
	free := -1
	for i := range m.scope.inHand {
		switch w.jobs[i].stage {
		case idle:
			if free < 0 {
				free = i
			}
		case putting:
			add(put, at, i)
		case acknowledging:
			add(ack, at, i)
		}
	}
	if free < 0 || !g.align {
		return
	}
	fresh := true // of the messages never delivered only the first can be next
	for i := range s.log {
		switch d := g.delivered(uint8(i + 1)); {
		case d == again, d == pending && fresh:
			add(deliver, at, i+1, free)
			fresh = fresh && d != pending
		}
	}
}

func (m *model) stepsOfReduce(s *state, w *worker, at int, add func(kind, int, ...int)) {
	g := &s.gens[w.gen]
	switch w.batch.stage {
	case waiting:
		if w.view.seq >= highest(w.batch.puts) || m.off[waitForView] {
			add(compute, at)
		}
	case writing:
		add(write, at)
	case finishing:
		add(ackPuts, at)
	default:
		ready := 0
		for i, d := range g.puts {
			if g.revs[i] > 0 && (d == pending || d == again) {
				ready++
			}
		}
		if g.reduce && ready > 0 {
			add(take, at, 1)
		}
		if g.reduce && ready > 1 {
			add(take, at, maxEpisodes)
		}
		if m.on(compareEnvelopes) && m.differs(s, w) {
			add(mend, at)
		}
	}
}

func (m *model) faultsOf(s *state, k kind, add func(kind, int, ...int)) {
	switch k {
	case crash:
		for w := range s.workers {
			if s.workers[w].phase != starting {
				add(k, w)
			}
		}
	case expire:
		for w := range s.workers {
			for i, j := range s.workers[w].jobs {
				if j.stage != idle && s.gens[s.workers[w].gen].delivered(j.seq) == inHand {
					add(k, w, i)
				}
			}
		}
	case handBack:
		for w := range s.workers {
			for i, j := range s.workers[w].jobs {
				if j.stage == putting && j.read != none {
					add(k, w, i)
				}
			}
		}
	case expirePuts:
		for w := range s.workers {
			if s.workers[w].batch.stage != 0 && highest(s.workers[w].batch.puts) > 0 {
				add(k, w)
			}
		}
	case losePuts:
		for g := range s.gens {
			for i, d := range s.gens[g].puts {
				if s.gens[g].revs[i] > 0 && d == pending {
					add(k, 0, g, i)
				}
			}
		}
	case restoreLog, restoreCurves, restoreAll:
		if s.backup != nil {
			add(k, 0)
		}
	default:
		add(k, 0)
	}
}

// next returns the key of the next put that a view receives, or -1. A key that was put
// again comes only at its latest revision.
func (m *model) next(g *generation, v *view) int {
	best := -1
	for i, rev := range g.revs {
		if rev > v.seq && (best < 0 || rev < g.revs[best]) {
			best = i
		}
	}
	return best
}

func highest(puts [maxEpisodes]uint8) uint8 {
	var most uint8
	for _, p := range puts {
		most = max(most, p)
	}
	return most
}

// apply returns the state after a step, with a description of what happened.
func (m *model) apply(old *state, st step) (s *state, how string, err error) {
	s = old.clone()
	if st.kind >= crash {
		s.budget[st.kind-crash]--
	}
	w := &worker{}
	if int(st.worker) < len(s.workers) {
		w = &s.workers[st.worker]
	}
	switch st.kind {
	case publish:
		var names []string
		for _, n := range m.scope.script[s.script] {
			s.log = append(s.log, n)
			names = append(names, fmt.Sprintf("%v at %d", n, len(s.log)))
		}
		s.script++
		return s, strings.Join(names, ", "), nil
	case begin:
		return m.begin(s, w)
	case receive:
		how = m.receive(s, w)
	case start:
		how, err = m.start(s, w)
	case rewatch:
		how = m.rewatch(s, w)
	case check:
		how, err = m.check(s, w)
	case renew:
		if w.phase == running {
			how = "there is a later epoch"
		}
		m.end(s, w)
	case deliver:
		how = m.deliver(s, w, st.a, &w.jobs[st.b])
	case put:
		how = m.put(s, w, &w.jobs[st.a])
	case ack:
		how = m.ack(s, w, &w.jobs[st.a])
	case take:
		how = m.take(s, w, int(st.a))
	case compute, mend:
		how, err = m.compute(s, w)
	case write:
		how, err = m.write(s, w)
	case ackPuts:
		m.markPuts(s, w, acked)
		w.batch = batch{}
	default:
		how = m.fault(s, w, st)
	}
	return s, how, err
}

func (n notice) String() string {
	if n.retracted {
		return fmt.Sprintf("retract %d", n.episode)
	}
	return fmt.Sprintf("accept %d", n.episode)
}
