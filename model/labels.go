package model

import (
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// Labels checks whether episodes have the profile that they are said to have. A wrong label among the examples moves means and
// scatter, on which a [Model] depends, but hardly a median. So Labels compares with the medians m_c of the profiles: over the p
// features that a vector x has,
//
//	d_c = Σ |x-m_c| / sqrt(s² + t²) / p        s = Σ |x-m_c| / (n-K) over all examples, for each feature
//
// with the prior t of a model. Fences are those of a model ([limitsOf]), with medians for means, and for the standard deviation
// 1.4826 times the median of all |u - median_c|. Labels never changes, and may be used concurrently.
type Labels struct {
	dim      int
	profiles [][]Example // by profile, then by host and episode
	fences   []float64   // of each profile; 0 for none
}

// NewLabels checks labels by examples, in any order. It keeps their vectors. Errors are those of [New]. stop is called before
// each example; its error ends the work, whose time grows with the square of the number of examples if they are of one host.
func NewLabels(stop func() error, l Layout, examples []Example) (*Labels, error) {
	byProfile, err := sortExamples(l, examples)
	if err != nil {
		return nil, err
	}
	c := &Labels{dim: l.Dim(), profiles: byProfile}
	distances, err := c.ownDistances(stop)
	if err != nil {
		return nil, err
	}
	c.fences = robustFencesOf(distances)
	return c, nil
}

// A Suspect is an episode that has the profile of another one's examples.
type Suspect struct {
	Host      string          `json:"host_id"`
	Episode   string          `json:"episode_id"`
	Profile   fit.ProfileName `json:"profile"` // as labelled
	LooksLike fit.ProfileName `json:"looks_like"`
}

// Check reports whether an episode is a suspect: whether the nearest median, without the episode itself, is that of another
// profile than its own, and the episode is within the fence of that. An episode of a profile without other examples is none, and
// a profile with fewer than two distances, which has no fence, makes none. The vector must have the layout's length.
func (c *Labels) Check(e Example) (Suspect, bool) {
	rest := c.without(func(o Example) bool { return compareExamples(o, e) == 0 })
	nearest, least, known := -1, math.Inf(1), false
	for i, d := range rest.from(e.Vector) {
		if d < least {
			nearest, least = i, d
		}
		known = known || c.profiles[i][0].Profile == e.Profile && !math.IsInf(d, 1)
	}
	if nearest < 0 || !known || c.profiles[nearest][0].Profile == e.Profile || !(least <= c.fences[nearest]) {
		return Suspect{}, false
	}
	return Suspect{e.Host, e.Episode, e.Profile, c.profiles[nearest][0].Profile}, true
}

// Suspects returns the examples that are suspects, by host and episode. stop is called before each example; its error ends the
// search. The time grows with the square of the number of examples.
func (c *Labels) Suspects(stop func() error) ([]Suspect, error) {
	var found []Suspect
	for _, members := range c.profiles {
		for _, e := range members {
			if err := stop(); err != nil {
				return nil, err
			}
			if s, is := c.Check(e); is {
				found = append(found, s)
			}
		}
	}
	slices.SortFunc(found, func(a, b Suspect) int {
		return compareExamples(Example{Host: a.Host, Episode: a.Episode}, Example{Host: b.Host, Episode: b.Episode})
	})
	return found, nil
}

// ownDistances returns the distances of each profile's examples, each without its host, or without itself alone if the profile
// has no other host.
func (c *Labels) ownDistances(stop func() error) ([][]float64, error) {
	distances := make([][]float64, len(c.profiles))
	medians := map[string]medians{} // without each host
	for i, members := range c.profiles {
		for _, e := range members {
			if err := stop(); err != nil {
				return nil, err
			}
			m, made := medians[e.Host]
			if !made {
				m = c.without(func(o Example) bool { return o.Host == e.Host })
				medians[e.Host] = m
			}
			if m.of[i] == nil {
				m = c.without(func(o Example) bool { return compareExamples(o, e) == 0 })
			}
			if d := m.from(e.Vector)[i]; !math.IsInf(d, 1) {
				distances[i] = append(distances[i], d)
			}
		}
	}
	return distances, nil
}

func robustFencesOf(distances [][]float64) []float64 {
	logs, n, classes := logsOf(distances)
	centres, deviations := make([]float64, len(logs)), make([]float64, 0, n)
	for c, own := range logs {
		centres[c] = medianOf(slices.Sorted(slices.Values(own)))
		for _, u := range own {
			deviations = append(deviations, math.Abs(u-centres[c]))
		}
	}
	slices.Sort(deviations)
	return fencesAround(logs, centres, float64(1.4826*medianOf(deviations)), n-classes)
}

// medians has the medians of profiles, nil for one without examples, and the weights of the features.
type medians struct {
	of      [][]float64
	weights []float64
}

// without returns the medians of the examples for which leaveOut returns false.
func (c *Labels) without(leaveOut func(Example) bool) medians {
	m := medians{make([][]float64, len(c.profiles)), make([]float64, c.dim)}
	kept := make([][]Example, len(c.profiles))
	for i, members := range c.profiles {
		kept[i] = slices.DeleteFunc(slices.Clone(members), leaveOut)
		if len(kept[i]) > 0 {
			m.of[i] = make([]float64, c.dim)
		}
	}
	for f := range c.dim {
		deviations, freedom := 0.0, 0
		for i, members := range kept {
			column := knownColumn(members, f)
			median := medianOf(column)
			if len(members) > 0 {
				m.of[i][f] = median
			}
			for _, v := range column {
				deviations += math.Abs(v - median)
			}
			freedom += max(0, len(column)-1)
		}
		s := deviations / float64(max(1, freedom)) // without freedom, all deviations are 0
		m.weights[f] = 1 / math.Sqrt(float64(s*s)+float64(priorSpread*priorSpread))
	}
	return m
}

// knownColumn returns the values of a feature that are no gaps, sorted.
func knownColumn(members []Example, feature int) []float64 {
	var column []float64
	for _, e := range members {
		if v := e.Vector[feature]; v == v {
			column = append(column, float64(v))
		}
	}
	slices.Sort(column)
	return column
}

// from returns the distance of a vector from each profile's median; +Inf if they have no feature in common.
func (m medians) from(vector []float32) []float64 {
	all := make([]float64, len(m.of))
	for i, median := range m.of {
		sum, n := 0.0, 0
		for f, v := range median {
			if d := math.Abs(float64(vector[f]) - v); d == d {
				sum += float64(d * m.weights[f])
				n++
			}
		}
		if all[i] = math.Inf(1); n > 0 {
			all[i] = sum / float64(n)
		}
	}
	return all
}

// medianOf returns the median of sorted values; NaN if there is none.
func medianOf(sorted []float64) float64 {
	n := len(sorted)
	switch {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
