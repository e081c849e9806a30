package protocol

import (
	"math/rand/v2"
	"testing"
	"time"
)

func accept(e uint8) notice   { return notice{episode: e} }
func takeBack(e uint8) notice { return notice{episode: e, retracted: true} }

func TestSmall(t *testing.T) {
	for _, c := range []struct {
		name string
		off  off
		scope
	}{
		{"accepts", without(compareEnvelopes), scope{target: 1, workers: 2, inHand: 1, script: [][]notice{{accept(1), accept(0)}}, faults: map[kind]int{crash: 1}, steady: true, started: true}},
		{"accepts expire", without(compareEnvelopes), scope{target: 1, workers: 2, inHand: 1, script: [][]notice{{accept(1), accept(0)}}, faults: map[kind]int{expire: 1}, steady: true, started: true}},
		{"accept and retract", without(compareEnvelopes), scope{target: 1, workers: 2, inHand: 1, script: [][]notice{{accept(0), takeBack(0), accept(0)}}, faults: map[kind]int{crash: 1}, started: true}},
		{"short", without(compareEnvelopes), scope{target: 1, workers: 1, inHand: 1, script: [][]notice{{accept(0), accept(1), accept(2)}, {takeBack(0), takeBack(1)}}, faults: map[kind]int{crash: 1}, epochs: 1, started: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModel(c.scope, c.off)
			began := time.Now()
			tr, cov := m.search(100_000)
			t.Logf("%+v in %s", cov, time.Since(began))
			if tr != nil {
				t.Error("\n" + m.tell(tr))
			}
		})
	}
}

func TestRandom(t *testing.T) {
	script := [][]notice{{accept(3), accept(2), accept(1), accept(0)}, {takeBack(0)}, {accept(4), takeBack(1), accept(1), accept(0)}, {takeBack(2), takeBack(3)}, {takeBack(0)}}
	for _, c := range []struct {
		name string
		off  off
		scope
	}{
		{"crashes", without(compareEnvelopes), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{crash: 3, expire: 3, expirePuts: 2}, epochs: 3}},
		{"loseLog", without(compareEnvelopes), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{crash: 1, expire: 1, loseLog: 1}, epochs: 4}},
		{"loseCurves", without(compareEnvelopes), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{crash: 1, expire: 1, loseCurves: 1}, epochs: 4}},
		{"loseEnvelopes", without(), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{crash: 1, expire: 1, loseEnvelopes: 1}, epochs: 4}},
		{"loseSpecs", without(), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{crash: 1, expire: 1, loseSpecs: 1}, epochs: 4}},
		{"loseAll", without(), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{crash: 1, expire: 1, loseAll: 1}, epochs: 4}},
		{"loseAll now", without(curvesWentBack, retractionsBeyond, logNames), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{crash: 1, expire: 1, loseAll: 1, loseLog: 1, loseCurves: 1, loseSpecs: 1}, epochs: 6}},
		{"late now", without(compareEnvelopes, curveBeatsReason), scope{target: 2, workers: 3, inHand: 2, script: [][]notice{{accept(0), accept(1)}, {accept(2)}}, late: [maxEpisodes]bool{1: true},
			faults: map[kind]int{crash: 1, expire: 1, arrive: 1}, epochs: 6}},
		{"late", without(compareEnvelopes), scope{target: 2, workers: 3, inHand: 2, script: [][]notice{{accept(0), accept(1)}, {accept(2)}}, late: [maxEpisodes]bool{1: true},
			faults: map[kind]int{crash: 1, expire: 1, arrive: 1}, epochs: 6}},
		{"restoreCurves rule off", without(logNames, curvesWentBack, retractionsBeyond), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreCurves: 1}, epochs: 6, promptly: true}},
		{"restoreCurves prompt", without(logNames), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreCurves: 1}, epochs: 6, promptly: true}},
		{"restoreCurves prompt crash", without(logNames), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreCurves: 1, crash: 1}, epochs: 6, promptly: true}},
		{"restoreCurves late check stamps", without(), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreCurves: 1}, epochs: 6}},
		{"restoreLog rule off", without(logNames, curvesWentBack, retractionsBeyond), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreLog: 1}, epochs: 6, promptly: true}},
		{"restoreLog prompt", without(logNames), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreLog: 1}, epochs: 6, promptly: true}},
		{"restoreLog prompt crash", without(logNames), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreLog: 1, crash: 1}, epochs: 6, promptly: true}},
		{"restoreLog late check stamps", without(), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreLog: 1}, epochs: 6}},
		{"restoreAll rule off", without(logNames, curvesWentBack, retractionsBeyond), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreAll: 1}, epochs: 6, promptly: true}},
		{"restoreAll prompt", without(logNames), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreAll: 1}, epochs: 6, promptly: true}},
		{"restoreAll prompt crash", without(logNames), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreAll: 1, crash: 1}, epochs: 6, promptly: true}},
		{"restoreAll late check stamps", without(), scope{target: 2, workers: 3, inHand: 2, script: script,
			faults: map[kind]int{backup: 1, restoreAll: 1}, epochs: 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModel(c.scope, c.off)
			end := time.Now().Add(1 * time.Second)
			n, steps := 0, 0
			for seed := uint64(0); time.Now().Before(end); seed++ {
				tr := m.walk(rand.New(rand.NewPCG(seed, 0)))
				n++
				steps += len(tr.steps)
				if tr.err != nil {
					t.Fatalf("seed %d, %d steps\n%s", seed, len(tr.steps), m.tell(m.shrink(tr)))
				}
			}
			t.Logf("%d schedules, %d steps", n, steps)
		})
	}
}
