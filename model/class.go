package model

import (
	"cmp"
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// A class is one profile as its examples show it. It never changes.
type class struct {
	profile fit.ProfileName
	members []Example // by host and episode
	index   *Index    // of the members
	median  []float32 // pointwise, over the members that have the feature

	// Beyond these a vector is none of the profile: the outer fence of the members' own distances, each measured without itself.
	// +Inf where there are too few members to tell.
	medianFence, memberFence float64
}

func newClass(l Layout, profile fit.ProfileName, members []Example) (*class, error) {
	s, err := newShape(l, profile, members)
	if err != nil {
		return nil, err
	}
	return s.class(nobody)
}

// A shape is what a class comes of, so that the class of all members but one need not begin anew.
type shape struct {
	layout  Layout
	profile fit.ProfileName
	members []Example     // by host and episode
	columns [][]float32   // by feature: the members' values, sorted, without gaps
	near    [][]Neighbour // of each member the two nearest of the others, or fewer
}

func newShape(l Layout, profile fit.ProfileName, members []Example) (*shape, error) {
	vectors := vectorsOf(members, nobody)
	index, err := NewIndex(l.Metric(), vectors)
	if err != nil {
		return nil, err
	}
	s := &shape{layout: l, profile: profile, members: members, columns: columnsOf(vectors, l.Dim()), near: make([][]Neighbour, len(members))}
	for i, v := range vectors {
		near, err := index.Nearest(v, 3)
		if err != nil {
			return nil, err
		}
		s.near[i] = slices.DeleteFunc(near, func(n Neighbour) bool { return n.Number == i })
	}
	return s, nil
}

// nobody is the member to leave out where none is.
const nobody = -1

// class makes the class of all members but one.
func (s *shape) class(without int) (*class, error) {
	vectors, columns := vectorsOf(s.members, without), s.columns
	members := s.members
	if without != nobody {
		members = slices.Delete(slices.Clone(members), without, without+1)
		columns = columnsWithout(columns, s.members[without].Vector)
	}
	index, err := NewIndex(s.layout.Metric(), vectors)
	if err != nil {
		return nil, err
	}
	c := &class{profile: s.profile, members: members, index: index}
	var others [][]float32
	c.median, others = medians(columns, vectors)
	var toMedian, toMember []float64
	for i, v := range vectors {
		toMedian = append(toMedian, s.layout.Metric().Distance(v, others[i]))
	}
	for i, near := range s.near {
		if i == without {
			continue
		}
		least := math.Inf(1)
		for _, n := range near {
			if n.Number != without {
				least = min(least, n.Distance)
			}
		}
		toMember = append(toMember, least)
	}
	c.medianFence, c.memberFence = outerFence(toMedian), outerFence(toMember)
	return c, nil
}

func vectorsOf(members []Example, without int) [][]float32 {
	vectors := make([][]float32, 0, len(members))
	for i, m := range members {
		if i != without {
			vectors = append(vectors, m.Vector)
		}
	}
	return vectors
}

// fewest is how many distances tell where a fence stands.
const fewest = 4

// outerFence is Q3 + 3*(Q3-Q1) (J. Tukey, Exploratory Data Analysis, 1977): what lies beyond is "far out". +Inf where fewer than
// 4 are finite. The values are sorted.
func outerFence(values []float64) float64 {
	slices.Sort(values)
	for len(values) > 0 && math.IsInf(values[len(values)-1], 1) {
		values = values[:len(values)-1]
	}
	if len(values) < fewest {
		return math.Inf(1)
	}
	q1, q3 := quantile(values, 0.25), quantile(values, 0.75)
	return q3 + 3*(q3-q1)
}

// quantile is the polyline through sorted values at (n-1)*q, as numpy has it.
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

// columnsWithout returns the columns without one vector's values, which are among them.
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

// medians returns the pointwise median of vectors, whose columns are given, and, for each of them, that of all the others. Gaps are
// left out; where nothing is left the median is a gap.
func medians(columns [][]float32, vectors [][]float32) (of []float32, without [][]float32) {
	of = make([]float32, len(columns))
	without = make([][]float32, len(vectors))
	for i := range without {
		without[i] = make([]float32, len(columns))
	}
	for f, sorted := range columns {
		of[f] = middle(len(sorted), func(i int) float32 { return sorted[i] })
		for i, v := range vectors {
			own := v[f]
			if own != own {
				without[i][f] = of[f]
				continue
			}
			without[i][f] = middle(len(sorted)-1, func(i int) float32 {
				if sorted[i] >= own { // own, or one that equals it, stood here or before
					i++
				}
				return sorted[i]
			})
		}
	}
	return of, without
}

// middle is the median of n values in order; NaN of none.
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
