package model

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cis490/profiles/fit"
)

var nan = float32(math.NaN())

// small is a layout of one channel whose vectors have three features.
var small = NewLayout(Running, "mean", []string{"x.a"}, fit.Points{InfectedRunning: 5})

func example(profile string, n int, vector ...float32) Example {
	return Example{fit.ProfileName(profile), fmt.Sprintf("host-%d", n%3), fmt.Sprintf("%s-%d", profile, n), vector}
}

// drawExamples draws few examples of few profiles and hosts, with ties and gaps. The first one is of profile a, without gaps.
func drawExamples(t *rapid.T) []Example {
	all := []Example{example("a", 1000, 1, 2, 3)}
	for n := range rapid.IntRange(0, 30).Draw(t, "examples") {
		all = append(all, example(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "profile"), n, drawLogs(t, true)...))
	}
	return all
}

// drawLogs draws the vector of an episode.
func drawLogs(t *rapid.T, gaps bool) []float32 {
	v := rapid.SliceOfN(rapid.OneOf(rapid.Float32Range(-3, 20), rapid.SampledFrom([]float32{0, 1, 2, 1 + 1e-7, 88, -88, 1e-30})), 3, 3).Draw(t, "vector")
	if gaps && rapid.IntRange(0, 4).Draw(t, "gap") == 0 {
		v[rapid.IntRange(0, 2).Draw(t, "where")] = nan
	}
	return v
}

func mustNew(t interface{ Fatal(...any) }, l Layout, examples []Example) *Model {
	m, err := New(l, examples)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestOrderOfExamples: the order of the examples does not change an answer, not by a bit.
func TestOrderOfExamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		examples := drawExamples(t)
		shuffled := slices.Clone(examples)
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		rnd.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		one, two := mustNew(t, small, examples), mustNew(t, small, shuffled)
		query := drawLogs(t, true)
		for _, method := range Methods(rapid.IntRange(1, 30).Draw(t, "k")) {
			a, errA := method.Classify(one, query)
			b, errB := method.Classify(two, query)
			if !reflect.DeepEqual(a, b) || !errors.Is(errB, errA) {
				t.Fatalf("%s: %+v, %v and %+v, %v", method.Name, a, errA, b, errB)
			}
		}
		labels := func(of []Example) []Suspect {
			c, err := NewLabels(endless, small, of)
			if err != nil {
				t.Fatal(err)
			}
			suspects, err := c.Suspects(endless)
			if err != nil {
				t.Fatal(err)
			}
			return suspects
		}
		if a, b := labels(examples), labels(shuffled); !slices.Equal(a, b) {
			t.Fatalf("suspects %v and %v", a, b)
		}
	})
}

// same reports whether two models have the same bits.
func same(a, b *Model) bool {
	if !reflect.DeepEqual(a.limits, b.limits) || !reflect.DeepEqual(a.space, b.space) || !reflect.DeepEqual(a.rows, b.rows) || len(a.classes) != len(b.classes) {
		return false
	}
	for i, c := range a.classes {
		if c.profile != b.classes[i].profile || len(c.members) != len(b.classes[i].members) || !reflect.DeepEqual(c.groups, b.classes[i].groups) {
			return false
		}
	}
	return true
}

// TestWithout compares the model without some examples with a new model of the others.
func TestWithout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		examples := drawExamples(t)
		out := func(e Example) bool { return e.Host == "host-1" }
		rest := mustNew(t, small, examples).Without(out)
		kept := slices.DeleteFunc(slices.Clone(examples), out)
		if len(kept) == 0 {
			if rest != nil {
				t.Fatal("a model without examples")
			}
			return
		}
		if !same(rest, mustNew(t, small, kept)) {
			t.Fatal("another model")
		}
	})
}

