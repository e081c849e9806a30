package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cis490/profiles/fit"
)

var nan = float32(math.NaN())

// small is a layout of one channel whose vectors have five features.
var small = Layout{Features: Levels, Resample: "mean", Channels: []string{"x.a"}, Points: fit.Points{CleanLead: 1, Armed: 1, Infecting: 1, InfectedRunning: 1, CleanTail: 1}}

func example(profile string, n int, vector ...float32) Example {
	return Example{fit.ProfileName(profile), fmt.Sprintf("host-%d", n%3), fmt.Sprintf("%s-%d", profile, n), vector}
}

// drawExamples draws few examples of few profiles, with ties and gaps, each with something in its first feature.
func drawExamples(t *rapid.T) []Example {
	var all []Example
	for n := range rapid.IntRange(1, 25).Draw(t, "examples") {
		v := drawVector(t, small.Dim(), true)
		v[0] = float32(rapid.IntRange(0, 4).Draw(t, "first"))
		all = append(all, example(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "profile"), n, v...))
	}
	return all
}

func mustNew(t interface{ Fatal(...any) }, examples []Example) *Model {
	m, err := New(small, examples)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestOrderOfExamples: the order of the examples does not change an answer.
func TestOrderOfExamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		examples := drawExamples(t)
		shuffled := slices.Clone(examples)
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		rnd.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		one, two := mustNew(t, examples), mustNew(t, shuffled)
		query := drawVector(t, small.Dim(), false)
		for _, method := range Methods(rapid.IntRange(1, 30).Draw(t, "k")) {
			a, errA := method.Classify(one, query)
			b, errB := method.Classify(two, query)
			if !reflect.DeepEqual(a, b) || (errA == nil) != (errB == nil) {
				t.Fatalf("%s: %+v, %v and %+v, %v", method.Name, a, errA, b, errB)
			}
		}
	})
}

// TestVerdictsAreConsistent: the candidates are all profiles, each once; the votes add up to k; the positive shares add up to 1;
// an answer is none of these if it is beyond its fence.
func TestVerdictsAreConsistent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := mustNew(t, drawExamples(t))
		k := rapid.IntRange(1, 30).Draw(t, "k")
		query := drawVector(t, small.Dim(), false)
		for _, method := range Methods(k) {
			v, err := method.Classify(m, query)
			if err != nil {
				t.Fatal(err)
			}
			names := []fit.ProfileName{v.Profile}
			votes := v.Votes
			for _, c := range v.RunnersUp {
				names = append(names, c.Profile)
				votes += c.Votes
			}
			slices.Sort(names)
			if !slices.Equal(names, m.Profiles()) {
				t.Fatalf("candidates %v, profiles %v", names, m.Profiles())
			}
			if want := min(k, len(m.Examples())); method.Name == NameKNN && votes != want {
				t.Fatalf("%d votes, want %d", votes, want)
			}
			if v.NoneOfThese == v.Within() {
				t.Fatalf("none of these: %t, but within its fence: %t", v.NoneOfThese, v.Within())
			}
			sum := 0.0
			for _, s := range v.Decided {
				sum += max(s.Share, 0)
			}
			if len(v.Decided) > 0 && math.Abs(sum-1) > 1e-9 {
				t.Fatalf("shares add up to %v: %v", sum, v.Decided)
			}
		}
	})
}

// TestMediansWithoutOne compares the medians without one vector with the medians of the others.
func TestMediansWithoutOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.IntRange(1, 4).Draw(t, "features")
		var vectors [][]float32
		for range rapid.IntRange(1, 9).Draw(t, "vectors") {
			vectors = append(vectors, drawVector(t, dim, true))
		}
		_, without := medians(columnsOf(vectors, dim), vectors)
		for i, v := range vectors {
			rest := slices.Concat(vectors[:i], vectors[i+1:])
			want, _ := medians(columnsOf(rest, dim), rest)
			for f := range want {
				if same := without[i][f] == want[f] || without[i][f] != without[i][f] && want[f] != want[f]; !same && v[f] == v[f] {
					t.Fatalf("without %d, feature %d: %v, want %v", i, f, without[i][f], want[f])
				}
			}
		}
	})
}

