package model

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// A Verdict is the answer of a model to one vector.
type Verdict struct {
	Candidate
	// NoneOfThese says that the vector is beyond the fence even of the nearest profile, which is named all the same.
	NoneOfThese bool        `json:"none_of_these"`
	RunnersUp   []Candidate `json:"runners_up"` // the other profiles, the nearest first (of knn: that with most votes)
	// Decided says what favoured the profile over the first runner-up ([Model.NearestEnvelope]).
	Decided []Share `json:"decided"`
}

// A Candidate is a profile with its distance from the vector: that of its median, or of its nearest example.
type Candidate struct {
	Profile  fit.ProfileName `json:"profile"`
	Distance float64         `json:"distance"`        // per feature; see [Metric]
	Fence    *float64        `json:"fence"`           // beyond this distance an episode does not have the profile; nil if it has fewer than 4 examples
	Votes    int             `json:"votes,omitempty"` // of the k nearest examples; only by knn
}

// Within reports whether the vector is within the fence of the profile, or the profile has none.
func (c Candidate) Within() bool { return c.Fence == nil || c.Distance <= *c.Fence }

// A Share is how much one channel in one phase favoured the answer over the runner-up, as a part of all that favoured it. The
// positive shares add up to 1; negative ones favoured the runner-up.
type Share struct {
	Channel string  `json:"channel"`
	Phase   string  `json:"phase"`
	Share   float64 `json:"share"`
}

// Of returns the candidate of a profile; false if the model has no example of it.
func (v Verdict) Of(p fit.ProfileName) (Candidate, bool) {
	if v.Profile == p {
		return v.Candidate, true
	}
	i := slices.IndexFunc(v.RunnersUp, func(c Candidate) bool { return c.Profile == p })
	if i < 0 {
		return Candidate{}, false
	}
	return v.RunnersUp[i], true
}

// Refutes reports whether the verdict contradicts that the episode has profile p: the episode is beyond the fence of p, and
// within the fence of the answered profile, which is another. It reports false if the model has no fence for either.
func (v Verdict) Refutes(p fit.ProfileName) bool {
	claimed, known := v.Of(p)
	return known && v.Profile != p && !v.NoneOfThese && v.Fence != nil && !claimed.Within()
}

// A measured is a candidate and the vector that its distance is measured to.
type measured struct {
	Candidate
	to []float32
}

// NearestEnvelope answers with the profile whose pointwise median is nearest; of equally near ones, the first by name.
//
// For each feature, its part of the distance from the runner-up, minus its part of the distance from the answer, favours the
// answer. Decided has the sums of that over each slice of each channel, divided by the sum of the positive ones. A feature that
// one of the three vectors lacks is left out.
func (m *Model) NearestEnvelope(vector []float32) (Verdict, error) {
	if err := m.check(vector); err != nil {
		return Verdict{}, err
	}
	all := make([]measured, len(m.classes))
	for i, c := range m.classes {
		distance := m.layout.Metric().Distance(vector, c.median)
		all[i] = measured{Candidate{Profile: c.profile, Distance: distance, Fence: finite(c.medianFence)}, c.median}
	}
	return m.verdict(vector, all)
}

// KNN answers with the profile of most of the k nearest examples. If several have equally many, it is the one with the nearest
// example, then the first by name. k must be at least 1; a k above the number of examples counts as that number. Distances and
// Decided are those of the nearest example of each candidate.
func (m *Model) KNN(vector []float32, k int) (Verdict, error) {
	if err := m.check(vector); err != nil {
		return Verdict{}, err
	}
	type vote struct {
		Neighbour
		class int
	}
	var near []vote
	all := make([]measured, len(m.classes))
	for i, c := range m.classes {
		found, err := m.layout.Metric().Nearest(vector, c.vectors, k)
		if err != nil {
			return Verdict{}, err
		}
		for _, n := range found {
			if !math.IsInf(n.Distance, 1) {
				near = append(near, vote{n, i})
			}
		}
		all[i] = measured{Candidate{Profile: c.profile, Distance: found[0].Distance, Fence: finite(c.memberFence)}, c.members[found[0].Number].Vector}
	}
	slices.SortStableFunc(near, func(a, b vote) int { return cmp.Compare(a.Distance, b.Distance) })
	for _, v := range near[:min(k, len(near))] {
		all[v.class].Votes++
	}
	return m.verdict(vector, all)
}

// ErrNothingInCommon is the answer if the vector has no feature in common with any example.
var ErrNothingInCommon = errors.New("the episode has no data where the model's examples have any")

func (m *Model) check(vector []float32) error {
	if len(vector) != m.layout.Dim() {
		return fmt.Errorf("classify: the vector has %d features, the model %d", len(vector), m.layout.Dim())
	}
	return nil
}

// verdict orders the candidates, which come by name: by votes, then by distance. Profiles without a feature in common with the
// vector are left out.
func (m *Model) verdict(vector []float32, all []measured) (Verdict, error) {
	all = slices.DeleteFunc(all, func(s measured) bool { return math.IsInf(s.Distance, 1) })
	if len(all) == 0 {
		return Verdict{}, ErrNothingInCommon
	}
	slices.SortStableFunc(all, func(a, b measured) int {
		return cmp.Or(cmp.Compare(b.Votes, a.Votes), cmp.Compare(a.Distance, b.Distance))
	})
	v := Verdict{Candidate: all[0].Candidate, RunnersUp: []Candidate{}, Decided: []Share{}}
	v.NoneOfThese = !v.Within()
	for _, c := range all[1:] {
		v.RunnersUp = append(v.RunnersUp, c.Candidate)
	}
	if len(all) > 1 {
		v.Decided = m.decided(vector, all[0].to, all[1].to)
	}
	return v, nil
}

// decided returns [Verdict].Decided.
func (m *Model) decided(vector, answer, other []float32) []Share {
	metric, spans := m.layout.Metric(), m.layout.Points.Spans()
	positive := 0.0
	shares := make([]Share, 0, len(m.layout.Channels)*len(spans))
	f := 0
	for _, channel := range m.layout.Channels {
		for _, span := range spans {
			gain := 0.0
			for range span.Points {
				if d := metric.part(vector[f], other[f]) - metric.part(vector[f], answer[f]); d == d {
					gain += d
				}
				f++
			}
			positive += max(gain, 0)
			shares = append(shares, Share{channel, span.Name, gain})
		}
	}
	if positive == 0 {
		return []Share{}
	}
	for i := range shares {
		shares[i].Share /= positive
	}
	slices.SortStableFunc(shares, func(a, b Share) int { return cmp.Compare(b.Share, a.Share) })
	return shares
}

// finite returns nil for a fence of +Inf.
func finite(fence float64) *float64 {
	if math.IsInf(fence, 1) {
		return nil
	}
	return &fence
}
