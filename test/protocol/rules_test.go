package protocol

import (
	"fmt"

	"github.com/cis490/profiles/fit"
)

// A rule is one of those that keep the protocol correct. The tests switch them off
// one at a time.
type rule int

const (
	waitForView            rule = iota // reduce only from a view that has reached the puts
	neverOverLater                     // an envelope never replaces one with a later as_of
	casEnvelope                        // an envelope is written by compare-and-set
	entryThenAck                       // write the entry, then acknowledge
	envelopeThenAck                    // write the envelope, then acknowledge
	laterEntryWins                     // an entry never replaces one of a later place in the log
	curveBeatsReason                   // ... at the same place a curve replaces a reason
	readAgain                          // a later accept reads the archive again
	casEntry                           // an entry is written by compare-and-set
	tombstones                         // entries are kept, also those that were retracted
	slack                              // read R more episodes than N
	onlyCurves                         // entries with a reason don't count toward the threshold
	hadCurves                          // entries that had a curve do
	wholeSnapshot                      // work only with a view that has its whole first snapshot
	generationIncarnations             // a generation's id depends on the incarnations of log and curves
	asOfIncarnations                   // an envelope of another incarnation, or from beyond the end, is ignored
	readRetractions                    // skip accepts that the log retracts later
	raiseWhenShort                     // raise the epoch when the slack is used up
	compareEnvelopes                   // mend envelopes that differ from the view
	logEnds                            // raise the epoch when entries are from beyond the log's end
	logNames                           // ... or from another message than the log has at that place
	curvesWentBack                     // raise the epoch when the curves bucket lost its end
	retractionsBeyond                  // raise the epoch when the log ends before the place that a session saw
	entriesStay                        // raise the epoch when the curves bucket lost entries that were seen
	handBackWaiting                    // an episode that waits gives its place up by being handed back, not acknowledged
	rules
)

var ruleNames = [rules]string{
	"wait for the view", "never over a later as_of", "compare-and-set on the envelope", "write the entry, then ack",
	"write the envelope, then ack", "the later place in the log wins", "at one place a curve beats a reason",
	"a later accept reads the archive again", "compare-and-set on the entry", "entries are never evicted", "the slack R", "reasons do not count toward the threshold",
	"those that had a curve count toward the threshold", "the first snapshot is whole", "the id depends on incarnations",
	"ignore envelopes of other incarnations", "read the log's retractions first", "raise the epoch when short",
	"compare envelopes with the view", "the log must not end before the entries do", "the log must hold what the entries stem from",
	"the curves bucket must not go back", "the log must not end before what was read of it",
	"the curves bucket must have what was seen of it", "hand back what waits for its archive",
}

func (r rule) String() string { return ruleNames[r] }

// off has true for each rule that is switched off.
type off [rules]bool

func without(rs ...rule) off {
	var o off
	for _, r := range rs {
		o[r] = true
	}
	return o
}

// A result is what an envelope has of its sample.
type result struct {
	used   uint8
	digest uint16 // 0: the digest of an empty sample; others are numbered as they come
}

// A selection is what follows from the entries of a view.
type selection struct {
	result
	threshold int // the highest rank that must be read; maxEpisodes: all must
	short     bool
}

// A calculator computes samples and joins with package fit and caches the results.
type calculator struct {
	target     int
	off        off
	selections map[slots]selection
	joins      map[[2]entry]entry
	digests    map[fit.Digest]uint16
}

func newCalculator(target int, o off) *calculator {
	c := &calculator{target: target, off: o,
		selections: map[slots]selection{}, joins: map[[2]entry]entry{}, digests: map[fit.Digest]uint16{}}
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

// rankOf returns the rank of an episode: its number.
func rankOf(episode int) fit.Rank { return fit.Rank{byte(episode)} }

// fit converts an entry to that of package fit.
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

// selection computes a selection by a fit.Sample.
func (c *calculator) selection(entries *slots) selection {
	plain := *entries // sequences make no difference here, so cache without them
	for i := range plain {
		plain[i].seq = min(1, plain[i].seq)
	}
	if st, ok := c.selections[plain]; ok {
		return st
	}
	sample := fit.NewSample(c.target)
	for i, e := range plain {
		sample.Put(rankOf(i), e.fit(i))
	}
	st := selection{threshold: maxEpisodes, short: sample.Short()}
	if rank, ok := sample.Threshold(); ok {
		st.threshold = int(rank[0])
	}
	if c.off[slack] || c.off[onlyCurves] || c.off[hadCurves] {
		st.threshold, st.short = c.mutated(&plain)
		sample = fit.NewSample(c.target) // of the entries up to that threshold
		for i, e := range plain[:min(st.threshold+1, maxEpisodes)] {
			e.had = false
			sample.Put(rankOf(i), e.fit(i))
		}
	}
	st.used, st.digest = uint8(sample.Used()), c.intern(sample.Digest())
	c.selections[plain] = st
	return st
}

// mutated computes the threshold, and whether the sample is short, without the rules
// that are off. With all of them on it must agree with fit.Sample.
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

// batch computes the fit of the episodes that the log accepts at its end.
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
