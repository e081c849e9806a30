package model

import (
	"errors"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/cis490/profiles/fit"
)

// The names of the methods.
const (
	NameLDA = "lda"
	NameKNN = "knn"
)

// A Method is one way to classify.
type Method struct {
	Name     string
	Classify func(*Model, []float32) (Verdict, error)
}

// DefaultNeighbours is the k of knn in the workers, and by default in the commands.
const DefaultNeighbours = 3

// Methods returns lda, and knn with k neighbours.
func Methods(k int) []Method {
	return []Method{
		{NameLDA, (*Model).LDA},
		{NameKNN, func(m *Model, v []float32) (Verdict, error) { return m.KNN(v, k) }},
	}
}

// A Fold is a model and episodes that are not among its examples. Model is nil if it has no examples.
type Fold struct {
	Model *Model
	Test  []Example
}

// LeaveOneEpisodeOut yields each example with the model of all others, profile by profile.
func (m *Model) LeaveOneEpisodeOut() iter.Seq[Fold] {
	return func(yield func(Fold) bool) {
		for i, c := range m.classes {
			for k := range c.members {
				if !yield(Fold{Model: m.withoutMember(i, k), Test: c.members[k : k+1 : k+1]}) {
					return
				}
			}
		}
	}
}

// withoutMember returns the model without one member of a class; nil if no example is left.
func (m *Model) withoutMember(class, member int) *Model {
	classes, of := slices.Clone(m.classes), m.classes[class]
	if len(of.members) > 1 {
		classes[class] = newClass(of.profile, slices.Delete(slices.Clone(of.members), member, member+1), len(m.features))
	} else if classes = slices.Delete(classes, class, class+1); len(classes) == 0 {
		return nil
	}
	return newModel(m.layout, m.features, classes)
}

// LeaveOneHostOut yields the examples of each host with the model of all other hosts' examples, by host.
func (m *Model) LeaveOneHostOut() iter.Seq[Fold] {
	return func(yield func(Fold) bool) {
		sorted := m.Examples()
		slices.SortStableFunc(sorted, compareExamples)
		for len(sorted) > 0 {
			host := sorted[0].Host
			n := slices.IndexFunc(sorted, func(e Example) bool { return e.Host != host })
			if n < 0 {
				n = len(sorted)
			}
			rest := m.Without(func(e Example) bool { return e.Host == host })
			if !yield(Fold{rest, sorted[:n:n]}) {
				return
			}
			sorted = sorted[n:]
		}
	}
}