// TestWithout compares the model without some examples with a new model of the others.
func TestWithout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		examples := drawExamples(t)
		out := func(e Example) bool { return e.Host == "host-1" }
		rest := mustNew(t, examples).Without(out)
		kept := slices.DeleteFunc(slices.Clone(examples), out)
		if len(kept) == 0 {
			if rest != nil {
				t.Fatal("a model without examples")
			}
			return
		}
		want := mustNew(t, kept)
		query := drawVector(t, small.Dim(), false)
		a, _ := rest.NearestEnvelope(query)
		b, _ := want.NearestEnvelope(query)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("got %+v, want %+v", a, b)
		}
	})
}

// TestLeaveOneEpisodeOut compares the model of each fold with a new model of all other examples.
func TestLeaveOneEpisodeOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		examples := drawExamples(t)
		tested := 0
		for fold, err := range mustNew(t, examples).LeaveOneEpisodeOut() {
			if err != nil || len(fold.Test) != 1 {
				t.Fatalf("%v, %d episodes", err, len(fold.Test))
			}
			tested++
			rest := slices.DeleteFunc(slices.Clone(examples), func(e Example) bool { return compareExamples(e, fold.Test[0]) == 0 })
			if len(rest) == 0 {
				if fold.Model != nil {
					t.Fatal("a model without examples")
				}
				continue
			}
			for i, want := range mustNew(t, rest).classes {
				have := fold.Model.classes[i]
				if have.profile != want.profile || !slices.EqualFunc(have.median, want.median, sameFloat) || have.medianFence != want.medianFence ||
					have.memberFence != want.memberFence || !reflect.DeepEqual(have.members, want.members) && !gappy(want.members) {
					t.Fatalf("without %v: %+v, want %+v", fold.Test[0], have, want)
				}
			}
		}
		if tested != len(examples) {
			t.Fatalf("%d folds of %d examples", tested, len(examples))
		}
	})
}

func sameFloat(a, b float32) bool { return a == b || a != a && b != b }

// gappy reports whether a vector has a gap, which is not equal to itself.
func gappy(members []Example) bool {
	return slices.ContainsFunc(members, func(e Example) bool { return slices.ContainsFunc(e.Vector, func(f float32) bool { return f != f }) })
}

// TestLevels: the order in time does not matter, and gaps do not change the least and the greatest level.
func TestLevels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slice := rapid.SliceOfN(rapid.Float32Range(0, 100), 1, 40).Draw(t, "slice")
		levels := func(running []float32) []float32 {
			l := Layout{Features: Levels, Channels: []string{"x.a"}, Points: fit.Points{CleanLead: 1, Armed: 1, Infecting: 1, InfectedRunning: len(running), CleanTail: 1}}
			vector, err := l.Vector(fit.Signature{slices.Concat([]float32{1, 1, 1}, running, []float32{1})})
			if err != nil {
				t.Fatal(err)
			}
			return vector[3 : len(vector)-1]
		}
		shuffled := slices.Clone(slice)
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		sorted := levels(slice)
		if other := levels(shuffled); !slices.Equal(sorted, other) || !slices.IsSortedFunc(sorted, func(a, b float32) int { return int(math.Copysign(1, float64(b-a))) * b2i(a != b) }) {
			t.Fatalf("levels %v and %v", sorted, other)
		}
		gappy := slices.Concat(slice, make([]float32, len(slice)))
		for i := range slice {
			gappy[len(slice)+i] = nan
		}
		if gappy = levels(gappy); gappy[0] != sorted[0] || gappy[len(gappy)-1] != sorted[len(sorted)-1] {
			t.Fatalf("with as many gaps %v, without %v", gappy, sorted)
		}
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestFew(t *testing.T) {
	one := mustNew(t, []Example{example("a", 1, 1, 2, 3, 4, 5)})
	for _, method := range Methods(3) {
		v, err := method.Classify(one, []float32{9, 9, 9, 9, 9})
		if err != nil || v.Profile != "a" || v.NoneOfThese || v.Fence != nil || len(v.RunnersUp)+len(v.Decided) != 0 {
			t.Errorf("%s: %+v, %v", method.Name, v, err)
		}
		if _, err := method.Classify(one, []float32{nan, nan, nan, nan, nan}); err != ErrNothingInCommon {
			t.Errorf("%s of nothing but gaps: %v", method.Name, err)
		}
		if _, err := method.Classify(one, []float32{1}); err == nil {
			t.Errorf("%s takes a vector of another length", method.Name)
		}
	}
	for n, err := range map[string][]Example{
		"no examples":      nil,
		"an episode twice": {example("a", 1, 1, 2, 3, 4, 5), example("a", 1, 1, 2, 3, 4, 5)},
		"a short vector":   {example("a", 1, 1, 2)},
	} {
		if _, got := New(small, err); got == nil {
			t.Errorf("%s make a model", n)
		}
	}
}

