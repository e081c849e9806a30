package fit

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"math"
	"slices"
	"unique"
)

// A Sample has the entries of one profile, and decides which of them the envelope is made of. Entries may be put in any order and
// any number of times: the results depend on the set of entries only.
//
// Let N be the target and R = max(1, N/4) the reserve. The threshold is the (N+R)-th lowest rank among the entries that have or
// had a curve. That set only grows, so the threshold only falls. An episode above it need not be read: it will not be among the N
// lowest, unless more than R of the episodes below are retracted or lose their curves. The members are the N curves of lowest
// rank at or below the threshold, so they do not depend on whether episodes above it were read. Above the threshold, curves are
// not kept, so the memory of a sample grows with the log by some 200 bytes an episode. A reason's detail is never kept.
//
// A Sample is not safe for concurrent use, not even for reading: results are cached until the next change.
type Sample struct {
	target, reserve int

	slots  map[Rank]*slot
	lowest lowestSlots // the N+R of lowest rank that have or had a curve
	curves int         // how many of these have a curve now

	cached *counted // nil after a change of the results
}

// A slot is a stored entry. There may be very many, so it is small.
type slot struct {
	rank     Rank
	value    [8]byte // hash of the state and the curve or reason ([hashValue])
	seq      uint64
	episode  string
	host     unique.Handle[string]
	reason   unique.Handle[Reason]
	curve    *curveParts // nil if there is no curve, or it is not kept
	state    State
	hadCurve bool
	low      bool // it is in Sample.lowest
}

// curveParts has the fields of an entry that only one with a curve has.
type curveParts struct {
	curve     Curve
	signature Signature
	seconds   Seconds
	quality   Quality
}

// entry returns the entry that was set; the zero Entry for a new slot.
func (s *slot) entry() Entry {
	if s.state == 0 {
		return Entry{}
	}
	e := Entry{Seq: s.seq, Host: s.host.Value(), Episode: s.episode, State: s.state, Reason: s.reason.Value(), HadCurve: s.hadCurve}
	if s.curve != nil {
		e.Curve, e.Signature, e.Seconds, e.Quality = s.curve.curve, s.curve.signature, s.curve.seconds, s.curve.quality
	}
	return e
}

func (s *slot) set(e Entry) {
	s.seq, s.host, s.episode = e.Seq, unique.Make(e.Host), e.Episode
	s.state, s.reason, s.hadCurve, s.curve = e.State, unique.Make(e.Reason), e.HadCurve, nil
	if e.Curve != nil {
		s.curve = &curveParts{e.Curve, e.Signature, e.Seconds, e.Quality}
	}
}

// NewSample returns an empty sample of the target N; a target below 1 counts as 1.
func NewSample(target int) *Sample {
	target = max(target, 1)
	return &Sample{target: target, reserve: max(target/4, 1), slots: make(map[Rank]*slot)}
}

// Put joins an entry with the one that the sample has at that rank ([Join]), and reports whether that changed it. An entry
// without a valid state is ignored. As long as the rank is needed, the sample keeps the entry's curve, which must not be changed
// afterwards. It keeps no detail.
func (s *Sample) Put(rank Rank, e Entry) bool {
	if !e.State.valid() {
		return false
	}
	e.Detail = ""
	if !s.Needed(rank) {
		e = e.Outline()
	}
	at := s.slots[rank]
	if at == nil {
		at = &slot{rank: rank}
		s.slots[rank] = at
	}
	before := at.entry()
	joined, changed := Join(before, e)
	if !changed {
		return false
	}
	value := hashValue(joined)
	if value != at.value {
		s.cached = nil
	}
	at.set(joined)
	at.value = value

	switch {
	case at.low:
		s.curves += curvesIn(joined.State) - curvesIn(before.State)
	case joined.everCurve() && !before.everCurve():
		s.enter(at)
	}
	return true
}

// enter adds a slot with its first curve to the lowest, and removes the highest of these if they are too many.
func (s *Sample) enter(at *slot) {
	at.low = true
	heap.Push(&s.lowest, at)
	s.curves += curvesIn(at.state)
	if len(s.lowest) > s.target+s.reserve {
		out := heap.Pop(&s.lowest).(*slot)
		out.low, out.curve = false, nil
		s.cached = nil // out may have been a member
		s.curves -= curvesIn(out.state)
	}
}

func curvesIn(state State) int {
	if state == StateCurve {
		return 1
	}
	return 0
}

// Get returns the entry at a rank, without its detail; false if the sample has none there. If the rank is not needed, it may be the
// [Entry.Outline].
func (s *Sample) Get(rank Rank) (Entry, bool) {
	at := s.slots[rank]
	if at == nil {
		return Entry{}, false
	}
	return at.entry(), true
}

// Len returns the number of entries of any state.
func (s *Sample) Len() int { return len(s.slots) }

// Target returns N.
func (s *Sample) Target() int { return s.target }

// Threshold returns the rank above which episodes need not be read. It returns false if there is no such rank yet: while fewer
// than N+R entries have or had a curve. The threshold only falls.
func (s *Sample) Threshold() (Rank, bool) {
	if len(s.lowest) < s.target+s.reserve {
		return Rank{}, false
	}
	return s.lowest[0].rank, true
}

// Needed reports whether an episode of that rank must be read: whether the rank is not above the threshold.
func (s *Sample) Needed(rank Rank) bool {
	threshold, ok := s.Threshold()
	return !ok || rank.Compare(threshold) <= 0
}

// Short reports whether there is a threshold, but fewer than N curves are at or below it. Then the sample may lack episodes that
// were skipped, and the log must be read again in the next epoch.
func (s *Sample) Short() bool {
	_, ok := s.Threshold()
	return ok && s.curves < s.target
}

