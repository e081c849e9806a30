package model

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/cis490/profiles/fit"
)

// A Verdict is the answer of a model to one vector.
type Verdict struct {
	Candidate
	// NoneOfThese says that the vector is too far even from the profile that is named. If the profile has a fence, it is beyond
	// that. If it has p-values, no candidate has a p above 0.05.
	NoneOfThese bool `json:"none_of_these"`
	// NoLimit says that the profile has too few examples for a fence and for p-values, so that the answer cannot be "none of
	// these".
	NoLimit   bool        `json:"no_limit"`
	RunnersUp []Candidate `json:"runners_up"` // the other profiles, the nearest first (of knn: that with most votes)
	// Decided says how much each feature favoured the profile over the first runner-up, the greatest part first.
	Decided []Part `json:"decided"`
	// Excess says of an answer "none of these" how much each feature adds to the squared distance from the profile that is
	// named, the greatest part first. It is empty otherwise.
	Excess []Excess `json:"excess"`
}

// A Candidate is a profile and how far the vector is from the mean of its examples.
type Candidate struct {
	Profile  fit.ProfileName `json:"profile"`
	Distance float64         `json:"distance"`        // in standard deviations of an episode of an unknown host
	Fence    *float64        `json:"fence"`           // beyond this distance an episode does not have the profile; nil: see P
	P        *float64        `json:"p"`               // p-value; nil if the profile has fewer than 19 examples or 8 hosts
	Votes    int             `json:"votes,omitempty"` // of the k nearest examples; only by knn
}

// refused reports whether the vector is too far away to have the profile; false if the profile has no limit.
func (c Candidate) refused() bool {
	return c.Fence != nil && c.Distance > *c.Fence || c.P != nil && *c.P <= refusedP
}

// ErrNothingInCommon is the answer if the vector has only gaps, or all examples have gaps.
var ErrNothingInCommon = errors.New("the episode has no data where the model's examples have any")

// ErrGaps is the answer of [Model.KNN] to a vector with gaps.
var ErrGaps = errors.New("the episode has gaps, so it cannot be compared with single examples")

// LDA answers with the profile whose mean is nearest; of equally near ones, the first by name. If the vector has gaps, the answer
// is that of a model without these features.
func (m *Model) LDA(vector []float32) (Verdict, error) {
	if err := m.layout.checkVector(vector, len(m.features)); err != nil {
		return Verdict{}, fmt.Errorf("classify: %w", err)
	}
	known, vector := m.knownOnly(vector)
	return known.verdict(vector, nil, nil)
}

// KNN answers with the profile of most of the k nearest examples. If several have equally many, it is the one with the nearest
// example. k must be at least 1; a k above the number of examples counts as that number. It returns [ErrGaps] if the vector has
// gaps. Distances, fences, p-values and Decided are those of [Model.LDA].
func (m *Model) KNN(vector []float32, k int) (Verdict, error) {
	if err := m.layout.checkVector(vector, len(m.features)); err != nil {
		return Verdict{}, fmt.Errorf("classify: %w", err)
	}
	if hasGap(vector) {
		return Verdict{}, ErrGaps
	}
	near, err := Nearest(m.whitened(vector), m.rows, k)
	if err != nil {
		return Verdict{}, err
	}
	votes, first := make([]int, len(m.classes)), make([]int, len(m.classes))
	for i, n := range near {
		class := m.owner[n.Number]
		if votes[class] == 0 {
			first[class] = i
		}
		votes[class]++
	}
	return m.verdict(vector, votes, first)
}

// A ranked is a candidate with its class.
type ranked struct {
	Candidate
	class int
	first int // of knn: the place of its nearest example among the k
}

// candidates returns the profiles with an example without gaps, in the order of the answer. votes and first are by class, nil if
// nobody votes.
func (m *Model) candidates(vector []float32, votes, first []int) []ranked {
	var all []ranked
	for i, c := range m.classes {
		if c.n == 0 || len(vector) == 0 {
			continue
		}
		r := ranked{class: i, Candidate: Candidate{Profile: c.profile, Distance: m.space.length(difference(vector, c.mean))}}
		if p, has := m.limits[i].p(r.Distance); has {
			r.P = &p
		} else if fence := m.limits[i].fence; fence > 0 {
			r.Fence = &fence
		}
		if votes != nil {
			r.Votes, r.first = votes[i], first[i]
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.Votes, a.Votes), cmp.Compare(a.first, b.first), cmp.Compare(a.Distance, b.Distance))
	})
	return all
}

// verdict answers to a vector without gaps. votes and first are those of candidates.
func (m *Model) verdict(vector []float32, votes, first []int) (Verdict, error) {
	all := m.candidates(vector, votes, first)
	if len(all) == 0 {
		return Verdict{}, ErrNothingInCommon
	}
	v := Verdict{Candidate: all[0].Candidate, RunnersUp: []Candidate{}, Decided: []Part{}, Excess: []Excess{}}
	v.NoLimit = v.Fence == nil && v.P == nil
	v.NoneOfThese = v.refused()
	for _, r := range all[1:] {
		v.RunnersUp = append(v.RunnersUp, r.Candidate)
		if v.P != nil && r.P != nil && !r.refused() {
			v.NoneOfThese = false
		}
	}
	if len(all) > 1 {
		v.Decided = m.decided(vector, m.classes[all[0].class], m.classes[all[1].class])
	}
	if v.NoneOfThese {
		v.Excess = m.excess(vector, m.classes[all[0].class])
	}
	return v, nil
}
