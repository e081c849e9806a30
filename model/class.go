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
	vectors := make([][]float32, len(members))
	for i, m := range members {
		vectors[i] = m.Vector
	}
	index, err := NewIndex(l.Metric(), vectors)
	if err != nil {
		return nil, err
	}
	c := &class{profile: profile, members: members, index: index}
	var others [][]float32
	c.median, others = medians(vectors, l.Dim())
	toMedian, toMember := make([]float64, len(members)), make([]float64, len(members))
	for i, v := range vectors {
		toMedian[i] = l.Metric().Distance(v, others[i])
		near, err := index.Nearest(v, 2)
		if err != nil {
			return nil, err
		}
		toMember[i] = math.Inf(1)
		for _, n := range near {
			if n.Number != i {
				toMember[i] = n.Distance
				break
			}
		}
	}
	c.medianFence, c.memberFence = outerFence(toMedian), outerFence(toMember)
	return c, nil
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

// medians returns the pointwise median of vectors and, for each of them, that of all the others. Gaps are left out; where nothing is
// left the median is a gap.
func medians(vectors [][]float32, dim int) (of []float32, without [][]float32) {
	of = make([]float32, dim)
	without = make([][]float32, len(vectors))
	for i := range without {
		without[i] = make([]float32, dim)
	}
	sorted := make([]float32, 0, len(vectors))
	for f := range dim {
		sorted = sorted[:0]
		for _, v := range vectors {
			if v[f] == v[f] {
				sorted = append(sorted, v[f])
			}
		}
		slices.Sort(sorted)
		of[f] = middle(len(sorted), func(i int) float32 { return sorted[i] })
		for i, v := range vectors {
			if v[f] != v[f] {
				without[i][f] = of[f]
				continue
			}
			own, _ := slices.BinarySearch(sorted, v[f])
			without[i][f] = middle(len(sorted)-1, func(i int) float32 {
				if i >= own {
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
