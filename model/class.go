package model

import (
	"cmp"
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// A class is one profile of a model. It never changes.
type class struct {
	profile fit.ProfileName
	members []Example   // by host and episode
	vectors [][]float32 // of the members
	median  []float32   // pointwise, over the members that have the feature

	// A vector beyond these does not have the profile: the outer fences of the members' own distances from the
	// median and from the nearest member, each measured without the member itself. +Inf if there are too few members.
	medianFence, memberFence float64
}

func newClass(l Layout, profile fit.ProfileName, members []Example) *class {
	return newClassBuilder(l, profile, members).class(leaveNoneOut)
}

// A classBuilder makes the class of all members of a profile, and the classes of all but one. It keeps what these have in common.
type classBuilder struct {
	metric  Metric
	profile fit.ProfileName
	members []Example     // by host and episode
	columns [][]float32   // by feature: the members' values, sorted, without gaps
	nearest [][]Neighbour // by member: the two nearest other members, or fewer
}

func newClassBuilder(l Layout, profile fit.ProfileName, members []Example) *classBuilder {
	vectors := vectorsOf(members, leaveNoneOut)
	b := &classBuilder{metric: l.Metric(), profile: profile, members: members, columns: columnsOf(vectors, l.Dim()), nearest: make([][]Neighbour, len(members))}
	for i, v := range vectors {
		for k, distance := range b.metric.distances(v, vectors[i+1:]) {
			j := i + 1 + k
			b.nearest[i] = insert(b.nearest[i], Neighbour{j, distance}, 2)
			b.nearest[j] = insert(b.nearest[j], Neighbour{i, distance}, 2)
		}
	}
	return b
}

// leaveNoneOut is the argument with which [classBuilder.class] leaves out no member.
const leaveNoneOut = -1

// class makes the class of all members but one.
func (b *classBuilder) class(without int) *class {
	c := &class{profile: b.profile, members: b.members, vectors: vectorsOf(b.members, without)}
	columns := b.columns
	if without != leaveNoneOut {
		c.members = slices.Delete(slices.Clone(b.members), without, without+1)
		columns = columnsWithout(columns, b.members[without].Vector)
	}
	var mediansWithout [][]float32
	c.median, mediansWithout = medians(columns, c.vectors)
	var toMedian []float64
	for i, v := range c.vectors {
		toMedian = append(toMedian, b.metric.Distance(v, mediansWithout[i]))
	}
	c.medianFence, c.memberFence = outerFence(toMedian), outerFence(b.distancesToMember(without))
	return c
}

// distancesToMember returns the distance of each member from the nearest other one, with one member left out.
func (b *classBuilder) distancesToMember(without int) []float64 {
	var distances []float64
	for i, nearest := range b.nearest {
		if i == without {
			continue
		}
		least := math.Inf(1)
		for _, n := range nearest {
			if n.Number != without {
				least = min(least, n.Distance)
			}
		}
		distances = append(distances, least)
	}
	return distances
}

// vectorsOf returns the members' vectors, with one member left out.
func vectorsOf(members []Example, without int) [][]float32 {
	vectors := make([][]float32, 0, len(members))
	for i, m := range members {
		if i != without {
			vectors = append(vectors, m.Vector)
		}
	}
	return vectors
}

// minFenceValues is how many distances a fence needs.
const minFenceValues = 4

// outerFence returns Tukey's outer fence Q3 + 3*(Q3-Q1) (Exploratory Data Analysis, 1977); +Inf if fewer than 4 values are
// finite. It sorts the values in place.
func outerFence(values []float64) float64 {
	slices.Sort(values)
	for len(values) > 0 && math.IsInf(values[len(values)-1], 1) {
		values = values[:len(values)-1]
	}
	if len(values) < minFenceValues {
		return math.Inf(1)
	}
	q1, q3 := quantile(values, 0.25), quantile(values, 0.75)
	return q3 + 3*(q3-q1)
}

// quantile returns the quantile q of sorted values, by linear interpolation at (n-1)*q, as numpy does by default.
func quantile(sorted []float64, q float64) float64 {
	at := float64(len(sorted)-1) * q
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + float64((at-float64(low))*(sorted[low+1]-sorted[low]))
}

// columnsOf returns the values of each feature, sorted, without gaps.
func columnsOf(vectors [][]float32, dim int) [][]float32 {
	columns := make([][]float32, dim)
	for f := range columns {
		column := make([]float32, 0, len(vectors))
		for _, v := range vectors {
			if v[f] == v[f] {
				column = append(column, v[f])
			}
		}
		slices.Sort(column)
		columns[f] = column
	}
	return columns
}

// columnsWithout returns the columns without the values of one vector, which must be among them.
func columnsWithout(columns [][]float32, vector []float32) [][]float32 {
	rest := make([][]float32, len(columns))
	for f, column := range columns {
		rest[f] = column
		if v := vector[f]; v == v {
			at, _ := slices.BinarySearch(column, v)
			rest[f] = slices.Concat(column[:at], column[at+1:])
		}
	}
	return rest
}

// medians returns the pointwise median of all vectors, and for each vector the pointwise median of the others. columns are those
// of the vectors. Gaps are left out; if no values remain, the median is a gap.
func medians(columns [][]float32, vectors [][]float32) (all []float32, without [][]float32) {
	all = make([]float32, len(columns))
	without = make([][]float32, len(vectors))
	for i := range without {
		without[i] = make([]float32, len(columns))
	}
	for f, sorted := range columns {
		all[f] = median(sorted)
		below, equal, above := mediansWithoutOne(sorted)
		for i, v := range vectors {
			switch own := v[f]; {
			case own != own:
				without[i][f] = all[f]
			case own < sorted[len(sorted)/2]:
				without[i][f] = below
			case own > sorted[len(sorted)/2]:
				without[i][f] = above
			default:
				without[i][f] = equal
			}
		}
	}
	return all, without
}

// median returns the median of sorted values; NaN if there is no value.
func median(sorted []float32) float32 {
	n := len(sorted)
	switch {
	case n == 0:
		return float32(math.NaN())
	case n%2 == 1:
		return sorted[n/2]
	}
	return between(sorted[n/2-1], sorted[n/2])
}

// mediansWithoutOne returns the median of sorted values without one of them, which is below, equal to, or above the value at
// index n/2.
func mediansWithoutOne(sorted []float32) (below, equal, above float32) {
	n := len(sorted)
	switch {
	case n < 2:
		gap := float32(math.NaN())
		return gap, gap, gap
	case n%2 == 0:
		return sorted[n/2], sorted[n/2-1], sorted[n/2-1]
	}
	low, middle, high := sorted[n/2-1], sorted[n/2], sorted[n/2+1]
	return between(middle, high), between(low, high), between(low, middle)
}

func between(a, b float32) float32 { return float32((float64(a) + float64(b)) / 2) }

func compareExamples(a, b Example) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Episode, b.Episode))
}
