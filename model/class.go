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

	// A vector whose distance is beyond these is none of the profile: the outer fences of the members' own distances from the median and
	// from the nearest member, each measured without the member itself. +Inf if there are too few members.
	medianFence, memberFence float64
}

func newClass(l Layout, profile fit.ProfileName, members []Example) (*class, error) {
	b, err := newClassBuilder(l, profile, members)
	if err != nil {
		return nil, err
	}
	return b.class(leaveNoneOut), nil
}

// A classBuilder makes the class of all members of a profile, and the classes of all but one. It keeps what these have in common.
type classBuilder struct {
	metric  Metric
	profile fit.ProfileName
	members []Example     // by host and episode
	columns [][]float32   // by feature: the members' values, sorted, without gaps
	nearest [][]Neighbour // by member: the two nearest other members, or fewer
}

func newClassBuilder(l Layout, profile fit.ProfileName, members []Example) (*classBuilder, error) {
	vectors := vectorsOf(members, leaveNoneOut)
	b := &classBuilder{metric: l.Metric(), profile: profile, members: members, columns: columnsOf(vectors, l.Dim()), nearest: make([][]Neighbour, len(members))}
	for i, v := range vectors {
		nearest, err := b.metric.Nearest(v, vectors, 3)
		if err != nil {
			return nil, err
		}
		b.nearest[i] = slices.DeleteFunc(nearest, func(n Neighbour) bool { return n.Number == i })
	}
	return b, nil
}

// leaveNoneOut is the member that [classBuilder.class] leaves out if it leaves out none.
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

// outerFence returns Tukey's outer fence Q3 + 3*(Q3-Q1) (Exploratory Data Analysis, 1977); +Inf if fewer than 4 values are finite. It sorts
// the values in place.
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

// medians returns the pointwise median of all vectors, and for each vector the pointwise median of the others. columns are those of the
// vectors. Gaps are left out; if no values remain, the median is a gap.
func medians(columns [][]float32, vectors [][]float32) (all []float32, without [][]float32) {
	all = make([]float32, len(columns))
	without = make([][]float32, len(vectors))
	for i := range without {
		without[i] = make([]float32, len(columns))
	}
	for f, sorted := range columns {
		all[f] = middle(len(sorted), func(i int) float32 { return sorted[i] })
		for i, v := range vectors {
			own := v[f]
			if own != own {
				without[i][f] = all[f]
				continue
			}
			without[i][f] = middle(len(sorted)-1, func(i int) float32 {
				if sorted[i] >= own { // own is at this index or before it
					i++
				}
				return sorted[i]
			})
		}
	}
	return all, without
}

// middle returns the median of n values, which at returns in ascending order; NaN if n is 0.
func middle(n int, at func(int) float32) float32 {
	switch {
	case n == 0:
		return float32(math.NaN())
	case n%2 == 1:
		return at(n / 2)
	}
	return float32((float64(at(n/2-1)) + float64(at(n/2))) / 2)
}

func compareExamples(a, b Example) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Episode, b.Episode))
}
