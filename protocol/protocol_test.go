package protocol

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

func accept(e uint8) notice   { return notice{episode: e} }
func takeBack(e uint8) notice { return notice{episode: e, retracted: true} }

// acceptAll accepts the episodes 0 to n-1, the highest rank first.
func acceptAll(n uint8) (all []notice) {
	for n > 0 {
		n--
		all = append(all, accept(n))
	}
	return all
}

// hard is a log that takes back more than the sample has in reserve, and accepts
// some of it again.
var hard = [][]notice{acceptAll(4), {takeBack(0)}, {accept(4), takeBack(1), accept(1), accept(0)}, {takeBack(2), takeBack(3)}, {takeBack(0)}}

// The scopes. N is 1 or 2, so R is 1.
var (
	accepts   = scope{target: 1, workers: 2, inHand: 1, started: true, steady: true, script: [][]notice{{accept(1), accept(0)}}, faults: map[kind]int{crash: 1}}
	redeliver = scope{target: 1, workers: 2, inHand: 1, started: true, steady: true, script: [][]notice{{accept(1), accept(0)}}, faults: map[kind]int{expire: 1, expirePuts: 1}}
	again3    = scope{target: 1, workers: 2, inHand: 1, started: true, script: [][]notice{{accept(0), takeBack(0), accept(0)}}, faults: map[kind]int{expire: 1}}
	takenBack = scope{target: 1, workers: 2, inHand: 1, started: true, script: [][]notice{{accept(0), takeBack(0)}}, faults: map[kind]int{expire: 1}}
	replaced  = scope{target: 1, workers: 2, inHand: 1, started: true, replaced: true, script: [][]notice{{accept(0)}, {takeBack(0)}, {accept(0)}}}
	reserve   = scope{target: 1, workers: 1, inHand: 1, started: true, script: [][]notice{{accept(1), accept(0)}, {takeBack(0)}}}
	short     = scope{target: 1, workers: 1, inHand: 1, started: true, epochs: 1, script: [][]notice{{accept(0), accept(1), accept(2)}, {takeBack(0), takeBack(1)}}}
	unusable  = scope{target: 1, workers: 2, inHand: 1, started: true, script: [][]notice{{accept(0), accept(1), accept(2)}}, unusable: [maxEpisodes]bool{true, true}}
	late      = scope{target: 1, workers: 2, inHand: 1, started: true, script: [][]notice{{accept(0)}}, late: [maxEpisodes]bool{true}, faults: map[kind]int{expire: 1, arrive: 1}}
	raised    = scope{target: 2, workers: 2, inHand: 1, steady: true, script: [][]notice{{accept(0), accept(1)}, {accept(0)}}, faults: map[kind]int{crash: 1}}
	lostPut   = scope{target: 1, workers: 1, inHand: 1, started: true, script: [][]notice{{accept(0)}}, faults: map[kind]int{losePuts: 1}}

	big = scope{target: 2, workers: 3, inHand: 2, script: hard, epochs: 3}
)

// with are faults added to a scope.
func (sc scope) with(epochs uint8, kinds ...kind) scope {
	sc.faults, sc.epochs = map[kind]int{}, epochs
	for _, k := range kinds {
		sc.faults[k]++
	}
	return sc
}

// checked is a scope in which what is restored is checked before anything else happens.
func (sc scope) checked() scope {
	sc.promptly = true
	return sc
}

var (
	crashes       = big.with(3, crash, crash, crash, expire, expire, expire, expirePuts, expirePuts)
	logLost       = big.with(4, crash, expire, loseLog)
	curvesLost    = big.with(4, crash, expire, loseCurves)
	restLost      = big.with(4, crash, expire, loseEnvelopes, loseSpecs)
	allLost       = big.with(6, crash, expire, loseAll, loseSpecs)
	logBack       = big.with(6, crash, backup, restoreLog).checked()
	logBackUnseen = big.with(6, backup, restoreLog)
	curvesBack    = big.with(6, crash, backup, restoreCurves).checked()
	curvesUnseen  = big.with(6, backup, restoreCurves)
	allBack       = big.with(6, crash, backup, restoreAll).checked()
	allUnseen     = big.with(6, backup, restoreAll)
	putsLost      = big.with(3, losePuts, losePuts, crash)
)

