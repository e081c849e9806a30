package model

import (
	"cmp"
	"slices"

	"github.com/cis490/profiles/fit"
)

// A class is one profile of a model. It never changes.
type class struct {
	profile fit.ProfileName
	members []Example // by host and episode
	groups  []group   // by host
	moments           // of all groups
}

// A group has the vectors that a class has of one host, without those with gaps.
type group struct {
	host    string
	vectors [][]float32 // by episode
	moments
}

// newClass makes a class of members in the order of host and episode, whose vectors have dim features.
func newClass(profile fit.ProfileName, members []Example, dim int) *class {
	c := &class{profile: profile, members: members}
	for _, e := range members {
		if hasGap(e.Vector) {
			continue
		}
		if len(c.groups) == 0 || c.groups[len(c.groups)-1].host != e.Host {
			c.groups = append(c.groups, group{host: e.Host})
		}
		g := &c.groups[len(c.groups)-1]
		g.vectors = append(g.vectors, e.Vector)
	}
	for i, g := range c.groups {
		c.groups[i].moments = momentsOf(g.vectors, dim)
	}
	c.moments = join(momentsOfGroups(c.groups), dim)
	return c
}

// withoutHost returns the moments without those of a host.
func (c *class) withoutHost(host string) moments {
	i, has := c.findHost(host)
	if !has {
		return c.moments
	}
	parts := momentsOfGroups(c.groups)
	return join(slices.Delete(parts, i, i+1), len(c.mean))
}

func (c *class) findHost(host string) (int, bool) {
	return slices.BinarySearchFunc(c.groups, host, func(g group, host string) int { return cmp.Compare(g.host, host) })
}

// restricted returns the class with some of the features only, and without members.
func (c *class) restricted(kept []int) *class {
	r := &class{profile: c.profile, moments: c.moments.restricted(kept)}
	for _, g := range c.groups {
		of := group{host: g.host, moments: g.moments.restricted(kept)}
		for _, v := range g.vectors {
			of.vectors = append(of.vectors, pick(v, kept))
		}
		r.groups = append(r.groups, of)
	}
	return r
}

// pick returns some of the values.
func pick[T any](values []T, kept []int) []T {
	picked := make([]T, len(kept))
	for i, f := range kept {
		picked[i] = values[f]
	}
	return picked
}

func momentsOfGroups(groups []group) []moments {
	parts := make([]moments, len(groups))
	for i, g := range groups {
		parts[i] = g.moments
	}
	return parts
}

func hasGap(vector []float32) bool {
	return slices.ContainsFunc(vector, func(v float32) bool { return v != v })
}

func compareExamples(a, b Example) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Episode, b.Episode))
}
