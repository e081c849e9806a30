package model

import (
	"slices"
	"time"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// maxSampled is how many members of a sample are examples, at most: those of lowest rank, which are a uniform random sample of
// all. The time to measure a model grows with the square of it.
const maxSampled = 250

// Sampled has the models of the members of samples, as workers and fits make them. Both are nil if there is no member.
type Sampled struct {
	Model  *Model
	Labels *Labels
}

// SampleLayout returns the layout of the vectors of a spec's samples. It is not valid if the spec has no signature, or only one
// point for the run.
func SampleLayout(spec *fit.Spec) Layout {
	return NewLayout(Running, string(spec.Signature.Resample), spec.Signature.Channels, spec.Points)
}

// ExamplesOf returns the members of a profile's sample as examples, at most 250. members are by rank. Those without a signature
// of the layout are left out.
func ExamplesOf(l Layout, p fit.ProfileName, members []signature.Member) []Example {
	var examples []Example
	for _, m := range members[:min(len(members), maxSampled)] {
		if vector, err := l.Vector(m.Signature); err == nil {
			examples = append(examples, Example{p, m.Host, m.Episode, vector})
		}
	}
	return examples
}

// NewSampled makes the models of the examples of all samples, with the stop of [NewLabels]. An episode that is accepted for two
// profiles is an example of neither.
func NewSampled(stop func() error, l Layout, examples []Example) (Sampled, error) {
	type name struct{ host, episode string }
	times := map[name]int{}
	for _, e := range examples {
		times[name{e.Host, e.Episode}]++
	}
	examples = slices.DeleteFunc(slices.Clone(examples), func(e Example) bool { return times[name{e.Host, e.Episode}] > 1 })
	if len(examples) == 0 {
		return Sampled{}, nil
	}
	m, err := New(l, examples)
	if err != nil {
		return Sampled{}, err
	}
	labels, err := NewLabels(stop, l, examples)
	if err != nil {
		return Sampled{}, err
	}
	return Sampled{m, labels}, nil
}

// Measured is how good a model of samples is.
type Measured struct {
	Models   []Score   `json:"models"`    // each member was classified by the model of all others
	WithGaps int       `json:"with_gaps"` // members that have gaps, so that no model has them as examples
	Suspects []Suspect `json:"suspects"`  // by host and episode
}

// Measure measures the models, by the clock and the stop of [Evaluate].
func (s Sampled) Measure(stop func() error, clock func() time.Duration) (Measured, error) {
	measured := Measured{Models: []Score{}, Suspects: []Suspect{}}
	if s.Model == nil {
		return measured, nil
	}
	scores, err := Evaluate(stop, s.Model.LeaveOneEpisodeOut(), Methods(DefaultNeighbours), clock)
	if err != nil {
		return Measured{}, err
	}
	suspects, err := s.Labels.Suspects(stop)
	if err != nil {
		return Measured{}, err
	}
	measured.Models = scores
	measured.WithGaps = s.Model.WithGaps()
	measured.Suspects = append(measured.Suspects, suspects...)
	return measured, nil
}
