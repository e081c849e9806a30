package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// cloud returns n examples of a profile on hosts, around a centre.
func cloud(rnd *rand.Rand, profile string, n, hosts int, centre float32) []Example {
	var all []Example
	for i := range n {
		e := example(profile, i, 0, 0, 0)
		e.Host = fmt.Sprintf("host-%d", i%hosts)
		for f := range e.Vector {
			e.Vector[f] = centre + float32(rnd.NormFloat64()/4)
		}
		all = append(all, e)
	}
	return all
}

// TestLimits: few examples have a fence, many on many hosts have p-values. An episode between two profiles is none of these by
// both, and one near a profile is not.
func TestLimits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ n, hosts int }{{7, 3}, {18, 9}, {30, 7}, {30, 8}, {100, 12}, {7, 1}} {
		m := mustNew(t, small, slices.Concat(cloud(rnd, "a", c.n, c.hosts, 1), cloud(rnd, "b", c.n, c.hosts, 9)))
		pvalues := c.n >= 19 && c.hosts >= 8
		v, err := m.LDA([]float32{1, 1, 1})
		if err != nil || v.Profile != "a" || v.NoneOfThese || v.NoLimit || (v.P != nil) != pvalues || (v.Fence != nil) == pvalues {
			t.Errorf("%d on %d hosts: %+v, %v", c.n, c.hosts, v, err)
		}
		if v, err = m.LDA([]float32{4, 4, 4}); err != nil || !v.NoneOfThese {
			t.Errorf("%d on %d hosts, between the profiles: %+v, %v", c.n, c.hosts, v, err)
		}
		if pvalues && (*v.P != 1/float64(c.n+1) || *v.RunnersUp[0].P > refusedP) {
			t.Errorf("%d on %d hosts: p %v and %v", c.n, c.hosts, *v.P, *v.RunnersUp[0].P)
		}
	}
	// A profile of one example has no fence; the others have.
	m := mustNew(t, small, slices.Concat(cloud(rnd, "a", 7, 3, 1), cloud(rnd, "b", 1, 1, 9)))
	if v, err := m.LDA([]float32{8, 8, 8}); err != nil || v.Profile != "b" || !v.NoLimit || v.NoneOfThese || v.RunnersUp[0].Fence == nil {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestFalselyNone: of episodes of hosts that are like the examples' hosts, about 1% are beyond the fence and 5% have a p of 0.05
// at most.
func TestFalselyNone(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		n, hosts int
		most     float64
	}{{7, 3, 0.04}, {40, 10, 0.09}} {
		none, all := 0, 0
		for range 40 {
			m := mustNew(t, small, slices.Concat(cloud(rnd, "a", c.n, c.hosts, 1), cloud(rnd, "b", c.n, c.hosts, 9)))
			for _, e := range cloud(rnd, "a", 25, 5, 1) {
				v, err := m.LDA(e.Vector)
				if err != nil || v.Profile != "a" {
					t.Fatalf("%+v, %v", v, err)
				}
				if all++; v.NoneOfThese {
					none++
				}
			}
		}
		t.Logf("%d examples on %d hosts: %d of %d", c.n, c.hosts, none, all)
		if share := float64(none) / float64(all); share > c.most {
			t.Errorf("%d examples on %d hosts: %.3f are none of these, want at most %v", c.n, c.hosts, share, c.most)
		}
	}
}
