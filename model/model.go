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
	layout  Layout
	classes []*class // by name of profile
}

// New makes a model of examples, in any order. It keeps their vectors. It is an error if there are no examples, if an episode
// comes twice, or if a vector has another length than the layout's.
func New(l Layout, examples []Example) (*Model, error) {
	if err := l.Validate(); err != nil {
		return nil, fmt.Errorf("make a model: %w", err)
	}
	if len(examples) == 0 {
		return nil, errors.New("make a model: there are no examples")
	}
	sorted := slices.Clone(examples)
	slices.SortFunc(sorted, compareExamples)
	for i, e := range sorted {
		if i > 0 && compareExamples(sorted[i-1], e) == 0 {
			return nil, fmt.Errorf("make a model: episode %s/%s comes twice", e.Host, e.Episode)
		}
		if len(e.Vector) != l.Dim() {
			return nil, fmt.Errorf("make a model: the vector of %s/%s has %d features, want %d", e.Host, e.Episode, len(e.Vector), l.Dim())
		}
	}
	slices.SortStableFunc(sorted, func(a, b Example) int { return cmp.Compare(a.Profile, b.Profile) })
	m := &Model{layout: l}
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].Profile == sorted[0].Profile {
			n++
		}
		m.classes = append(m.classes, newClass(l, sorted[0].Profile, sorted[:n:n]))
		sorted = sorted[n:]
	}
	return m, nil
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

// Without returns the model of the examples for which leaveOut returns false; nil if no example is left. It shares the classes of
// profiles that lose no example.
func (m *Model) Without(leaveOut func(Example) bool) *Model {
	rest := &Model{layout: m.layout}
	for _, c := range m.classes {
		kept := slices.DeleteFunc(slices.Clone(c.members), leaveOut)
		switch {
		case len(kept) == 0:
			continue
		case len(kept) < len(c.members):
			c = newClass(m.layout, c.profile, kept)
		}
		rest.classes = append(rest.classes, c)
	}
	if len(rest.classes) == 0 {
		return nil
	}
	return rest
}
