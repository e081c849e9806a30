package model

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// A Part is how much one feature favoured the answer over the runner-up: its part of the squared distance from the runner-up
// minus its part of that from the answer. All parts add up to the difference of the squared distances. A negative one favoured
// the runner-up.
//
// The values are rates as the channel has them, and shares of kernel time from 0 to 1. Those of profiles are means.
type Part struct {
	Feature
	Part     float64 `json:"part"`
	Value    float64 `json:"value"`
	Answer   float64 `json:"answer"`
	RunnerUp float64 `json:"runner_up"`
	Words    string  `json:"words"` // what the episode has and what the runner-up has
}

// An Excess is how much one feature adds to the squared distance from a profile. All parts add up to it. The values are like those
// of [Part].
type Excess struct {
	Feature
	Part    float64 `json:"part"`
	Value   float64 `json:"value"`
	Profile float64 `json:"profile"`
	Words   string  `json:"words"` // what the episode has and what the profile has
}

// decided returns [Verdict].Decided.
func (m *Model) decided(vector []float32, answer, runnerUp *class) []Part {
	near := m.space.parts(difference(vector, answer.mean))
	far := m.space.parts(difference(vector, runnerUp.mean))
	parts := make([]Part, len(vector))
	for f, v := range vector {
		feature := m.features[f]
		p := Part{Feature: feature, Part: far[f] - near[f],
			Value: feature.original(float64(v)), Answer: feature.original(answer.mean[f]), RunnerUp: feature.original(runnerUp.mean[f])}
		p.Words = words(feature, p.Value, p.RunnerUp, runnerUp.profile)
		parts[f] = p
	}
	slices.SortStableFunc(parts, func(a, b Part) int { return cmp.Compare(b.Part, a.Part) })
	return parts
}

// excess returns [Verdict].Excess.
func (m *Model) excess(vector []float32, answer *class) []Excess {
	all := make([]Excess, len(vector))
	for f, part := range m.space.parts(difference(vector, answer.mean)) {
		feature := m.features[f]
		e := Excess{Feature: feature, Part: part, Value: feature.original(float64(vector[f])), Profile: feature.original(answer.mean[f])}
		e.Words = words(feature, e.Value, e.Profile, answer.profile)
		all[f] = e
	}
	slices.SortStableFunc(all, func(a, b Excess) int { return cmp.Compare(b.Part, a.Part) })
	return all
}

// words says in a sentence how much of a feature an episode and a profile have.
func words(f Feature, value, other float64, profile fit.ProfileName) string {
	has, hasOther := digits(value), digits(other)
	how := "more"
	switch {
	case has == hasOther:
		return fmt.Sprintf("as much %s as %s: %s", f, profile, has)
	case value < other:
		how = "less"
	}
	return fmt.Sprintf("%s %s: %s, %s has %s", how, f, has, profile, hasOther)
}

// digits writes a number with two decimals if it is below 10, one if it is below 100.
func digits(v float64) string {
	switch size := math.Abs(v); {
	case size < 10:
		return fmt.Sprintf("%.2f", v)
	case size < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