// A Score says how often a method was right about episodes that were not among its model's examples.
type Score struct {
	Method   string `json:"method"`
	Episodes int    `json:"episodes"`
	Right    int    `json:"right"` // the profile is the episode's; also if the answer is "none of these"
	// Accuracy is Right/Episodes; Low and High are its 95% interval ([Wilson]).
	Accuracy float64 `json:"accuracy"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	// Baseline is the accuracy of always answering the most frequent profile.
	Baseline float64 `json:"baseline"`
	// NoneOfThese counts the answers "none of these", right and wrong ones. RightOfAnswered is the accuracy of the other
	// answers, 0 if there is no other.
	NoneOfThese     int     `json:"none_of_these"`
	RightOfAnswered float64 `json:"right_of_answered"`
	// FalselyNone counts the answers "none of these" to episodes of profiles that the model has. Abstained counts the episodes
	// without an answer, which are wrong ones: see [ErrGaps] and [ErrNothingInCommon].
	FalselyNone int `json:"falsely_none"`
	Abstained   int `json:"abstained"`
	// Confusion has a row for each of Profiles that episodes have, and a column for each that was answered.
	Profiles  []fit.ProfileName `json:"profiles"`
	Confusion [][]int           `json:"confusion"`
	Wrong     []Miss            `json:"wrong"`
	// Latency is the time from vector to verdict.
	Latency Latency `json:"latency"`
}

// A Miss is a wrong answer.
type Miss struct {
	Host    string          `json:"host"`
	Episode string          `json:"episode"`
	Profile fit.ProfileName `json:"profile"`
	Said    fit.ProfileName `json:"said"` // empty if there was no answer
	None    bool            `json:"none_of_these"`
}

// Evaluate classifies every fold's episodes by every method, one after the other. stop is called before each episode; its error
// ends the evaluation. clock returns the time since any fixed moment; it is called before and after each classification. The
// scores come in the order of the methods.
func Evaluate(stop func() error, folds iter.Seq[Fold], methods []Method, clock func() time.Duration) ([]Score, error) {
	scorers := make([]scorer, len(methods))
	for i, method := range methods {
		scorers[i] = scorer{method: method, clock: clock, answers: map[fit.ProfileName]map[fit.ProfileName]int{}}
	}
	for fold := range folds {
		for _, e := range fold.Test {
			if err := stop(); err != nil {
				return nil, err
			}
			for i := range scorers {
				if err := scorers[i].classify(fold.Model, e); err != nil {
					return nil, err
				}
			}
		}
	}
	scores := make([]Score, len(methods))
	for i := range scorers {
		scores[i] = scorers[i].score()
	}
	return scores, nil
}

// A scorer classifies episodes by one method and counts the answers.
type scorer struct {
	method    Method
	clock     func() time.Duration
	answers   map[fit.ProfileName]map[fit.ProfileName]int // by the episode's profile and the answered one
	none      int                                         // answers "none of these"
	noneWrong int                                         // those of them with a wrong profile
	noneKnown int                                         // those of them to episodes of a profile of the model
	abstained int
	wrong     []Miss
	took      []time.Duration
}

// classify classifies an episode. One without an answer counts as a wrong one, as do all if the model is nil.
func (s *scorer) classify(m *Model, e Example) error {
	var v Verdict
	if m != nil {
		began := s.clock()
		var err error
		v, err = s.method.Classify(m, e.Vector)
		s.took = append(s.took, s.clock()-began)
		if err != nil && !errors.Is(err, ErrNothingInCommon) && !errors.Is(err, ErrGaps) {
			return err
		}
		if v.NoneOfThese && slices.Contains(m.Profiles(), e.Profile) {
			s.noneKnown++
		}
	}
	s.add(e, v)
	return nil
}

func (s *scorer) add(e Example, v Verdict) {
	if s.answers[e.Profile] == nil {
		s.answers[e.Profile] = map[fit.ProfileName]int{}
	}
	s.answers[e.Profile][v.Profile]++
	if v.NoneOfThese {
		s.none++
	}
	if v.Profile == "" {
		s.abstained++
	}
	if v.Profile == e.Profile {
		return
	}
	if v.NoneOfThese {
		s.noneWrong++
	}
	s.wrong = append(s.wrong, Miss{e.Host, e.Episode, e.Profile, v.Profile, v.NoneOfThese})
}

func (s *scorer) score() Score {
	r := Score{Method: s.method.Name, NoneOfThese: s.none, FalselyNone: s.noneKnown, Abstained: s.abstained, Latency: latencyOf(s.took), Wrong: []Miss{}, Profiles: []fit.ProfileName{}, Confusion: [][]int{}}
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
		r.RightOfAnswered = float64(r.Right-(s.none-s.noneWrong)) / float64(answered)
	}
	return r
}

// z95 is the 97.5% quantile of the normal distribution.
const z95 = 1.959963984540054

// Wilson returns the 95% score interval of the probability of being right, if right of n answers were (E. Wilson, JASA 22, 1927).
// With p = right/n and z = 1.96:
//
//	(p + z²/2n ± z*sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
//
// For n = 0 it is 0 to 1.
func Wilson(right, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	size, p := float64(n), float64(right)/float64(n)
	z2 := z95 * z95
	middle := p + z2/(2*size)
	half := float64(z95 * math.Sqrt(p*(1-p)/size+z2/(4*size*size)))
	return max(0, (middle-half)/(1+z2/size)), min(1, (middle+half)/(1+z2/size))
}
