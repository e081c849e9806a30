package protocol

import (
	"bytes"
	"slices"
)

// Sizes of the model. Sequences, lives and revisions are bytes: no run gets far.
const (
	maxEpisodes = 8
	maxWorkers  = 3
	maxInHand   = 2 // messages of the log that a worker has in hand
)

// A notice is a message of the episode log.
type notice struct {
	episode   uint8
	retracted bool
}

// What an entry, or what was read from an archive, may be. The values are in
// the order of fit's states.
const (
	none uint8 = iota
	reason
	curve
	retracted
)

// An entry is what a key of the curves bucket holds.
type entry struct {
	seq   uint8 // of the message that it stems from; 0: there is no entry
	state uint8
	had   bool  // had a curve earlier
	made  uint8 // which of the episode's archives its curve was read from
}

// slots are the entries of a generation's one profile, by episode. An episode's
// number is its rank.
type slots [maxEpisodes]entry

// A delivery is what a consumer knows of one of its messages.
type delivery uint8

const (
	pending delivery = iota // never delivered
	inHand                  // delivered, neither acknowledged nor given up
	again                   // to be delivered again
	acked                   // done
)

// lives are those of the log and of the curves and specs buckets, as numbers.
type lives struct{ log, curves, specs uint8 }

// An asOf is how much of the curves bucket an envelope is made of.
type asOf struct{ life, seq uint8 }

// An envelope is what the envelopes bucket holds; rev 0: nothing.
type envelope struct {
	rev  uint8
	fit  result
	asOf asOf
}

// A generation is all that stands under one id in the several streams.
type generation struct {
	epoch      uint8
	lives      lives
	registered uint8 // its sequence in the specs bucket; 0: it is not there

	align  bool       // the consumer on the log is there
	log    []delivery // what it knows of each message; what is missing is pending
	reduce bool       // the consumer on the curves bucket is there
	puts   [maxEpisodes]delivery

	entries slots
	revs    [maxEpisodes]uint8 // of the last put of each key; 0: never
	env     envelope
}

// A view is a worker's past of the curves bucket.
type view struct {
	life     uint8
	seq      uint8 // highest sequence folded
	expected uint8 // keys that the first snapshot has still to bring
	whole    bool
	known    origin
	entries  slots
	revs     [maxEpisodes]uint8
}

// What a worker is doing with a message of the log.
const (
	idle     uint8 = iota
	putting        // its entry is to be put
	settling       // its entry stands: it is to be acknowledged
)

// A job is a message of the log in the hands of a worker.
type job struct {
	stage uint8
	seq   uint8
	read  uint8 // what the archive gave; none: not read yet
	made  uint8 // which archive that was
	have  entry // what the put goes against
	rev   uint8
}

// What a worker's reduce loop is doing.
const (
	waiting   uint8 = iota + 1 // for its view to reach the puts
	writing                    // the envelope is to be written
	finishing                  // the puts are to be acknowledged
)

// A batch is what a reduce loop has in hand.
type batch struct {
	stage uint8
	puts  [maxEpisodes]uint8 // sequences by key; 0: not in hand
	env   envelope           // what to write, and the revision to write it against
}

// Phases of a worker.
const (
	starting uint8 = iota // without a session
	watching              // the first snapshot of its view comes in
	running
)

// A worker is one process with at most one session.
type worker struct {
	phase       uint8
	gen         uint8 // place in state.gens
	view        view
	retractedAt [maxEpisodes]uint8 // as of the session's start
	logRead     uint8              // highest sequence of the log that the session knows of
	jobs        [maxInHand]job
	batch       batch
	specs       uint8 // life of the specs bucket that the session knows
	seen        seen  // what this process saw in its last session
}

// seen is how much of the curves bucket and of the log a worker saw, and at
// which epoch.
type seen struct {
	asOf
	logLife, log uint8
	epoch        uint8
	gen          uint8 // whose entries, as this process saw or put them
	entries      slots
}

// An origin is the message of the log that the entry of the latest place that a
// view saw stems from.
type origin struct {
	seq uint8
	of  notice
}

// A state is the whole system at one moment. It is a value but for its slices,
// which are never changed in place once shared: see clone.
type state struct {
	script  uint8         // steps of the scope's script that were taken
	budget  [faults]uint8 // how often each fault may still happen
	log     []notice
	lives   lives
	last    uint8 // sequence of the curves bucket
	envs    uint8 // sequence of the envelopes bucket
	specs   uint8 // sequence of the specs bucket
	gens    []generation
	workers []worker
	backup  *state // what restores bring back
	arrived bool   // late archives are there
	curved  uint8  // late archives that somebody read a curve from and acknowledged, as bits
}