// TestEveryOrder visits every state of small scopes, with the comparison off.
func TestEveryOrder(t *testing.T) {
	for name, sc := range map[string]scope{
		"two accepts, a worker dies":                         accepts,
		"two accepts, one redelivered, puts redelivered":     redeliver,
		"accept, retract, accept again, one redelivered":     again3,
		"accept, retract, one redelivered":                   takenBack,
		"accept, retract, replace the archive, accept again": replaced,
		"as many retracted as are in reserve":                reserve,
		"more retracted than are in reserve":                 short,
		"unusable archives":                                  unusable,
		"an archive that comes late, the accept redelivered": late,
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(sc, without(compareEnvelopes))
			tr, c := m.search(200_000)
			if tr != nil {
				t.Fatalf("\n%s", m.tell(tr))
			}
			if !c.whole {
				t.Errorf("%d states were not all", c.states)
			}
			t.Logf("%d states, %d of them at rest", c.states, c.ends)
		})
	}
}

// seconds is how long a part of the random exploration may take.
func seconds(t *testing.T, parts int) time.Duration {
	total := 5.0
	if text := os.Getenv("PROFILES_MODEL_SECONDS"); text != "" {
		var err error
		if total, err = strconv.ParseFloat(text, 64); err != nil {
			t.Fatalf("PROFILES_MODEL_SECONDS: %v", err)
		}
	}
	return time.Duration(total * float64(time.Second) / float64(parts))
}

// firstSeed is where random schedules begin: always at the same, but at another
// where the model is given time of its own.
func firstSeed(t *testing.T) uint64 {
	text := os.Getenv("PROFILES_MODEL_SEED")
	switch {
	case text == "" && os.Getenv("PROFILES_MODEL_SECONDS") == "":
		return 1
	case text == "":
		return uint64(time.Now().UnixNano())
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("PROFILES_MODEL_SEED: %v", err)
	}
	return seed
}

// TestAtRandom runs random schedules of larger scopes with all rules.
func TestAtRandom(t *testing.T) {
	compareOff := without(compareEnvelopes)
	cases := []struct {
		name string
		off  off
		scope
	}{
		{"workers die, messages are redelivered", compareOff, crashes},
		{"any log", compareOff, scope{}},
		{"the log is lost", compareOff, logLost},
		{"the curves are lost", compareOff, curvesLost},
		{"envelopes and specs are lost", off{}, restLost},
		{"all is lost", off{}, allLost},
		{"puts are passed over", off{}, putsLost},
		{"the log comes back from a backup", off{}, logBack},
		{"the log comes back and grows unseen", off{}, logBackUnseen},
		{"the curves come back from a backup", off{}, curvesBack},
		{"the curves come back and grow unseen", off{}, curvesUnseen},
		{"all comes back from a backup", off{}, allBack},
		{"all comes back and grows unseen", off{}, allUnseen},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			seed := firstSeed(t)
			m := newModel(c.scope, c.off)
			runs, steps := 0, 0
			for end := time.Now().Add(seconds(t, len(cases))); time.Now().Before(end); seed++ {
				rng := rand.New(rand.NewPCG(seed, 0))
				if c.scope.workers == 0 {
					m.scope = anyLog(rng)
				}
				tr := m.walk(rng)
				runs, steps = runs+1, steps+len(tr.steps)
				if tr.err != nil {
					t.Fatalf("PROFILES_MODEL_SEED=%d, %d steps, shrunk:\n%s", seed, len(tr.steps), m.tell(m.shrink(tr)))
				}
			}
			t.Logf("%d schedules, %d steps", runs, steps)
		})
	}
}

// anyLog is a scope with any mix of accepting, retracting and accepting again.
func anyLog(rng *rand.Rand) scope {
	sc := scope{target: 2, workers: 2, inHand: 2, replaced: rng.IntN(2) == 0, faults: map[kind]int{crash: 1, expire: 2}}
	for range 3 + rng.IntN(4) {
		var group []notice
		for range 1 + rng.IntN(5) {
			n := notice{episode: uint8(rng.IntN(7)), retracted: rng.IntN(5) < 2}
			group = append(group, n)
			if n.retracted {
				sc.epochs++
			}
		}
		sc.script = append(sc.script, group)
	}
	for i := range sc.unusable {
		sc.unusable[i] = rng.IntN(6) == 0
	}
	return sc
}

