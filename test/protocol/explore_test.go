package protocol

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"
)

// A trace is the list of steps from the start to a violation.
type trace struct {
	steps []step
	err   error
}

var kindNames = [kinds]string{"publish", "begin a session", "see the next put", "read the log's retractions, start", "get message", "put the entry",
	"acknowledge", "take puts", "compute", "write the envelope", "acknowledge the puts", "end the session", "watch again", "check", "compare",
	"DIES", "AckWait passes for", "hand back", "AckWait passes for its puts", "the reduce consumer skips", "late archives arrive", "the LOG IS LOST", "the CURVES ARE LOST",
	"the ENVELOPES ARE LOST", "the SPECS ARE LOST", "ALL IS LOST", "back up", "the LOG IS RESTORED", "the CURVES ARE RESTORED", "ALL IS RESTORED"}

// describe returns a trace as text, one step a line.
func (m *model) describe(t *trace) string {
	var text strings.Builder
	s := m.init()
	for i, st := range t.steps {
		who := ""
		if st.kind != publish && (st.kind < losePuts) {
			who = string(rune('A'+st.worker)) + ": "
		}
		what := kindNames[st.kind]
		if st.kind == deliver {
			what += fmt.Sprintf(" %d", st.a)
		}
		next, how, _ := m.apply(s, st)
		if how != "" {
			how = " (" + how + ")"
		}
		fmt.Fprintf(&text, "%3d  %s%s%s\n", i+1, who, what, how)
		s = next
	}
	fmt.Fprintf(&text, "     => %v", t.err)
	return text.String()
}

// A coverage says how much of a scope was visited.
type coverage struct {
	states, ends int
	whole        bool // every state of the scope was visited
}

// search visits the states of the scope breadth first, so that the first violation has
// a shortest trace. It ends after limit states.
func (m *model) search(limit int) (*trace, coverage) {
	type node struct {
		parent int32
		by     step
	}
	type open struct {
		s  *state
		at int32
	}
	seed := maphash.MakeSeed()
	var buf []byte
	hash := func(s *state) uint64 {
		buf = s.key(buf[:0])
		return maphash.Bytes(seed, buf)
	}
	path := func(nodes []node, at int32, last ...step) []step {
		steps := last
		for ; at > 0; at = nodes[at].parent {
			steps = append([]step{nodes[at].by}, steps...)
		}
		return steps
	}
	first := m.init()
	nodes := []node{{parent: -1}}
	seen := map[uint64]struct{}{hash(first): {}}
	var c coverage
	for layer := []open{{first, 0}}; len(layer) > 0; {
		var following []open
		for _, o := range layer {
			steps, protocol := m.steps(o.s)
			if protocol == 0 {
				c.ends++
				if err := m.final(o.s); err != nil {
					return &trace{path(nodes, o.at), err}, c
				}
			}
			for _, st := range steps {
				next, _, err := m.apply(o.s, st)
				if err != nil {
					return &trace{path(nodes, o.at, st), err}, c
				}
				h := hash(next)
				if _, ok := seen[h]; ok {
					continue
				}
				seen[h] = struct{}{}
				nodes = append(nodes, node{o.at, st})
				following = append(following, open{next, int32(len(nodes) - 1)})
				if c.states = len(nodes); c.states >= limit {
					return nil, c
				}
			}
		}
		layer = following
	}
	c.whole = true
	return nil, c
}

// walk takes random steps until none is left.
func (m *model) walk(rng *rand.Rand) *trace {
	const tooLong = 5000
	s := m.init()
	t := &trace{}
	for range tooLong {
		steps, protocol := m.steps(s)
		n := protocol
		if len(steps) > protocol && (protocol == 0 && rng.IntN(2) == 0 || protocol > 0 && rng.IntN(12) == 0) {
			n = len(steps)
			steps, n = steps[protocol:], n-protocol
		}
		if n == 0 {
			t.err = m.final(s)
			return t
		}
		st := steps[rng.IntN(n)]
		t.steps = append(t.steps, st)
		if s, _, t.err = m.apply(s, st); t.err != nil {
			return t
		}
	}
	t.err = violation("the steps never end")
	return t
}

// shrink leaves out steps of a trace as long as the others still violate something.
func (m *model) shrink(t *trace) *trace {
	for size := len(t.steps) / 2; size > 0; {
		smaller := false
		for i := 0; i+size <= len(t.steps); {
			kept := append(append([]step(nil), t.steps[:i]...), t.steps[i+size:]...)
			if r := m.replay(kept); r != nil && len(r.steps) < len(t.steps) {
				t, smaller = r, true
			} else {
				i += size
			}
		}
		if !smaller {
			size /= 2
		}
	}
	return t
}

// replay takes those of the steps that are possible, and then steps of the protocol
// until none is left. It returns nil if nothing is violated.
func (m *model) replay(steps []step) *trace {
	const tooLong = 1000
	s := m.init()
	t := &trace{}
	take := func(st step) bool {
		t.steps = append(t.steps, st)
		s, _, t.err = m.apply(s, st)
		return t.err != nil
	}
	possible := func(st step) bool {
		all, _ := m.steps(s)
		for _, x := range all {
			if x == st {
				return true
			}
		}
		return false
	}
	for _, st := range steps {
		if possible(st) && take(st) {
			return t
		}
	}
	for range tooLong {
		all, protocol := m.steps(s)
		if protocol == 0 {
			break
		}
		if take(all[0]) {
			return t
		}
	}
	if t.err = m.final(s); t.err == nil {
		return nil
	}
	return t
}
