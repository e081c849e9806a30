package fit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const samplePoints = 3

// An event is one message of an episode log, with the entry that it gave.
type event struct {
	rank  Rank
	entry Entry
}

// drawLog draws the log of a profile: episodes that are accepted, with a curve or a reason, and some that are retracted. At most
// retractions curves are lost.
func drawLog(t *rapid.T, retractions int) []event {
	var log []event
	seq := uint64(0)
	add := func(episode int, state State, had bool) {
		seq++
		e := Entry{Seq: seq, Host: "h", Episode: fmt.Sprint(episode), State: state, HadCurve: had}
		switch state {
		case StateCurve:
			e.Curve = Curve{float64(episode), float64(seq % 7), nan}
		case StateReason:
			e.Reason = ReasonCorrupt
		}
		log = append(log, event{RankOf(0, e.Host, e.Episode), e})
	}
	have := map[int]State{}
	for episode := range rapid.IntRange(0, 60).Draw(t, "episodes") {
		have[episode] = StateCurve
		if rapid.IntRange(0, 4).Draw(t, "unusable") == 0 {
			have[episode] = StateReason
		}
		add(episode, have[episode], false)
		if retractions > 0 && rapid.IntRange(0, 3).Draw(t, "retract") == 0 {
			out := rapid.IntRange(0, episode).Draw(t, "which")
			if have[out] == StateCurve {
				retractions--
			}
			if have[out] != StateRetracted {
				add(out, StateRetracted, have[out] == StateCurve)
				have[out] = StateRetracted
			}
		}
	}
	return log
}

func drawTarget(t *rapid.T) int { return rapid.IntRange(1, 20).Draw(t, "target") }

func putAll(target int, log []event) *Sample {
	s := NewSample(target)
	for _, e := range log {
		s.Put(e.rank, e.entry)
	}
	return s
}

// batch follows the definition, for the final states: it sorts the usable episodes by rank and takes the first.
func batch(target int, log []event) (used []Rank, attempted int) {
	final := map[Rank]State{}
	for _, e := range log {
		final[e.rank] = e.entry.State
	}
	var reasons []Rank
	for rank, state := range final {
		switch state {
		case StateCurve:
			used = append(used, rank)
		case StateReason:
			reasons = append(reasons, rank)
		}
	}
	slices.SortFunc(used, Rank.Compare)
	full := len(used) >= target
	used = used[:min(len(used), target)]
	attempted = len(used)
	for _, rank := range reasons {
		if !full || rank.Compare(used[target-1]) < 0 {
			attempted++
		}
	}
	return used, attempted
}

func members(s *Sample) []Rank {
	var ranks []Rank
	for rank := range s.Members() {
		ranks = append(ranks, rank)
	}
	return ranks
}

// sameSample returns an error if two samples differ in anything that their envelopes depend on.
func sameSample(a, b *Sample) error {
	if !slices.Equal(members(a), members(b)) {
		return fmt.Errorf("members\n%v\n%v", members(a), members(b))
	}
	if x, y := a.Envelope(samplePoints), b.Envelope(samplePoints); !reflect.DeepEqual(x, y) {
		return fmt.Errorf("envelopes\n%+v\n%+v", x, y)
	}
	return nil
}

func TestSampleIsTheBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := drawTarget(t)
		log := drawLog(t, 0)
		s := putAll(target, log)
		used, attempted := batch(target, log)
		if !slices.Equal(members(s), used) || s.Used() != len(used) || s.Attempted() != attempted {
			t.Fatalf("members %v, %d used, %d attempted, want %v, %d", members(s), s.Used(), s.Attempted(), used, attempted)
		}
		e := s.Envelope(samplePoints)
		if e.Used != len(used) || e.Attempted != attempted || e.Target != target || e.Complete != (len(used) == target) || e.Digest != s.Digest() {
			t.Fatalf("envelope %+v of %d used, %d attempted, digest %s", e, len(used), attempted, s.Digest())
		}
		var curves []Curve
		for _, entry := range s.Members() {
			curves = append(curves, entry.Curve)
		}
		if want := EnvelopeOf(entriesOf(curves), samplePoints); !same(e.Median, want.Median) || !same(e.P25, want.P25) || !same(e.P75, want.P75) {
			t.Fatalf("envelope %+v is not that of the members %+v", e, want)
		}
	})
}

func TestSampleForgetsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := drawTarget(t)
		log := drawLog(t, 60)
		shuffled := slices.Clone(log)
		for range rapid.IntRange(0, 20).Draw(t, "duplicates") {
			if len(log) > 0 {
				shuffled = append(shuffled, rapid.SampledFrom(log).Draw(t, "duplicate"))
			}
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "shuffle"), 0))
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })

		a, b := putAll(target, log), putAll(target, shuffled)
		if err := sameSample(a, b); err != nil {
			t.Fatal(err)
		}
		at, aok := a.Threshold()
		bt, bok := b.Threshold()
		if at != bt || aok != bok || a.Short() != b.Short() || a.Len() != b.Len() {
			t.Fatalf("thresholds %v %t, %v %t; short %t, %t", at, aok, bt, bok, a.Short(), b.Short())
		}
	})
}

// TestSampleMaySkip: a worker that skips all episodes above its threshold gets the same envelope as one that reads everything,
// and as the batch, unless its sample is short. If at most R curves were lost, it is not short.
func TestSampleMaySkip(t *testing.T) {
	short := 0
	rapid.Check(t, func(t *rapid.T) {
		target := drawTarget(t)
		reserve := max(target/4, 1)
		retractions := rapid.SampledFrom([]int{0, reserve, 60}).Draw(t, "retractions")
		log := drawLog(t, retractions)
		full := putAll(target, log)
		skipping := NewSample(target)
		for _, e := range log {
			if skipping.Needed(e.rank) {
				skipping.Put(e.rank, e.entry)
			}
		}
		if skipping.Short() != full.Short() {
			t.Fatalf("short: %t with skips, %t without", skipping.Short(), full.Short())
		}
		if skipping.Short() {
			short++
			if retractions <= reserve {
				t.Fatalf("short after at most %d lost curves", retractions)
			}
			if skipping.Used() >= target || skipping.Envelope(samplePoints).Complete {
				t.Fatalf("short with %d of %d", skipping.Used(), target)
			}
			return
		}
		if err := sameSample(full, skipping); err != nil {
			t.Fatal(err)
		}
		used, attempted := batch(target, log)
		if !slices.Equal(members(skipping), used) || skipping.Attempted() != attempted {
			t.Fatalf("members %v, %d attempted, want %v, %d", members(skipping), skipping.Attempted(), used, attempted)
		}
	})
	if short == 0 && !testing.Short() { // with -short rapid draws 20 logs, and in one of five runs none of them is short
		t.Error("no log made a sample short")
	}
}

func TestThreshold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := drawTarget(t)
		s := NewSample(target)
		var last Rank
		had := map[Rank]bool{}
		live := map[Rank]bool{}
		known := false
		for _, e := range drawLog(t, 60) {
			s.Put(e.rank, e.entry)
			live[e.rank] = e.entry.State == StateCurve
			if live[e.rank] {
				had[e.rank] = true
			}
			ranks := slices.SortedFunc(mapKeys(had), Rank.Compare)
			n := target + max(target/4, 1)
			rank, ok := s.Threshold()
			if ok != (len(ranks) >= n) || ok && rank != ranks[n-1] {
				t.Fatalf("threshold %v, %t after the curves %v", rank, ok, ranks)
			}
			if known && (!ok || rank.Compare(last) > 0) {
				t.Fatalf("the threshold rises from %v to %v, %t", last, rank, ok)
			}
			last, known = rank, ok
			below := 0
			for rank, alive := range live {
				if alive && s.Needed(rank) {
					below++
				}
			}
			if s.Short() != (ok && below < target) {
				t.Fatalf("short is %t with %d of %d at or below the threshold %v, %t", s.Short(), below, target, rank, ok)
			}
			if s.Used() != min(below, target) {
				t.Fatalf("%d used of %d", s.Used(), below)
			}
			for rank, alive := range live {
				if have, _ := s.Get(rank); alive && (have.Curve != nil) != s.Needed(rank) {
					t.Fatalf("needed %t, but the curve of %v is %v", s.Needed(rank), rank, have.Curve)
				}
			}
		}
	})
}

