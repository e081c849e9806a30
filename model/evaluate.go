package model

import (
	"errors"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/cis490/profiles/fit"
)

// The names of the two ways to classify.
const (
	NameNearestEnvelope = "nearest-envelope"
	NameKNN             = "knn"
)

// A Method is one of the ways to classify.
type Method struct {
	Name     string
	Classify func(*Model, []float32) (Verdict, error)
}

// Methods returns nearest-envelope and knn with so many neighbours.
func Methods(k int) []Method {
	return []Method{
		{NameNearestEnvelope, (*Model).NearestEnvelope},
		{NameKNN, func(m *Model, v []float32) (Verdict, error) { return m.KNN(v, k) }},
	}
}

// A Fold is a model with episodes that it was not fitted on. Model is nil where no example is left to fit on.
type Fold struct {
	Model *Model
	Test  []Example
}

// LeaveOneEpisodeOut yields each example with the model of all others, profile by profile.
func (m *Model) LeaveOneEpisodeOut() iter.Seq2[Fold, error] {
	return func(yield func(Fold, error) bool) {
		for i, c := range m.classes {
			s, err := newShape(m.layout, c.profile, c.members)
			for k := 0; k < len(c.members) && err == nil; k++ {
				rest := slices.Clone(m.classes)
				if rest[i], err = s.class(k); len(c.members) == 1 {
					rest = slices.Delete(rest, i, i+1)
				}
				fold := Fold{Test: c.members[k : k+1 : k+1]}
				if len(rest) > 0 {
					fold.Model = &Model{layout: m.layout, classes: rest}
				}
				if err == nil && !yield(fold, nil) {
					return
				}
			}
			if err != nil {
				yield(Fold{}, err)
				return
			}
		}
	}
}

// LeaveOneHostOut yields each host's examples with the model of all other hosts', by host.
func (m *Model) LeaveOneHostOut() iter.Seq2[Fold, error] {
	return func(yield func(Fold, error) bool) {
		sorted := m.Examples()
		slices.SortStableFunc(sorted, compareExamples)
		for len(sorted) > 0 {
			host := sorted[0].Host
			n := slices.IndexFunc(sorted, func(e Example) bool { return e.Host != host })
			if n < 0 {
				n = len(sorted)
			}
			rest, err := m.Without(func(e Example) bool { return e.Host == host })
			if !yield(Fold{rest, sorted[:n:n]}, err) || err != nil {
				return
			}
			sorted = sorted[n:]
		}
	}
}

