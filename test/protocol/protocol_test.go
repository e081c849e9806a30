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

// manyRetractions is a log that retracts more than the sample has in reserve, and
// accepts some of it again.
var manyRetractions = [][]notice{acceptAll(4), {takeBack(0)}, {accept(4), takeBack(1), accept(1), accept(0)}, {takeBack(2), takeBack(3)}, {takeBack(0)}}

// The scopes. N (target) is 1 or 2, so R is 1.
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
	waits     = scope{target: 1, workers: 2, inHand: 1, started: true, steady: true, script: [][]notice{{accept(1), accept(0)}}, faults: map[kind]int{handBack: 2}}
	putAgain  = scope{target: 2, workers: 1, inHand: 1, started: true, steady: true, script: [][]notice{{accept(0), accept(1), accept(0)}}, faults: map[kind]int{crash: 1}}
	lostPut   = scope{target: 1, workers: 1, inHand: 1, started: true, script: [][]notice{{accept(0)}}, faults: map[kind]int{losePuts: 1}}

	big = scope{target: 2, workers: 3, inHand: 2, script: manyRetractions, epochs: 3}
)

// with returns a scope with these faults, one of each kind given.
func (sc scope) with(epochs uint8, kinds ...kind) scope {
	sc.faults, sc.epochs = map[kind]int{}, epochs
	for _, k := range kinds {
		sc.faults[k]++
	}
	return sc
}

// checked returns a scope in which all workers check their streams as soon as one was
// restored.
func (sc scope) checked() scope {
	sc.promptly = true
	return sc
}

var (
	crashes       = big.with(3, crash, crash, crash, expire, expire, expire, handBack, handBack, expirePuts, expirePuts)
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

// everyOrder are the scopes that are small enough to visit every state.
var everyOrder = map[string]*scope{
	"two accepts, a worker dies":                          &accepts,
	"two accepts, one redelivered, puts redelivered":      &redeliver,
	"accept, retract, accept again, one redelivered":      &again3,
	"accept, retract, one redelivered":                    &takenBack,
	"accept, retract, replace the archive, accept again":  &replaced,
	"as many retracted as are in reserve":                 &reserve,
	"more retracted than are in reserve":                  &short,
	"unusable archives":                                   &unusable,
	"an archive that comes late, the accept redelivered":  &late,
	"two accepts, one of them again, the worker dies":     &putAgain,
	"two accepts, handed back before their archives came": &waits,
}

// TestEveryOrder visits every state of small scopes, with the comparison off.
func TestEveryOrder(t *testing.T) {
	for name, sc := range everyOrder {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && (sc == &redeliver || sc == &again3) {
				t.Skip("it has about 100,000 states; make test-all visits them")
			}
			m := newModel(*sc, without(compareEnvelopes))
			tr, c := m.search(200_000)
			if tr != nil {
				t.Fatalf("\n%s", m.describe(tr))
			}
			if !c.whole {
				t.Errorf("there are more states than %d", c.states)
			}
			t.Logf("%d states, %d of them final", c.states, c.ends)
		})
	}
}

// seconds returns the time for one of the parts of the random tests.
func seconds(t *testing.T, parts int) time.Duration {
	total := 5.0
	if testing.Short() {
		total = 1
	}
	if text := os.Getenv("PROFILES_MODEL_SECONDS"); text != "" {
		var err error
		if total, err = strconv.ParseFloat(text, 64); err != nil {
			t.Fatalf("PROFILES_MODEL_SECONDS: %v", err)
		}
	}
	return time.Duration(total * float64(time.Second) / float64(parts))
}

// firstSeed returns the seed of the first random schedule. It is always the same,
// unless PROFILES_MODEL_SECONDS is set: then each run has other seeds.
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
		{"puts are skipped", off{}, putsLost},
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
					t.Fatalf("PROFILES_MODEL_SEED=%d, %d steps, shrunk:\n%s", seed, len(tr.steps), m.describe(m.shrink(tr)))
				}
			}
			t.Logf("%d schedules, %d steps", runs, steps)
		})
	}
}

// anyLog returns a scope with a random mix of accepts and retractions.
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

// A mutant is the protocol without one rule, and the failure that must follow.
type mutant struct {
	rule  rule
	scope *scope
	off   off    // rules that are off as well
	wrong string // part of the violation
}

