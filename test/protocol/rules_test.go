package protocol

import (
	"fmt"

	"github.com/cis490/profiles/fit"
)

// A rule is one of those that keep the protocol correct. The tests switch it off.
type rule int

const (
	waitForView       rule = iota // reduce only from a view that has reached the puts
	neverOverLater                // an envelope never replaces one with a later as_of
	casEnvelope                   // an envelope is written by compare-and-set
	entryThenAck                  // write the entry, then acknowledge
	envelopeThenAck               // write the envelope, then acknowledge
	laterEntryWins                // an entry never replaces one of a later place in the log
	curveBeatsReason              // ... at the same place a curve replaces a reason
	readAgain                     // a later accept reads the archive again
	casEntry                      // an entry is written by compare-and-set
	tombstones                    // entries stay: retracted ones, too
	slack                         // R more than N are read
	onlyCurves                    // reasons don't count toward the threshold
	hadCurves                     // those that had a curve do
	wholeSnapshot                 // work from a view whose first snapshot is whole
	generationLives               // a generation hangs on the lives of log and curves
	asOfLives                     // an envelope of another life, or from beyond the end, is void
	readRetractions               // pass over accepts that the log takes back
	raiseWhenShort                // the next epoch where the slack is used up
	compareEnvelopes              // mend envelopes that differ from the view
	logEnds                       // the next epoch where entries stem from beyond the log's end
	logNames                      // ... or from another message than the log has there
	curvesWentBack                // the next epoch where the curves bucket lost its end
	retractionsBeyond             // the next epoch where the log ends before what a session read of it
	entriesStay                   // the next epoch where the curves bucket lacks entries that were seen
	rules
)

var ruleNames = [rules]string{
	"wait for the view", "never over a later as_of", "compare-and-set on the envelope", "write the entry, then ack",
	"write the envelope, then ack", "the later place in the log wins", "at one place a curve beats a reason",
	"a later accept reads the archive again", "compare-and-set on the entry", "entries are never evicted", "the slack R", "reasons do not count toward the threshold",
	"those that had a curve count toward the threshold", "the first snapshot is whole", "a generation hangs on lives",
	"an envelope of another life is void", "read the log's retractions first", "raise the epoch when short",
	"compare envelopes with the view", "the log must not end before the entries do", "the log must hold what the entries stem from",
	"the curves bucket must not go back", "the log must not end before what was read of it",
	"the curves bucket must have what was seen of it",
}

func (r rule) String() string { return ruleNames[r] }

// off are the rules that are switched off.
type off [rules]bool

func without(rs ...rule) off {
	var o off
	for _, r := range rs {
		o[r] = true
	}
	return o
}

// A result is what a sample says.
type result struct {
	used   uint8
	digest uint16 // number of the digest; 0: of a sample that never had an entry that counts
}

// A standing is what a view says of its profile.
type standing struct {
	result
	threshold int // the highest rank to be read; maxEpisodes: all
	short     bool
}

// A calculator asks package fit for samples and joins, and remembers the answers.
type calculator struct {
	target    int
	off       off
	standings map[slots]standing
	joins     map[[2]entry]entry
	digests   map[fit.Digest]uint16
}

func newCalculator(target int, o off) *calculator {
	c := &calculator{target: target, off: o,
		standings: map[slots]standing{}, joins: map[[2]entry]entry{}, digests: map[fit.Digest]uint16{}}
	c.intern(fit.NewSample(target).Digest())
	return c
}

func (c *calculator) intern(d fit.Digest) uint16 {
	n, ok := c.digests[d]
	if !ok {
		n = uint16(len(c.digests))
		c.digests[d] = n
	}
	return n
}

// rankOf makes an episode's number its rank.
func rankOf(episode int) fit.Rank { return fit.Rank{byte(episode)} }

// fit is an entry as package fit has it.
func (e entry) fit(episode int) fit.Entry {
	f := fit.Entry{Seq: uint64(e.seq), Host: "h", Episode: fmt.Sprint(episode), State: fit.State(e.state), HadCurve: e.had}
	switch e.state {
	case curve:
		f.Curve = fit.Curve{float64(episode), float64(e.made)}
	case reason:
		f.Reason = fit.ReasonMissing
	}
	return f
}

// join is fit.Join.
func (c *calculator) join(old, new entry) entry {
	if old.state == none {
		return new
	}
	joined, ok := c.joins[[2]entry{old, new}]
	if !ok {
		f, _ := fit.Join(old.fit(0), new.fit(0))
		joined = entry{seq: uint8(f.Seq), state: uint8(f.State), had: f.HadCurve}
		if joined.state == curve {
			joined.made = uint8(f.Curve[1])
		}
		c.joins[[2]entry{old, new}] = joined
	}
	return joined
}

// standing asks a fit.Sample.
func (c *calculator) standing(entries *slots) standing {
	plain := *entries // sequences don't matter here
	for i := range plain {
		plain[i].seq = min(1, plain[i].seq)
	}
	if st, ok := c.standings[plain]; ok {
		return st
	}
	sample := fit.NewSample(c.target)
	for i, e := range plain {
		sample.Put(rankOf(i), e.fit(i))
	}
	st := standing{threshold: maxEpisodes, short: sample.Short()}
	if rank, ok := sample.Threshold(); ok {
		st.threshold = int(rank[0])
	}
	if c.off[slack] || c.off[onlyCurves] || c.off[hadCurves] {
		st.threshold, st.short = c.mutated(&plain)
		sample = fit.NewSample(c.target) // of what lies at or below that threshold
		for i, e := range plain[:min(st.threshold+1, maxEpisodes)] {
			e.had = false
			sample.Put(rankOf(i), e.fit(i))
		}
	}
	st.used, st.digest = uint8(sample.Used()), c.intern(sample.Digest())
	c.standings[plain] = st
	return st
}

// mutated is the threshold and whether the sample is short, with the rules on
// it switched off. With none off it must say what fit.Sample says.
func (c *calculator) mutated(entries *slots) (threshold int, short bool) {
	size := c.target
	if !c.off[slack] {
		size += max(c.target/4, 1)
	}
	low, live := 0, 0
	for i, e := range entries {
		counts := e.state == curve || e.had && !c.off[hadCurves] || e.state == reason && c.off[onlyCurves]
		if !counts {
			continue
		}
		if e.state == curve {
			live++
		}
		if low++; low == size {
			return i, live < c.target
		}
	}
	return maxEpisodes, false
}

// batch is the fit of what the log leaves accepted.
func (c *calculator) batch(s *state, m *model) result {
	var final slots
	for i, n := range s.log {
		e := entry{seq: uint8(i + 1), state: retracted}
		if !n.retracted {
			e.state = m.archive(s, n.episode)
			if m.scope.late[n.episode] && s.curved&(1<<n.episode) == 0 {
				e.state = reason
			}
			if e.state == curve {
				e.made = m.version(s, n.episode)
			}
		}
		final[n.episode] = e
	}
	sample := fit.NewSample(c.target)
	for i, e := range final {
		sample.Put(rankOf(i), e.fit(i))
	}
	return result{uint8(sample.Used()), c.intern(sample.Digest())}
}