// Members yields the entries whose curves make the sample, by rank; at most N.
func (s *Sample) Members() iter.Seq2[Rank, Entry] {
	return func(yield func(Rank, Entry) bool) {
		for _, at := range s.count().members {
			if !yield(at.rank, at.entry()) {
				return
			}
		}
	}
}

// Used returns the number of members.
func (s *Sample) Used() int { return len(s.count().members) }

// Accepted estimates the number of accepted episodes that give a curve. If the sample is not full, it is the number of members.
// Else it is (N-1)/u, where u is the N-th rank as a fraction of all ranks; the relative error is about 1/√(N-2). (Bar-Yossef et
// al., 2002; Beyer et al., 2007.)
func (s *Sample) Accepted() float64 {
	members := s.count().members
	n := len(members)
	if n < s.target || n < 2 {
		return float64(n)
	}
	rank := members[n-1].rank
	return float64(n-1) / (float64(binary.BigEndian.Uint64(rank[:8])) / (1 << 64))
}

// Attempted returns the number of members and of entries with a reason that rank lower than the highest member. If the sample is
// not full, all entries with a reason count.
func (s *Sample) Attempted() int { return len(s.count().members) + s.count().reasons }

// Reasons returns the reasons of the entries that Attempted counts beside the members, the most frequent first. The slice is
// shared; it must not be changed.
func (s *Sample) Reasons() []ReasonCount { return s.count().byReason }

// Digest identifies the result of a sample: samples with different results have different digests. It is the first 16 hex digits
// of SHA-256 over the rank, state and value hash of all members and of the reasons that Attempted counts, by rank. The value is
// the curve with its signature, seconds and quality, bit for bit, or the reason. The place in the log, the detail and the other
// entries do not matter.
type Digest string

// Digest returns the digest of the present result.
func (s *Sample) Digest() Digest { return s.count().digest }

// Envelope returns the envelope of the members with the given number of points. The slices belong to the caller.
func (s *Sample) Envelope(points int) Envelope {
	counted := s.count()
	members := make([]Entry, len(counted.members))
	for i, at := range counted.members {
		members[i] = at.entry()
	}
	e := EnvelopeOf(members, points)
	e.SetReasons(counted.byReason)
	e.Attempted = s.Attempted()
	e.Target = s.target
	e.Complete = e.Used == s.target
	e.Digest = counted.digest
	return e
}

// counted has the entries that count.
type counted struct {
	members  []*slot // by rank
	reasons  int
	byReason []ReasonCount
	digest   Digest
}

// count returns the entries that count now.
func (s *Sample) count() *counted {
	if s.cached != nil {
		return s.cached
	}
	members := make([]*slot, 0, s.curves)
	for _, at := range s.lowest {
		if at.state == StateCurve {
			members = append(members, at)
		}
	}
	slices.SortFunc(members, byRank)
	members = members[:min(len(members), s.target)]

	all := slices.Clone(members)
	full := len(members) == s.target
	for _, at := range s.slots {
		if at.state == StateReason && (!full || byRank(at, members[len(members)-1]) < 0) {
			all = append(all, at)
		}
	}
	slices.SortFunc(all, byRank)
	s.cached = &counted{members: members, reasons: len(all) - len(members), byReason: countSlots(all), digest: digest(all)}
	return s.cached
}

// countSlots counts the reasons of slots, which are sorted by rank.
func countSlots(slots []*slot) []ReasonCount {
	return CountReasons(func(yield func(Rank, Entry) bool) {
		for _, at := range slots {
			if at.state == StateReason && !yield(at.rank, at.entry()) {
				return
			}
		}
	})
}

func byRank(a, b *slot) int { return a.rank.Compare(b.rank) }

func digest(slots []*slot) Digest {
	hash := sha256.New()
	for _, at := range slots {
		hash.Write(at.rank[:])
		hash.Write(at.value[:])
	}
	return Digest(hex.EncodeToString(hash.Sum(nil)[:8]))
}

// hashValue returns the first 8 bytes of SHA-256 over an entry's state and reason, or state, curve, signature, seconds and quality.
// All gaps count as equal.
func hashValue(e Entry) [8]byte {
	text := make([]byte, 0, 256+(8+4*len(e.Signature))*len(e.Curve))
	text = append(text, byte(e.State))
	text = append(text, e.Reason...)
	for _, v := range e.Curve {
		if v != v {
			v = math.NaN()
		}
		text = binary.BigEndian.AppendUint64(text, math.Float64bits(v))
	}
	for _, row := range e.Signature {
		for _, v := range row {
			text = binary.BigEndian.AppendUint32(text, bitsOf(v))
		}
	}
	if e.State == StateCurve {
		for _, v := range e.Seconds {
			text = binary.BigEndian.AppendUint32(text, bitsOf(v))
		}
		for _, n := range e.Quality.counts() {
			text = binary.BigEndian.AppendUint64(text, uint64(n))
		}
		text = binary.BigEndian.AppendUint32(text, bitsOf(e.Quality.Longest))
	}
	sum := sha256.Sum256(text)
	return [8]byte(sum[:8])
}

// lowestSlots is a heap (container/heap) with the slot of highest rank on top.
type lowestSlots []*slot

func (h lowestSlots) Len() int           { return len(h) }
func (h lowestSlots) Less(i, j int) bool { return byRank(h[i], h[j]) > 0 }
func (h lowestSlots) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lowestSlots) Push(x any)        { *h = append(*h, x.(*slot)) }
func (h *lowestSlots) Pop() any {
	last := len(*h) - 1
	top := (*h)[last]
	*h = (*h)[:last]
	return top
}