// TestWithoutRule takes out one rule at a time: what then goes wrong must be
// found, in a scope in which nothing goes wrong with the rule.
func TestWithoutRule(t *testing.T) {
	for _, c := range []struct {
		rule rule
		scope
		off off // besides
	}{
		{waitForView, accepts, without(compareEnvelopes)},
		{neverOverLater, accepts, without(compareEnvelopes)},
		{casEnvelope, accepts, without(compareEnvelopes)},
		{entryThenAck, accepts, without(compareEnvelopes)},
		{envelopeThenAck, accepts, without(compareEnvelopes)},
		{laterEntryWins, takenBack, without(compareEnvelopes, entriesStay)},
		{curveBeatsReason, late, without(compareEnvelopes)},
		{readAgain, replaced, without(compareEnvelopes)},
		{casEntry, takenBack, without(compareEnvelopes, entriesStay)},
		{tombstones, takenBack, without(compareEnvelopes, entriesStay)},
		{slack, reserve, without(compareEnvelopes)},
		{onlyCurves, unusable, without(compareEnvelopes)},
		{hadCurves, short, without(compareEnvelopes)},
		{wholeSnapshot, raised, without(compareEnvelopes)},
		{generationLives, logLost, without(compareEnvelopes)},
		{readRetractions, short, without(compareEnvelopes)},
		{raiseWhenShort, short, without(compareEnvelopes)},
		{compareEnvelopes, lostPut, off{}},
		{logEnds, logBack, off{}},
		{logNames, logBackUnseen, off{}},
		{retractionsBeyond, logBack, off{}},
		{curvesWentBack, curvesBack, without(entriesStay)},
		{entriesStay, curvesUnseen, off{}},
	} {
		t.Run(c.rule.String(), func(t *testing.T) {
			broken := c.off
			broken[c.rule] = true
			found, effort := newModel(c.scope, broken).find(40_000, 20_000)
			if found == nil {
				t.Fatalf("nothing goes wrong without the rule: %s", effort)
			}
			t.Logf("found after %s:\n%s", effort, newModel(c.scope, broken).tell(found))

			whole := newModel(c.scope, c.off)
			if tr, effort := whole.find(0, 100); tr != nil {
				t.Errorf("with the rule, after %s:\n%s", effort, whole.tell(tr))
			}
		})
	}
}

// find looks for a violation: among the nearest states first, so that what it
// finds there is among the shortest, then at random, from fixed seeds.
func (m *model) find(states, runs int) (*trace, string) {
	if states > 0 && !m.scope.large() {
		tr, c := m.search(states)
		if tr != nil || c.whole {
			return tr, fmt.Sprintf("%d states", c.states)
		}
	}
	for seed := range runs {
		if tr := m.walk(rand.New(rand.NewPCG(uint64(seed), 0))); tr.err != nil {
			return m.shrink(tr), fmt.Sprintf("%d schedules", seed+1)
		}
	}
	return nil, fmt.Sprintf("%d schedules", runs)
}

// large tells whether a scope is beyond visiting every state.
func (sc scope) large() bool { return sc.workers > 2 }

// TestMutant holds the arithmetic that rules are taken out of against package
// fit's: with none taken out they must agree.
func TestMutant(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for target := 1; target <= 5; target++ {
		c := newCalculator(target, off{})
		for range 2000 {
			var entries slots
			for i := range entries {
				if entries[i].state = uint8(rng.IntN(4)); entries[i].state != none {
					entries[i].seq = 1
					entries[i].had = entries[i].state != curve && rng.IntN(2) == 0
				}
			}
			st := c.standing(&entries)
			if threshold, short := c.mutated(&entries); threshold != st.threshold || short != st.short {
				t.Fatalf("target %d, %v: threshold %d, short %t; fit says %d, %t", target, entries, threshold, short, st.threshold, st.short)
			}
		}
	}
}
