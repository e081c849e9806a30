package model

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestLeaveOneEpisodeOut compares the model of each fold with a new model of all other examples.
func TestLeaveOneEpisodeOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		examples := drawExamples(t)
		tested := 0
		for fold := range mustNew(t, small, examples).LeaveOneEpisodeOut() {
			if len(fold.Test) != 1 {
				t.Fatalf("%d episodes", len(fold.Test))
			}
			tested++
			rest := slices.DeleteFunc(slices.Clone(examples), func(e Example) bool { return compareExamples(e, fold.Test[0]) == 0 })
			if len(rest) == 0 {
				if fold.Model != nil {
					t.Fatal("a model without examples")
				}
				continue
			}
			if !same(fold.Model, mustNew(t, small, rest)) {
				t.Fatalf("without %v: another model", fold.Test[0])
			}
		}
		if tested != len(examples) {
			t.Fatalf("%d folds of %d examples", tested, len(examples))
		}
	})
}

func TestScores(t *testing.T) {
	var examples []Example
	for n := range 5 {
		v := float32(n) / 10
		examples = append(examples, example("a", n, v, v, v), example("b", n, 5+v, 5, 5))
	}
	wrong := example("a", 5, 5, 5, 5) // b in truth
	m := mustNew(t, small, append(examples, wrong))
	var now time.Duration
	clock := func() time.Duration { now += 3 * time.Microsecond; return now }
	scores, err := Evaluate(endless, m.LeaveOneEpisodeOut(), Methods(3), clock)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scores {
		if s.Episodes != 11 || s.Right != 10 || s.Baseline != 6.0/11 || !reflect.DeepEqual(s.Confusion, [][]int{{5, 1}, {0, 5}}) {
			t.Errorf("%+v", s)
		}
		if len(s.Wrong) != 1 || s.Wrong[0].Episode != wrong.Episode || s.Wrong[0].Said != "b" {
			t.Errorf("%s: wrong %+v", s.Method, s.Wrong)
		}
		if want := (Latency{11, 3, 3, 3, 3, []Bucket{{5, 11}}}); !reflect.DeepEqual(s.Latency, want) {
			t.Errorf("%s: latency %+v", s.Method, s.Latency)
		}
	}
	alone, err := Evaluate(endless, mustNew(t, small, []Example{wrong}).LeaveOneHostOut(), Methods(1), stopped)
	if err != nil || alone[0].Episodes != 1 || alone[0].Right != 0 || alone[0].Wrong[0].Said != "" || alone[0].Abstained != 1 {
		t.Errorf("without other examples: %+v, %v", alone, err)
	}
	gap := []Example{example("a", 9, nan, 0, 0)}
	folds := func(yield func(Fold) bool) { yield(Fold{m, gap}) }
	if scores, err = Evaluate(endless, folds, Methods(3), stopped); err != nil || scores[0].Right != 1 || scores[1].Right != 0 || scores[1].Abstained != 1 {
		t.Errorf("an episode with a gap: %+v, %v", scores, err)
	}
}

// stopped is a clock that does not advance.
func stopped() time.Duration { return 0 }

// endless is a stop that never ends the work.
func endless() error { return nil }

// TestMeasureStops: stop ends a measurement before any episode and any label, and its error is returned.
func TestMeasureStops(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	sampled, err := NewSampled(endless, small, slices.Concat(cloud(rnd, "a", 6, 3, 1), cloud(rnd, "b", 6, 3, 9)))
	if err != nil {
		t.Fatal(err)
	}
	end := errors.New("it ends here")
	if _, err := NewSampled(func() error { return end }, small, sampled.Model.Examples()); !errors.Is(err, end) {
		t.Fatalf("models were made: %v", err)
	}
	const calls = 12 + 12 // each member is classified, then its label is checked
	for after := range calls + 1 {
		called := 0
		m, err := sampled.Measure(func() error {
			if called++; called > after {
				return end
			}
			return nil
		}, stopped)
		if after == calls {
			if err != nil || called != calls || m.Models[0].Episodes != 12 {
				t.Fatalf("%d calls, %v, %+v", called, err, m)
			}
		} else if !errors.Is(err, end) || called != after+1 {
			t.Fatalf("stopped after %d: %d calls, %v", after, called, err)
		}
	}
}