// TestDuplicates: episodes with equal vectors are examples like others. On hosts of their own they leave all means as they are.
func TestDuplicates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		examples := drawExamples(t)
		twice := slices.Clone(examples)
		for _, e := range examples {
			e.Host += "-twin"
			twice = append(twice, e)
		}
		once, both := mustNew(t, small, examples), mustNew(t, small, twice)
		for i, c := range once.classes {
			for f, mean := range c.mean {
				if math.Abs(mean-both.classes[i].mean[f]) > 1e-12*max(1, math.Abs(mean)) {
					t.Fatalf("mean %v, with duplicates %v", mean, both.classes[i].mean[f])
				}
			}
		}
		v, err := both.KNN(examples[0].Vector, 2)
		if err != nil || v.Votes != 2 {
			t.Fatalf("%+v, %v", v, err)
		}
	})
}

// TestGaps: an example with a gap changes no answer. A query with gaps gets the answer of a model without these features.
func TestGaps(t *testing.T) {
	two := NewLayout(Running, "mean", []string{"x.a", "x.b"}, small.Points)
	rapid.Check(t, func(t *rapid.T) {
		examples := drawExamples(t)
		var whole, wide, narrow []Example
		for _, e := range examples {
			if !hasGap(e.Vector) {
				whole = append(whole, e)
			}
			vector := slices.Concat(e.Vector, drawLogs(t, true))
			wide = append(wide, Example{e.Profile, e.Host, e.Episode, vector})
			if !hasGap(vector) {
				narrow = append(narrow, e)
			}
		}
		m := mustNew(t, small, examples)
		if m.WithGaps() != len(examples)-len(whole) {
			t.Fatalf("%d with gaps, want %d", m.WithGaps(), len(examples)-len(whole))
		}
		query := drawLogs(t, false)
		a, _ := m.LDA(query)
		b, _ := mustNew(t, small, whole).LDA(query)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("with gaps %+v, without %+v", a, b)
		}
		if len(narrow) == 0 {
			return
		}
		a, err := mustNew(t, two, wide).LDA(slices.Concat(query, []float32{nan, nan, nan}))
		b, _ = mustNew(t, small, narrow).LDA(query)
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("channel b is a gap: %+v, %v; without it %+v", a, err, b)
		}
	})
}

func TestFew(t *testing.T) {
	one := mustNew(t, small, []Example{example("a", 1, 1, 2, 3)})
	for _, method := range Methods(3) {
		v, err := method.Classify(one, []float32{9, 9, 9})
		if err != nil || v.Profile != "a" || v.NoneOfThese || !v.NoLimit || v.Fence != nil || len(v.RunnersUp)+len(v.Decided) != 0 {
			t.Errorf("%s: %+v, %v", method.Name, v, err)
		}
		// No scatter: the prior alone is the metric.
		if want := math.Sqrt((64.0+49+36)/3) / priorSpread; math.Abs(v.Distance-want) > 1e-12 {
			t.Errorf("%s: distance %v, want %v", method.Name, v.Distance, want)
		}
		for _, vector := range [][]float32{{1}, {1, 2, float32(math.Inf(1))}, {1, 2, 1e30}} {
			if _, err := method.Classify(one, vector); err == nil {
				t.Errorf("%s takes the vector %v", method.Name, vector)
			}
		}
	}
	gaps := []float32{nan, nan, nan}
	if _, err := one.LDA(gaps); !errors.Is(err, ErrNothingInCommon) {
		t.Errorf("nothing but gaps: %v", err)
	}
	if _, err := mustNew(t, small, []Example{example("a", 1, gaps...)}).LDA([]float32{1, 2, 3}); !errors.Is(err, ErrNothingInCommon) {
		t.Errorf("an example of gaps: %v", err)
	}
	for n, examples := range map[string][]Example{
		"no examples":      nil,
		"an episode twice": {example("a", 1, 1, 2, 3), example("a", 1, 1, 2, 3)},
		"a short vector":   {example("a", 1, 1, 2)},
		"an infinity":      {example("a", 1, 1, 2, float32(math.Inf(-1)))},
	} {
		if _, err := New(small, examples); err == nil {
			t.Errorf("%s make a model", n)
		}
		if _, err := NewLabels(endless, small, examples); err == nil {
			t.Errorf("%s make labels", n)
		}
	}
}
