package model

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestVerdictsAreConsistent: the candidates are all profiles with an example without gaps, each once; the votes add up to k; the
// parts add up to the difference of the squared distances, and of an answer "none of these" to the squared distance.
func TestVerdictsAreConsistent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := mustNew(t, small, drawExamples(t))
		k := rapid.IntRange(1, 30).Draw(t, "k")
		query := drawLogs(t, true)
		for _, method := range Methods(k) {
			v, err := method.Classify(m, query)
			if method.Name == NameKNN && hasGap(query) {
				if !errors.Is(err, ErrGaps) {
					t.Fatalf("knn answers to a gap: %v", err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			candidates := append([]Candidate{v.Candidate}, v.RunnersUp...)
			votes, want := 0, 0
			for _, c := range candidates {
				votes += c.Votes
				if math.IsNaN(c.Distance) || c.Fence != nil && !(*c.Fence > 0) || c.Fence != nil && c.P != nil {
					t.Fatalf("candidate %+v", c)
				}
			}
			for _, c := range m.classes {
				if c.n > 0 {
					want++
				}
			}
			if len(candidates) != want || v.NoLimit && v.NoneOfThese {
				t.Fatalf("%d candidates, want %d: %+v", len(candidates), want, v)
			}
			if want := min(k, len(m.rows)); method.Name == NameKNN && votes != want {
				t.Fatalf("%d votes, want %d", votes, want)
			}
			sum := 0.0
			for _, p := range v.Decided {
				sum += p.Part
			}
			if len(v.RunnersUp) > 0 {
				near, far := v.Distance*v.Distance, v.RunnersUp[0].Distance*v.RunnersUp[0].Distance
				if math.Abs(sum-(far-near)) > 1e-9*max(1, far, near) {
					t.Fatalf("the parts add up to %v, want %v", sum, far-near)
				}
			}
			if v.NoneOfThese != (len(v.Excess) > 0) {
				t.Fatalf("none of these: %t, %d parts of the distance", v.NoneOfThese, len(v.Excess))
			}
			sum = 0
			for _, e := range v.Excess {
				sum += e.Part
			}
			if square := v.Distance * v.Distance; v.NoneOfThese && math.Abs(sum-square) > 1e-9*max(1, square) {
				t.Fatalf("the parts add up to %v, want %v", sum, square)
			}
		}
	})
}

// TestConstantChannel: a channel that never changes decides nothing, and a value that no example has is far away.
func TestConstantChannel(t *testing.T) {
	var examples []Example
	for n := range 12 {
		jitter := float32(n%2) + float32(n)/20
		examples = append(examples, example("a", n, 1, 0, 5+jitter), example("b", n, 1, 0, 19+jitter))
	}
	m := mustNew(t, small, examples)
	v, err := m.LDA([]float32{1, 0, 5.5})
	if err != nil || v.Profile != "a" || v.NoneOfThese || v.Decided[0].Kind != LowerHalf || v.Decided[1].Part != 0 || v.Decided[2].Part != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err = m.LDA([]float32{1, 4, 5.5}); err != nil || v.Profile != "a" || !v.NoneOfThese {
		t.Fatalf("another value: %+v, %v", v, err)
	}
	if e := v.Excess[0]; e.Kind != TopEighth || e.Words != "more x.a in its highest eighth: 53.6, a has 0.00" {
		t.Errorf("too far by %s", e.Words)
	}
}
