package model

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// A Verdict is what a model says of one vector.
type Verdict struct {
	Candidate
	// NoneOfThese says that even the profile named is no likely one: the vector lies beyond its fence.
	NoneOfThese bool        `json:"none_of_these"`
	RunnersUp   []Candidate `json:"runners_up"` // the other profiles, the likeliest first
	// Decided says what spoke for the profile rather than for the first runner-up: see [Model.NearestEnvelope].
	Decided []Share `json:"decided"`
}

// A Candidate is a profile with how far the vector is from it: from its median, or from its nearest example.
type Candidate struct {
	Profile  fit.ProfileName `json:"profile"`
	Distance float64         `json:"distance"`        // per feature; see [Metric]
	Fence    *float64        `json:"fence"`           // the distance beyond which an episode is none of the profile; nil where fewer than 4 examples tell
	Votes    int             `json:"votes,omitempty"` // of the k nearest examples; of knn alone
}

// Within tells whether the vector lies within the profile's fence. Where there is none it does.
func (c Candidate) Within() bool { return c.Fence == nil || c.Distance <= *c.Fence }

// A Share is what one channel in one phase had to do with an answer: its part of all that spoke for it. The positive ones add up to
// 1; negative ones spoke for the runner-up.
type Share struct {
	Channel string  `json:"channel"`
	Phase   string  `json:"phase"`
	Share   float64 `json:"share"`
}

// Of returns what a verdict says of a profile; false where the model has no example of it.
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

// Refutes tells whether the verdict firmly contradicts that an episode is of profile p: it lies within the fence of another, which
// is the likeliest, and beyond that of p. Where the model has no example of p, or too few to tell, it does not.
func (v Verdict) Refutes(p fit.ProfileName) bool {
	of, known := v.Of(p)
	return known && v.Profile != p && !v.NoneOfThese && v.Fence != nil && !of.Within()
}

// A standing is a candidate with the vector that its distance is measured to.
type standing struct {
	Candidate
	to []float32
}

// NearestEnvelope answers with the profile whose pointwise median is nearest; of equally near ones the first by name.
//
// Of each feature f, what it adds to the distance from the runner-up less what it adds to that from the answer speaks for the answer.
// Decided sums that over each channel's slices and divides by the sum of the positive ones. Features that one of the three lacks are
// left out.
func (m *Model) NearestEnvelope(vector []float32) (Verdict, error) {
	if err := m.check(vector); err != nil {
		return Verdict{}, err
	}
	all := make([]standing, len(m.classes))
	for i, c := range m.classes {
		distance := m.layout.Metric().Distance(vector, c.median)
		all[i] = standing{Candidate{Profile: c.profile, Distance: distance, Fence: finite(c.medianFence)}, c.median}
	}
	return m.verdict(vector, all)
}

// KNN answers with the profile that most of the k nearest examples are of; of equal ones that of the nearest example, then the first by
// name. A k beyond the number of examples counts as that number. The candidates' distances are those from their nearest examples,
// and so is what decided.
func (m *Model) KNN(vector []float32, k int) (Verdict, error) {
	if err := m.check(vector); err != nil {
		return Verdict{}, err
	}
	type vote struct {
		Neighbour
		class int
	}
	var near []vote
	all := make([]standing, len(m.classes))
	for i, c := range m.classes {
		found, err := c.index.Nearest(vector, k)
		if err != nil {
			return Verdict{}, err
		}
		for _, n := range found {
			if !math.IsInf(n.Distance, 1) {
				near = append(near, vote{n, i})
			}
		}
		all[i] = standing{Candidate{Profile: c.profile, Distance: found[0].Distance, Fence: finite(c.memberFence)}, c.members[found[0].Number].Vector}
	}
	slices.SortStableFunc(near, func(a, b vote) int { return cmp.Compare(a.Distance, b.Distance) })
	for _, v := range near[:min(k, len(near))] {
		all[v.class].Votes++
	}
	return m.verdict(vector, all)
}

// ErrNothingInCommon is the answer to a vector that has no feature in common with any example.
var ErrNothingInCommon = errors.New("the episode has no data where the model's examples have any")

func (m *Model) check(vector []float32) error {
	if len(vector) != m.layout.Dim() {
		return fmt.Errorf("classify: the vector has %d features, the model %d", len(vector), m.layout.Dim())
	}
	return nil
}

// verdict puts the candidates, which come by name, in order: by votes, then by distance. Those that have nothing in common with the
// vector are none.
func (m *Model) verdict(vector []float32, all []standing) (Verdict, error) {
	all = slices.DeleteFunc(all, func(s standing) bool { return math.IsInf(s.Distance, 1) })
	if len(all) == 0 {
		return Verdict{}, ErrNothingInCommon
	}
	slices.SortStableFunc(all, func(a, b standing) int {
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

func finite(fence float64) *float64 {
	if math.IsInf(fence, 1) {
		return nil
	}
	return &fence
}