// TestRefutes: an episode among those of another profile and far from its own is refuted. One that is far from all is none of
// these, and not refuted. A profile with too few examples refutes nothing and is not refuted.
func TestRefutes(t *testing.T) {
	var examples []Example
	for n := range 8 {
		jitter := float32(n) / 8
		examples = append(examples, example("a", n, 1+jitter, 1, 1, 1, 1), example("b", n, 9+jitter, 9, 9, 9, 9))
	}
	examples = append(examples, example("few", 1, 20, 20, 20, 20, 20))
	m := mustNew(t, examples)
	for _, method := range Methods(3) {
		in, err := method.Classify(m, []float32{9.4, 9, 9, 9, 9})
		if err != nil || !in.Refutes("a") || in.Refutes("b") || in.Refutes("few") || in.Refutes("unknown") {
			t.Errorf("%s: %+v, %v", method.Name, in, err)
		}
		far, err := method.Classify(m, []float32{-50, -50, -50, -50, -50})
		if err != nil || !far.NoneOfThese || far.Refutes("a") || far.Refutes("b") {
			t.Errorf("%s, far: %+v, %v", method.Name, far, err)
		}
		few, err := method.Classify(m, []float32{20, 20, 20, 20, 20})
		if err != nil || few.Profile == "few" && few.Refutes("a") {
			t.Errorf("%s, few: %+v, %v", method.Name, few, err)
		}
	}
}

// TestDecided: only the slice in which the profiles differ decides.
func TestDecided(t *testing.T) {
	m := mustNew(t, []Example{example("a", 1, 1, 1, 1, 1, 1), example("b", 1, 1, 1, 1, 5, 1)})
	v, err := m.NearestEnvelope([]float32{1, 7, 1, 1, 1})
	if err != nil || v.Profile != "a" || v.Decided[0] != (Share{"x.a", fit.SliceInfectedRunning, 1}) || v.Decided[1].Share != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestScores(t *testing.T) {
	var examples []Example
	for n := range 5 {
		v := float32(n) / 10
		examples = append(examples, example("a", n, v, v, v, v, v), example("b", n, 5+v, 5, 5, 5, 5))
	}
	wrong := example("a", 5, 5, 5, 5, 5, 5) // b in truth
	m := mustNew(t, append(examples, wrong))
	var now time.Duration
	clock := func() time.Duration { now += 3 * time.Microsecond; return now }
	scores, err := Evaluate(m.LeaveOneEpisodeOut(), Methods(3), clock)
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
	alone, err := Evaluate(mustNew(t, []Example{wrong}).LeaveOneHostOut(), Methods(1), stopped)
	if err != nil || alone[0].Episodes != 1 || alone[0].Right != 0 || alone[0].Wrong[0].Said != "" {
		t.Errorf("without other examples: %+v, %v", alone, err)
	}
}

func TestLatency(t *testing.T) {
	if got := latencyOf(nil); got.N != 0 || got.Buckets == nil {
		t.Errorf("of nothing: %+v", got)
	}
	took := []time.Duration{time.Microsecond, 1001, 30 * time.Microsecond, 0}
	want := Latency{4, 1, 30, 30, 30, []Bucket{{1, 2}, {2, 1}, {5, 0}, {10, 0}, {20, 0}, {50, 1}}}
	if got := latencyOf(took); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