const (
	goesBack      = "as_of goes back"
	shrinks       = "the envelope shrinks"
	isMissing     = "there is no envelope"
	isNotBatch    = "the envelope is not the batch's"
	tooManyEpochs = "raised without need"
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
	{generationIncarnations, &logLost, without(compareEnvelopes), isNotBatch},
	{readRetractions, &short, without(compareEnvelopes), tooManyEpochs},
	{raiseWhenShort, &short, without(compareEnvelopes), isNotBatch},
	{compareEnvelopes, &lostPut, off{}, isMissing},
	{logEnds, &logBack, off{}, isNotBatch},
	{logNames, &logBackUnseen, off{}, isNotBatch},
	{retractionsBeyond, &logBack, off{}, isNotBatch},
	{curvesWentBack, &curvesBack, without(entriesStay), isNotBatch},
	{entriesStay, &curvesUnseen, off{}, isNotBatch},
	{handBackWaiting, &waits, without(compareEnvelopes), isMissing},
}

// withoutMutant are the rules without which no failure was ever found, and why.
var withoutMutant = map[rule]string{
	asOfIncarnations: "the id of a generation depends on incarnations, so another incarnation has other keys; the rule is a second safeguard, which TestWriteEnvelope in bus tests",
}

// TestEachRule: each rule has a mutant, or a reason for having none.
func TestEachRule(t *testing.T) {
	for r := range rules {
		found := slices.ContainsFunc(mutants, func(m mutant) bool { return m.rule == r })
		if found == (withoutMutant[r] != "") {
			t.Errorf("%s: a mutant: %t; why it has none: %q", r, found, withoutMutant[r])
		}
	}
}

// TestWithoutRule switches off one rule at a time, and must find the failure that
// follows. With the rule on, one and a half times as many states and schedules must
// find none.
func TestWithoutRule(t *testing.T) {
	for _, c := range mutants {
		t.Run(c.rule.String(), func(t *testing.T) {
			t.Parallel()
			broken := c.off
			broken[c.rule] = true
			found, took := newModel(*c.scope, broken).find(effort{40_000, 20_000})
			if found == nil {
				t.Fatalf("without the rule there is no failure in %s", took)
			}
			trace := newModel(*c.scope, broken).describe(found)
			if !strings.Contains(found.err.Error(), c.wrong) {
				t.Errorf("after %s the failure is not %q:\n%s", took, c.wrong, trace)
			}
			t.Logf("found after %s:\n%s", took, trace)
			if testing.Short() || c.visitedWhole() {
				return // in the short tests, TestAtRandom alone runs large scopes with all rules
			}
			whole := newModel(*c.scope, c.off)
			tr, spent := whole.find(took.more())
			if tr != nil {
				t.Errorf("with the rule, after %s:\n%s", spent, whole.describe(tr))
			}
			t.Logf("with the rule: %s", spent)
		})
	}
}

// visitedWhole reports whether TestEveryOrder visits every state of the scope with
// the rule on.
func (c mutant) visitedWhole() bool {
	for _, sc := range everyOrder {
		if sc == c.scope {
			return c.off == without(compareEnvelopes)
		}
	}
	return false
}

// An effort is a number of states to visit, and of random schedules to run after them.
type effort struct{ states, runs int }

// more returns one and a half times the effort.
func (e effort) more() effort { return effort{e.states + e.states/2, e.runs + e.runs/2} }

func (e effort) String() string {
	if e.runs == 0 {
		return fmt.Sprintf("%d states", e.states)
	}
	return fmt.Sprintf("%d schedules", e.runs)
}

// find looks for a violation: breadth first, so that its trace is a shortest one, and
// then at random, from fixed seeds. It also returns the effort that was needed.
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

// large reports whether a scope has too many states to visit each.
func (sc scope) large() bool { return sc.workers > 2 }

// TestMutant compares the model's own arithmetic, in which rules can be switched off,
// with package fit. With all rules on they must agree.
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
			st := c.selection(&entries)
			if threshold, short := c.mutated(&entries); threshold != st.threshold || short != st.short {
				t.Fatalf("target %d, %v: threshold %d, short %t; fit says %d, %t", target, entries, threshold, short, st.threshold, st.short)
			}
		}
	}
}