func (s *state) clone() *state {
	c := *s
	c.log = slices.Clone(s.log)
	c.workers = slices.Clone(s.workers)
	c.gens = slices.Clone(s.gens)
	for i := range c.gens {
		c.gens[i].log = slices.Clone(s.gens[i].log)
	}
	return &c
}

// key tells two states apart.
func (s *state) key(to []byte) []byte {
	flag := func(b bool) byte {
		if b {
			return 1
		}
		return 0
	}
	entries := func(e *slots, revs *[maxEpisodes]uint8) {
		for i := range e {
			if revs[i] == 0 && e[i] == (entry{}) {
				to = append(to, 0)
				continue
			}
			to = append(to, 1, e[i].seq, e[i].state, flag(e[i].had), e[i].made, revs[i])
		}
	}
	env := func(e envelope) {
		to = append(to, e.rev, byte(e.fit.digest), byte(e.fit.digest>>8), e.fit.used, e.asOf.life, e.asOf.seq)
	}
	to = append(to, s.script, s.lives.log, s.lives.curves, s.lives.specs, s.last, s.envs, s.specs, flag(s.arrived), s.curved, byte(len(s.log)))
	to = append(to, s.budget[:]...)
	for _, n := range s.log {
		to = append(to, n.episode, flag(n.retracted))
	}
	to = append(to, byte(len(s.gens)))
	for i := range s.gens {
		g := &s.gens[i]
		to = append(to, g.epoch, g.lives.log, g.lives.curves, g.lives.specs, g.registered, flag(g.align), flag(g.reduce))
		for seq := range len(s.log) {
			to = append(to, byte(g.delivered(uint8(seq+1))))
		}
		for _, d := range g.puts {
			to = append(to, byte(d))
		}
		entries(&g.entries, &g.revs)
		env(g.env)
	}
	// Workers are all alike, so states that differ by their names are one.
	ways := make([][]byte, len(s.workers))
	head := to
	for i := range s.workers {
		w := &s.workers[i]
		to = append([]byte(nil), w.phase, w.gen, w.specs, w.seen.life, w.seen.seq, w.seen.logLife, w.seen.log, w.seen.epoch, w.seen.gen)
		entries(&w.seen.entries, &[maxEpisodes]uint8{})
		if w.phase != starting {
			v := &w.view
			to = append(to, v.life, v.seq, v.expected, flag(v.whole), w.logRead, v.known.seq, v.known.of.episode, flag(v.known.of.retracted))
			entries(&v.entries, &v.revs)
			to = append(to, w.retractedAt[:]...)
			for _, j := range w.jobs {
				if j.stage == idle {
					to = append(to, 0)
					continue
				}
				to = append(to, j.stage, j.seq, j.read, j.made, j.have.seq, j.have.state, flag(j.have.had), j.have.made, j.rev)
			}
			to = append(to, w.batch.stage)
			if w.batch.stage != 0 {
				to = append(to, w.batch.puts[:]...)
				env(w.batch.env)
			}
		}
		ways[i] = to
	}
	slices.SortFunc(ways, bytes.Compare)
	to = append(head, bytes.Join(ways, nil)...)
	if s.backup != nil {
		to = append(to, 255)
		to = s.backup.key(to)
	}
	return to
}

// delivered tells what the consumer knows of a message of the log.
func (g *generation) delivered(seq uint8) delivery {
	if int(seq) > len(g.log) {
		return pending
	}
	return g.log[seq-1]
}

// deliver sets it. A message that the log has lost is not known any more.
func (g *generation) deliver(seq uint8, d delivery, logged int) {
	if !g.align || int(seq) > logged {
		return
	}
	for len(g.log) < int(seq) {
		g.log = append(g.log, pending)
	}
	g.log[seq-1] = d
}

// wanted returns the place of the latest epoch, of two of one epoch that which
// was registered later; -1: none is known.
func (s *state) wanted() int {
	best := -1
	for i := range s.gens {
		g := &s.gens[i]
		if g.registered == 0 {
			continue
		}
		if best < 0 || g.epoch > s.gens[best].epoch || g.epoch == s.gens[best].epoch && g.registered > s.gens[best].registered {
			best = i
		}
	}
	return best
}
