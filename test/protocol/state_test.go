package protocol

import (
	"bytes"
	"slices"
)

// Sizes of the model. Sequences, incarnations and revisions fit into a byte, since
// runs are short.
const (
	maxEpisodes = 8
	maxWorkers  = 3
	maxInHand   = 2 // messages of the log that a worker has in hand at once
)

// A notice is a message of the episode log.
type notice struct {
	episode   uint8
	retracted bool
}

// States of an entry, and results of reading an archive. The values are those of
// fit.State.
const (
	none uint8 = iota
	reason
	curve
	retracted
)

// An entry is what a key of the curves bucket holds.
type entry struct {
	seq   uint8 // of its message; 0: there is no entry
	state uint8
	had   bool  // it had a curve before
	made  uint8 // which version of the archive its curve was read from
}

// slots are the entries of one generation by episode. There is one profile, and the
// number of an episode is its rank.
type slots [maxEpisodes]entry

// A delivery is the state of one message at its consumer.
type delivery uint8

const (
	pending delivery = iota // never delivered
	inHand                  // delivered and not yet acknowledged
	again                   // to be redelivered
	acked                   // done
)

// incarnations number the incarnations of the log and of the buckets curves and specs.
type incarnations struct{ log, curves, specs uint8 }

// An asOf says up to which put of the curves bucket an envelope was computed.
type asOf struct{ incarnation, seq uint8 }

// An envelope is a value of the envelopes bucket. With rev 0 there is none.
type envelope struct {
	rev  uint8
	fit  result
	asOf asOf
}

// A generation is everything that the streams have under one id.
type generation struct {
	epoch        uint8
	incarnations incarnations
	registered   uint8 // its sequence in the specs bucket; 0: not registered

	align  bool       // the consumer on the log exists
	log    []delivery // state of each message there; beyond the slice: pending
	reduce bool       // the consumer on the curves bucket exists
	puts   [maxEpisodes]delivery

	entries slots
	revs    [maxEpisodes]uint8 // revision of each key; 0: never put
	env     envelope
}

// A view is a worker's copy of the curves bucket, which may lag.
type view struct {
	incarnation uint8
	seq         uint8 // of the last put that it received
	expected    uint8 // keys of the first snapshot that are still to come
	whole       bool
	newest      origin
	entries     slots
	revs        [maxEpisodes]uint8
}

// Stages of a job.
const (
	idle          uint8 = iota
	putting             // the entry is to be written
	acknowledging       // the entry is written: the message is to be acknowledged
)

// A job is a message of the log that a worker works on.
type job struct {
	stage uint8
	seq   uint8
	read  uint8 // result of reading the archive; none: not read yet
	made  uint8 // version of that archive
	have  entry // the entry that the put shall replace, with its revision
	rev   uint8
}

// Stages of a batch.
const (
	waiting   uint8 = iota + 1 // until the view has the puts
	writing                    // the envelope is to be written
	finishing                  // the puts are to be acknowledged
)

// A batch is the work of a reduce loop: puts, and the envelope computed for them.
type batch struct {
	stage uint8
	puts  [maxEpisodes]uint8 // sequences by key; 0: not in hand
	env   envelope           // to be written, with the revision that it shall replace
}

// Phases of a worker.
const (
	starting uint8 = iota // it has no session
	watching              // it receives the first snapshot of its view
	running
)

// A worker is one process with at most one session.
type worker struct {
	phase       uint8
	gen         uint8 // index in state.gens
	view        view
	retractedAt [maxEpisodes]uint8 // last retraction of each episode, as read at the start of the session
	logRead     uint8              // highest sequence of the log that the session saw
	jobs        [maxInHand]job
	batch       batch
	specs       uint8 // incarnation of the specs bucket that the session works with
	seen        seen  // what this process has seen; it outlives sessions
}

// seen is how far a worker has seen the curves bucket and the log, and at which
// epoch. With it a later session notices that a stream was restored.
type seen struct {
	asOf
	logIncarnation, log uint8
	epoch               uint8
	gen                 uint8 // of the entries
	entries             slots // as this process saw or put them
}

// An origin is the message of the log from which an entry was made. A view keeps
// that of the entry whose message is the latest.
type origin struct {
	seq uint8
	of  notice
}

// A state is the whole system at one moment. States share slices until one of them
// is changed: clone copies those first.
type state struct {
	script       uint8         // groups of the script that were published
	budget       [faults]uint8 // how often each fault may still happen
	log          []notice
	incarnations incarnations
	last         uint8 // sequence of the curves bucket
	envs         uint8 // sequence of the envelopes bucket
	specs        uint8 // sequence of the specs bucket
	gens         []generation
	workers      []worker
	backup       *state // from which streams are restored
	arrived      bool   // the late archives exist
	curved       uint8  // bits: late archives that gave a curve
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

// key appends an encoding of the state to a slice. States with the same key are the
// same, but for the names of workers.
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
		to = append(to, e.rev, byte(e.fit.digest), byte(e.fit.digest>>8), e.fit.used, e.asOf.incarnation, e.asOf.seq)
	}
	to = append(to, s.script, s.incarnations.log, s.incarnations.curves, s.incarnations.specs, s.last, s.envs, s.specs, flag(s.arrived), s.curved, byte(len(s.log)))
	to = append(to, s.budget[:]...)
	for _, n := range s.log {
		to = append(to, n.episode, flag(n.retracted))
	}
	to = append(to, byte(len(s.gens)))
	for i := range s.gens {
		g := &s.gens[i]
		to = append(to, g.epoch, g.incarnations.log, g.incarnations.curves, g.incarnations.specs, g.registered, flag(g.align), flag(g.reduce))
		for seq := range len(s.log) {
			to = append(to, byte(g.delivered(uint8(seq+1))))
		}
		for _, d := range g.puts {
			to = append(to, byte(d))
		}
		entries(&g.entries, &g.revs)
		env(g.env)
	}
	// Sort the workers: states that differ only in their order count as one.
	perWorker := make([][]byte, len(s.workers))
	head := to
	for i := range s.workers {
		w := &s.workers[i]
		to = append([]byte(nil), w.phase, w.gen, w.specs, w.seen.incarnation, w.seen.seq, w.seen.logIncarnation, w.seen.log, w.seen.epoch, w.seen.gen)
		entries(&w.seen.entries, &[maxEpisodes]uint8{})
		if w.phase != starting {
			v := &w.view
			to = append(to, v.incarnation, v.seq, v.expected, flag(v.whole), w.logRead, v.newest.seq, v.newest.of.episode, flag(v.newest.of.retracted))
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
		perWorker[i] = to
	}
	slices.SortFunc(perWorker, bytes.Compare)
	to = append(head, bytes.Join(perWorker, nil)...)
	if s.backup != nil {
		to = append(to, 255)
		to = s.backup.key(to)
	}
	return to
}

// delivered returns the state of a message of the log at the align consumer.
func (g *generation) delivered(seq uint8) delivery {
	if int(seq) > len(g.log) {
		return pending
	}
	return g.log[seq-1]
}

// deliver sets that state. It does nothing if the log no longer has the message.
func (g *generation) deliver(seq uint8, d delivery, logged int) {
	if !g.align || int(seq) > logged {
		return
	}
	for len(g.log) < int(seq) {
		g.log = append(g.log, pending)
	}
	g.log[seq-1] = d
}

// wanted returns the index of the generation of the latest epoch. If there are two,
// it is the one that was registered later. -1: none is registered.
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
