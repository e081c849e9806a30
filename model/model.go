package model

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/cis490/profiles/fit"
)

// An Example is an episode of known profile.
type Example struct {
	Profile fit.ProfileName
	Host    string
	Episode string
	Vector  []float32 // of the model's [Layout]
}

// A Model classifies vectors by its examples. It never changes, and may be used concurrently. The zero value is not usable.
type Model struct {
	layout   Layout
	features []Feature
	classes  []*class // by name of profile
	space    space
	limits   []limit // by class

	rows  [][]float32 // the whitened vectors of all classes, by class, host and episode
	owner []int       // the class of each row
}

// New makes a model of examples, in any order. It keeps their vectors. It is an error if there are no examples, if an episode
// comes twice, or if a vector has another length than the layout's or an infinity.
func New(l Layout, examples []Example) (*Model, error) {
	byProfile, err := sortExamples(l, examples)
	if err != nil {
		return nil, fmt.Errorf("make a model: %w", err)
	}
	classes := make([]*class, len(byProfile))
	for i, members := range byProfile {
		classes[i] = newClass(members[0].Profile, members, l.Dim())
	}
	return newModel(l, l.features(), classes), nil
}

// sortExamples returns the examples of each profile, by name of the profile, then by host and episode.
func sortExamples(l Layout, examples []Example) ([][]Example, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	if len(examples) == 0 {
		return nil, errors.New("there are no examples")
	}
	sorted := slices.Clone(examples)
	slices.SortFunc(sorted, compareExamples)
	dim := l.Dim()
	for i, e := range sorted {
		if i > 0 && compareExamples(sorted[i-1], e) == 0 {
			return nil, fmt.Errorf("episode %s/%s comes twice", e.Host, e.Episode)
		}
		if err := l.checkVector(e.Vector, dim); err != nil {
			return nil, fmt.Errorf("episode %s/%s: %w", e.Host, e.Episode, err)
		}
	}
	slices.SortStableFunc(sorted, func(a, b Example) int { return cmp.Compare(a.Profile, b.Profile) })
	var byProfile [][]Example
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].Profile == sorted[0].Profile {
			n++
		}
		byProfile = append(byProfile, sorted[:n:n])
		sorted = sorted[n:]
	}
	return byProfile, nil
}

// maxLogarithm bounds the features of [Running], which are logarithms of float32s. Far greater ones would make a scatter in which
// the prior is lost by rounding.
const maxLogarithm = 1000

func (l Layout) checkVector(vector []float32, dim int) error {
	if len(vector) != dim {
		return fmt.Errorf("the vector has %d features, the model %d", len(vector), dim)
	}
	for f, v := range vector {
		switch {
		case v == v && v-v != 0:
			return fmt.Errorf("feature %d of the vector is infinite", f)
		case l.Features == Running && (v > maxLogarithm || v < -maxLogarithm):
			return fmt.Errorf("feature %d of the vector is %v: no logarithm of a rate is beyond %d", f, v, maxLogarithm)
		}
	}
	return nil
}

func newModel(l Layout, features []Feature, classes []*class) *Model {
	dim := len(features)
	parts, hosts := make([]moments, len(classes)), make([]int, len(classes))
	for i, c := range classes {
		parts[i], hosts[i] = c.moments, len(c.groups)
	}
	m := &Model{layout: l, features: features, classes: classes, space: newSpace(l.Features, parts, dim)}
	m.limits = limitsOf(ownDistances(l.Features, classes, dim), hosts)
	for i, c := range classes {
		for _, g := range c.groups {
			for _, v := range g.vectors {
				m.rows = append(m.rows, m.whitened(v))
				m.owner = append(m.owner, i)
			}
		}
	}
	return m
}

// whitened returns L^-1 x as the rows have it.
func (m *Model) whitened(vector []float32) []float32 {
	x := make([]float64, len(vector))
	for f, v := range vector {
		x[f] = float64(v)
	}
	row := make([]float32, len(x))
	for f, z := range m.space.whiten(x) {
		row[f] = float32(z)
	}
	return row
}

// knownOnly returns the model with those features that a vector has, and the vector of these. The model's examples are those of m
// without gaps. It is m if the vector has no gaps.
func (m *Model) knownOnly(vector []float32) (*Model, []float32) {
	if !hasGap(vector) {
		return m, vector
	}
	var kept []int
	for f, v := range vector {
		if v == v {
			kept = append(kept, f)
		}
	}
	classes := make([]*class, len(m.classes))
	for i, c := range m.classes {
		classes[i] = c.restricted(kept)
	}
	return newModel(m.layout, pick(m.features, kept), classes), pick(vector, kept)
}

// Layout returns the layout of the model's vectors.
func (m *Model) Layout() Layout { return m.layout }

// Examples returns the examples, by profile, host and episode.
func (m *Model) Examples() []Example {
	var all []Example
	for _, c := range m.classes {
		all = append(all, c.members...)
	}
	return all
}

// WithGaps returns how many examples have a gap in their vector. They are used for nothing: a scatter needs all features.
func (m *Model) WithGaps() int { return len(m.Examples()) - len(m.rows) }

// Has reports whether an episode is among the examples.
func (m *Model) Has(host, episode string) bool {
	want := Example{Host: host, Episode: episode}
	return slices.ContainsFunc(m.classes, func(c *class) bool {
		_, found := slices.BinarySearchFunc(c.members, want, compareExamples)
		return found
	})
}

// Profiles returns the profiles of the examples, by name.
func (m *Model) Profiles() []fit.ProfileName {
	names := make([]fit.ProfileName, len(m.classes))
	for i, c := range m.classes {
		names[i] = c.profile
	}
	return names
}

// Unknown returns the episodes that are not among the model's examples.
func (m *Model) Unknown(episodes []Example) []Example {
	return slices.DeleteFunc(slices.Clone(episodes), func(e Example) bool { return m.Has(e.Host, e.Episode) })
}

// Without returns the model of the examples for which leaveOut returns false; nil if no example is left.
func (m *Model) Without(leaveOut func(Example) bool) *Model {
	var classes []*class
	for _, c := range m.classes {
		kept := slices.DeleteFunc(slices.Clone(c.members), leaveOut)
		if len(kept) == 0 {
			continue
		}
		if len(kept) < len(c.members) {
			c = newClass(c.profile, kept, len(m.features))
		}
		classes = append(classes, c)
	}
	if len(classes) == 0 {
		return nil
	}
	return newModel(m.layout, m.features, classes)
}