// A Score is how often a method was right about episodes that its model was not fitted on.
type Score struct {
	Method   string `json:"method"`
	Episodes int    `json:"episodes"`
	Right    int    `json:"right"` // the nearest profile is the episode's, within its fence or not
	// Accuracy is Right of Episodes; Low and High are Wilson's 95% interval of it (see [Wilson]).
	Accuracy float64 `json:"accuracy"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	// Baseline is the accuracy of naming the most frequent profile always.
	Baseline float64 `json:"baseline"`
	// NoneOfThese are answers of that kind, right and wrong ones; RightOfAnswered is the accuracy over the others, 0 where there are none.
	NoneOfThese     int     `json:"none_of_these"`
	RightOfAnswered float64 `json:"right_of_answered"`
	// Confusion has a row for each profile that episodes are of and a column for each of Profiles, as it was answered.
	Profiles  []fit.ProfileName `json:"profiles"`
	Confusion [][]int           `json:"confusion"`
	Wrong     []Miss            `json:"wrong"`
	// Latency is that of one classification, from vector to verdict.
	Latency Latency `json:"latency"`
}

// A Miss is a wrong answer.
type Miss struct {
	Host    string          `json:"host"`
	Episode string          `json:"episode"`
	Profile fit.ProfileName `json:"profile"`
	Said    fit.ProfileName `json:"said"` // empty: no model, or nothing in common with it
	None    bool            `json:"none_of_these"`
	Refuted bool            `json:"refuted"` // see [Verdict.Refutes]
}

// Evaluate classifies every fold's episodes by every method, one after the other. The clock tells a time since any fixed moment and is
// read before and after each classification. The scores come in the order of the methods.
func Evaluate(folds iter.Seq2[Fold, error], methods []Method, clock func() time.Duration) ([]Score, error) {
	scores := make([]scorer, len(methods))
	for fold, err := range folds {
		if err != nil {
			return nil, err
		}
		for _, e := range fold.Test {
			for i, method := range methods {
				var v Verdict
				err := ErrNothingInCommon
				if fold.Model != nil {
					began := clock()
					v, err = method.Classify(fold.Model, e.Vector)
					scores[i].took = append(scores[i].took, clock()-began)
				}
				if err != nil && !errors.Is(err, ErrNothingInCommon) {
					return nil, err
				}
				scores[i].add(e, v)
			}
		}
	}
	results := make([]Score, len(methods))
	for i, s := range scores {
		results[i] = s.score(methods[i].Name)
	}
	return results, nil
}

// A scorer counts answers.
type scorer struct {
	answers map[fit.ProfileName]map[fit.ProfileName]int // of an episode's profile to what was said
	none    int
	noneBad int
	wrong   []Miss
	took    []time.Duration
}

func (s *scorer) add(e Example, v Verdict) {
	if s.answers == nil {
		s.answers = map[fit.ProfileName]map[fit.ProfileName]int{}
	}
	if s.answers[e.Profile] == nil {
		s.answers[e.Profile] = map[fit.ProfileName]int{}
	}
	s.answers[e.Profile][v.Profile]++
	if v.NoneOfThese {
		s.none++
	}
	if v.Profile == e.Profile {
		return
	}
	if v.NoneOfThese {
		s.noneBad++
	}
	s.wrong = append(s.wrong, Miss{e.Host, e.Episode, e.Profile, v.Profile, v.NoneOfThese, v.Refutes(e.Profile)})
}

func (s *scorer) score(method string) Score {
	r := Score{Method: method, NoneOfThese: s.none, Latency: latencyOf(s.took), Wrong: []Miss{}, Profiles: []fit.ProfileName{}, Confusion: [][]int{}}
	most := 0
	for profile, said := range s.answers {
		r.Profiles = append(r.Profiles, profile)
		of := 0
		for other, n := range said {
			of += n
			if !slices.Contains(r.Profiles, other) {
				r.Profiles = append(r.Profiles, other)
			}
		}
		r.Episodes += of
		r.Right += said[profile]
		most = max(most, of)
	}
	slices.Sort(r.Profiles)
	r.Profiles = slices.Compact(r.Profiles)
	for _, profile := range r.Profiles {
		row := make([]int, len(r.Profiles))
		for i, other := range r.Profiles {
			row[i] = s.answers[profile][other]
		}
		r.Confusion = append(r.Confusion, row)
	}
	slices.SortFunc(s.wrong, func(a, b Miss) int {
		return compareExamples(Example{Host: a.Host, Episode: a.Episode}, Example{Host: b.Host, Episode: b.Episode})
	})
	r.Wrong = append(r.Wrong, s.wrong...)
	if r.Episodes == 0 {
		return r
	}
	r.Accuracy = float64(r.Right) / float64(r.Episodes)
	r.Low, r.High = Wilson(r.Right, r.Episodes)
	r.Baseline = float64(most) / float64(r.Episodes)
	if answered := r.Episodes - s.none; answered > 0 {
		r.RightOfAnswered = float64(r.Right-(s.none-s.noneBad)) / float64(answered)
	}
	return r
}

// z95 is the 97.5% quantile of the normal distribution.
const z95 = 1.959963984540054

// Wilson is the 95% score interval of a share of which right of n were seen (E. Wilson, JASA 22, 1927). With p = right/n and z = 1.96:
//
//	(p + z²/2n ± z*sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
//
// Of nothing it is 0 to 1.
func Wilson(right, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	size, p := float64(n), float64(right)/float64(n)
	z2 := z95 * z95
	middle := p + z2/(2*size)
	half := z95 * math.Sqrt(p*(1-p)/size+z2/(4*size*size))
	return max(0, (middle-half)/(1+z2/size)), min(1, (middle+half)/(1+z2/size))
}
