package protocol

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
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
	putAgain  = scope{target: 2, workers: 1, inHand: 1, started: true, steady: true, script: [][]notice{{accept(0), accept(1), accept(0)}}, faults: map[kind]int{crash: 1}}
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

// everyOrder are the scopes that are small enough to visit every state of them.
var everyOrder = map[string]*scope{
	"two accepts, a worker dies":                         &accepts,
	"two accepts, one redelivered, puts redelivered":     &redeliver,
	"accept, retract, accept again, one redelivered":     &again3,
	"accept, retract, one redelivered":                   &takenBack,
	"accept, retract, replace the archive, accept again": &replaced,
	"as many retracted as are in reserve":                &reserve,
	"more retracted than are in reserve":                 &short,
	"unusable archives":                                  &unusable,
	"an archive that comes late, the accept redelivered": &late,
	"two accepts, one of them again, the worker dies":    &putAgain,
}

// TestEveryOrder visits every state of small scopes, with the comparison off.
func TestEveryOrder(t *testing.T) {
	for name, sc := range everyOrder {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newModel(*sc, without(compareEnvelopes))
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

// A mutant is the protocol without one rule, and what goes wrong with it.
type mutant struct {
	rule  rule
	scope *scope
	off   off    // besides
	wrong string // part of the violation
}

const (
	goesBack      = "as_of goes back"
	shrinks       = "the envelope shrinks"
	isMissing     = "there is no envelope"
	isNotBatch    = "the envelope is not the batch's"
	tooManyEpochs = "there is no need of so many"
)

var mutants = []mutant{
	{waitForView, &accepts, without(compareEnvelopes), isNotBatch},
	{neverOverLater, &accepts, without(compareEnvelopes), goesBack},
	{casEnvelope, &accepts, without(compareEnvelopes), goesBack},
	{entryThenAck, &accepts, without(compareEnvelopes), isNotBatch},
	{envelopeThenAck, &accepts, without(compareEnvelopes), isMissing},
	{laterEntryWins, &takenBack, without(compareEnvelopes, entriesStay), isNotBatch},
	{curveBeatsReason, &late, without(compareEnvelopes), isNotBatch},
	{readAgain, &replaced, without(compareEnvelopes), isNotBatch},
	{casEntry, &takenBack, without(compareEnvelopes, entriesStay), isNotBatch},
	{tombstones, &takenBack, without(compareEnvelopes, entriesStay), isNotBatch},
	{slack, &reserve, without(compareEnvelopes), tooManyEpochs},
	{onlyCurves, &unusable, without(compareEnvelopes), tooManyEpochs},
	{hadCurves, &short, without(compareEnvelopes), isNotBatch},
	{wholeSnapshot, &putAgain, without(compareEnvelopes), shrinks},
	{generationLives, &logLost, without(compareEnvelopes), isNotBatch},
	{readRetractions, &short, without(compareEnvelopes), tooManyEpochs},
	{raiseWhenShort, &short, without(compareEnvelopes), isNotBatch},
	{compareEnvelopes, &lostPut, off{}, isMissing},
	{logEnds, &logBack, off{}, isNotBatch},
	{logNames, &logBackUnseen, off{}, isNotBatch},
	{retractionsBeyond, &logBack, off{}, isNotBatch},
	{curvesWentBack, &curvesBack, without(entriesStay), isNotBatch},
	{entriesStay, &curvesUnseen, off{}, isNotBatch},
}

// untraced are the rules without which nothing was ever found to go wrong.
var untraced = map[rule]string{
	asOfLives: "a generation hangs on lives, so another life has other keys: a second bolt, which TestWriteEnvelope in bus holds",
}

// TestEachRule: each rule has a mutant, or a reason why it has none.
func TestEachRule(t *testing.T) {
	for r := range rules {
		found := slices.ContainsFunc(mutants, func(m mutant) bool { return m.rule == r })
		if found == (untraced[r] != "") {
			t.Errorf("%s: a mutant: %t; why it has none: %q", r, found, untraced[r])
		}
	}
}

// TestWithoutRule takes out one rule at a time: what then goes wrong must be
// found, and with the rule nothing must go wrong in half as many states and
// schedules again.
func TestWithoutRule(t *testing.T) {
	for _, c := range mutants {
		t.Run(c.rule.String(), func(t *testing.T) {
			t.Parallel()
			broken := c.off
			broken[c.rule] = true
			found, took := newModel(*c.scope, broken).find(effort{40_000, 20_000})
			if found == nil {
				t.Fatalf("nothing goes wrong without the rule: %s", took)
			}
			told := newModel(*c.scope, broken).tell(found)
			if !strings.Contains(found.err.Error(), c.wrong) {
				t.Errorf("after %s something else than %q goes wrong:\n%s", took, c.wrong, told)
			}
			t.Logf("found after %s:\n%s", took, told)
			if c.visitedWhole() {
				return
			}
			whole := newModel(*c.scope, c.off)
			tr, spent := whole.find(took.half())
			if tr != nil {
				t.Errorf("with the rule, after %s:\n%s", spent, whole.tell(tr))
			}
			t.Logf("with the rule: %s", spent)
		})
	}
}

// visitedWhole tells whether TestEveryOrder visits all that can happen in the
// scope with the rule.
func (c mutant) visitedWhole() bool {
	for _, sc := range everyOrder {
		if sc == c.scope {
			return c.off == without(compareEnvelopes)
		}
	}
	return false
}

// An effort is how many states are visited, and then how many schedules run.
type effort struct{ states, runs int }

// half is an effort and half as much again.
func (e effort) half() effort { return effort{e.states + e.states/2, e.runs + e.runs/2} }

func (e effort) String() string {
	if e.runs == 0 {
		return fmt.Sprintf("%d states", e.states)
	}
	return fmt.Sprintf("%d schedules", e.runs)
}

// find looks for a violation: among the nearest states first, so that what it
// finds there is among the shortest, then at random, from fixed seeds. It returns
// what that took.
func (m *model) find(most effort) (*trace, effort) {
	var took effort
	if !m.scope.large() {
		tr, c := m.search(most.states)
		took.states = c.states
		if tr != nil || c.whole {
			return tr, took
		}
	}
	for took.runs < most.runs {
		rng := rand.New(rand.NewPCG(uint64(took.runs), 0))
		took.runs++
		if tr := m.walk(rng); tr.err != nil {
			return m.shrink(tr), took
		}
	}
	return nil, took
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