func mapKeys(m map[Rank]bool) func(func(Rank) bool) {
	return func(yield func(Rank) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func rankOf(first byte) Rank { return Rank{first} }

func curveEntry(seq uint64, values ...float64) Entry {
	return Entry{Seq: seq, Host: "h", Episode: "e", State: StateCurve, Curve: values}
}

func TestSampleStep(t *testing.T) {
	s := NewSample(2) // R is 1
	if _, ok := s.Threshold(); ok || s.Short() || !s.Needed(rankOf(255)) || s.Used() != 0 || s.Attempted() != 0 || s.Len() != 0 {
		t.Error("an empty sample is not empty")
	}
	empty := s.Envelope(2)
	if !same(empty.Median, []float64{0, 0}) || empty.Complete || empty.Target != 2 || empty.Min != 0 || empty.Max != 0 {
		t.Errorf("envelope of an empty sample: %+v", empty)
	}

	s.Put(rankOf(50), curveEntry(1, 5, 1))
	s.Put(rankOf(70), curveEntry(2, 7, 1))
	s.Put(rankOf(60), Entry{Seq: 3, Host: "h", Episode: "e", State: StateReason, Reason: ReasonMissing})
	s.Put(rankOf(80), Entry{Seq: 4, Host: "h", Episode: "e", State: StateReason, Reason: ReasonMissing})
	e := s.Envelope(2)
	if !same(e.Median, []float64{6, 1}) || !e.Complete || e.Used != 2 || e.Attempted != 3 || e.Min != 1 || e.Max != 6 {
		t.Errorf("envelope of two: %+v", e)
	}
	if _, ok := s.Threshold(); ok {
		t.Error("two curves make a threshold")
	}

	s.Put(rankOf(90), curveEntry(5, 9, 1)) // the reserve
	if rank, ok := s.Threshold(); !ok || rank != rankOf(90) {
		t.Errorf("threshold %v, %t", rank, ok)
	}
	if again := s.Envelope(2); !reflect.DeepEqual(again, e) {
		t.Errorf("the reserve changes the envelope to %+v", again)
	}
	if !s.Needed(rankOf(90)) || s.Needed(rankOf(91)) {
		t.Error("Needed differs from being at or below the threshold")
	}

	retract := func(seq uint64) Entry { return Entry{Seq: seq, Host: "h", Episode: "e", State: StateRetracted} }
	s.Put(rankOf(50), retract(6))
	if e := s.Envelope(2); !same(e.Median, []float64{8, 1}) || e.Attempted != 4 || !e.Complete || s.Short() {
		t.Errorf("after one retraction: %+v, short %t", e, s.Short())
	}
	s.Put(rankOf(70), retract(7))
	if e := s.Envelope(2); e.Used != 1 || e.Attempted != 3 || e.Complete || !s.Short() {
		t.Errorf("after two: %+v, short %t", e, s.Short())
	}
	s.Put(rankOf(10), curveEntry(8, 1, 1))
	if rank, _ := s.Threshold(); rank != rankOf(70) || !s.Short() || s.Used() != 1 {
		t.Errorf("a new curve: threshold %v, short %t, %d used", rank, s.Short(), s.Used())
	}
}

func TestMembersMayBeLeft(t *testing.T) {
	s := NewSample(3)
	s.Put(rankOf(2), curveEntry(1, 2))
	s.Put(rankOf(1), curveEntry(1, 1))
	for rank, e := range s.Members() {
		if rank != rankOf(1) || e.Curve[0] != 1 {
			t.Errorf("first member %v: %+v", rank, e)
		}
		break
	}
}

func TestPutReportsChange(t *testing.T) {
	s := NewSample(1)
	if s.Put(rankOf(1), Entry{Seq: 9}) || s.Len() != 0 {
		t.Error("an entry without a state was put")
	}
	if _, ok := s.Get(rankOf(1)); ok {
		t.Error("an entry that was not put")
	}
	if !s.Put(rankOf(1), curveEntry(1, 2)) || s.Put(rankOf(1), curveEntry(1, 2)) || !s.Put(rankOf(1), curveEntry(2, 2)) || s.Put(rankOf(1), curveEntry(1, 9)) {
		t.Error("Put does not report a change")
	}
	if e, ok := s.Get(rankOf(1)); !ok || e.Seq != 2 || e.Curve[0] != 2 {
		t.Errorf("got %+v, %t", e, ok)
	}
	if NewSample(-1).Target() != 1 {
		t.Error("a sample of less than one")
	}
}

// TestMemberLeaves: an episode whose curve was retracted before the sample got it is among the lowest without being a member. It
// may remove a member from the lowest.
func TestMemberLeaves(t *testing.T) {
	retracted := func(seq uint64, had bool) Entry {
		return Entry{Seq: seq, Host: "h", Episode: "e", State: StateRetracted, HadCurve: had}
	}
	entries := func(put func(byte, Entry)) {
		for i := byte(2); i <= 6; i++ {
			put(i, Entry{Seq: uint64(i), Host: "h", Episode: "e", State: StateCurve, Curve: Curve{1}})
		}
		put(2, retracted(20, true))
	}
	s, whole := NewSample(4), NewSample(4) // which keep the five lowest
	s.Put(rankOf(1), retracted(10, false))
	entries(func(i byte, e Entry) { s.Put(rankOf(i), e) })
	if s.Used() != 4 || s.Digest() == "" {
		t.Fatalf("%d used", s.Used())
	}
	s.Put(rankOf(1), retracted(30, true))
	whole.Put(rankOf(1), retracted(30, true))
	entries(func(i byte, e Entry) { whole.Put(rankOf(i), e) })
	if s.Used() != 3 || !s.Short() || s.Digest() != whole.Digest() {
		t.Errorf("%d used, digest %s; anew %d, %s", s.Used(), s.Digest(), whole.Used(), whole.Digest())
	}
}

// TestSampleWithoutDetail: a sample does not depend on the details of reasons, and does not keep them.
func TestSampleWithoutDetail(t *testing.T) {
	e := Entry{Seq: 3, Host: "h", Episode: "e", State: StateReason, Reason: ReasonCorrupt, HadCurve: true}
	long := e
	long.Detail = "zstd: wrong checksum"
	for _, put := range [][]Entry{{e}, {long}, {e, long}, {long, e}} {
		s := NewSample(1)
		for _, e := range put {
			s.Put(rankOf(1), e)
		}
		if have, ok := s.Get(rankOf(1)); !ok || !reflect.DeepEqual(have, e) || s.Digest() != "b3ba29aa7856ae7d" {
			t.Errorf("%+v gives %+v, digest %s", put, have, s.Digest())
		}
	}
}

func TestAccepted(t *testing.T) {
	s := NewSample(3)
	for i, want := range []float64{1, 2, 2 / (30.0 / 256), 2 / (30.0 / 256), 2 / (15.0 / 256)} {
		s.Put(rankOf([]byte{10, 20, 30, 40, 15}[i]), curveEntry(1, 1))
		if i == 4 {
			s.Put(rankOf(10), Entry{Seq: 9, Host: "h", Episode: "e", State: StateRetracted})
			want = 2 / (30.0 / 256)
		}
		if got := s.Accepted(); math.Abs(got-want) > 1e-9*want {
			t.Errorf("after %d: %v accepted, want %v", i+1, got, want)
		}
	}
	// For many episodes, the estimate is near their number.
	s = NewSample(400)
	const n = 20_000
	for i := range n {
		s.Put(RankOf(1, "h", fmt.Sprint(i)), curveEntry(1, 1))
	}
	if got := s.Accepted(); math.Abs(got-n) > n/5 {
		t.Errorf("%v accepted, want about %d", got, n)
	}
}
