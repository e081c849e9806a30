package signature

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
)

// Depths returns the modified band depth of each row among all: how deep inside the others it lies, from 0 to 1. Any two rows
// make a band. At a point where n >= 2 rows have a value, the part of the C(n,2) bands that contain the row's value is
//
//	[C(n,2) - C(below,2) - C(above,2)] / C(n,2)
//
// where below and above are the numbers of rows with a strictly lower and a strictly higher value. A row's depth is the mean of
// that over the points where it has a value, from left to right; NaN if there is no such point. A band contains its own bounds.
// (López-Pintado and Romo, 2009, with bands of two curves.)
func Depths(rows [][]float64, points int) []float64 {
	sums, counts := make([]float64, len(rows)), make([]int, len(rows))
	for at := range points {
		column := columnOf(rows, at)
		n := len(column)
		if n < 2 {
			continue
		}
		for i, row := range rows {
			if at >= len(row) || !finite(row[at]) {
				continue
			}
			below := sort.SearchFloat64s(column, row[at])
			above := n - sort.Search(n, func(k int) bool { return column[k] > row[at] })
			sums[i] += float64(pairs(n)-pairs(below)-pairs(above)) / float64(pairs(n))
			counts[i]++
		}
	}
	for i, count := range counts {
		sums[i] /= float64(count) // 0/0 is NaN
	}
	return sums
}

func pairs(n int) int { return n * (n - 1) / 2 }

// maxOutliers bounds Trust.Outliers, so that they fit one message.
const maxOutliers = 1_000

// Trust names the episode that is most like the band, and those that are unlike it.
type Trust struct {
	Deepest  *Episode  `json:"deepest"`  // null if no row has a depth: fewer than two episodes
	Outliers []Outlier `json:"outliers"` // those outside the fence at most points come first; at most 1,000
	LeftOut  int       `json:"left_out"` // how many more outliers there are
}

// Episode names an episode with its depth.
type Episode struct {
	Host    string `json:"host"`
	Episode string `json:"episode"`
	Depth   Value  `json:"depth"`
}

// Outlier is an episode that leaves the fence of the functional boxplot.
type Outlier struct {
	Episode
	Outside int   `json:"outside"` // points outside the fence
	Point   int   `json:"point"`   // where it is farthest outside; the first of equals
	Value   Value `json:"value"`   // of the episode at that point
	Low     Value `json:"low"`     // the fence at that point
	High    Value `json:"high"`
}

// String describes the outlier in one line.
func (o Outlier) String() string {
	side, bound := "above", o.High
	if o.Value < o.Low {
		side, bound = "below", o.Low
	}
	return fmt.Sprintf("%s/%s is outside at %d points, farthest at point %d: %.4g, %s %.4g", o.Host, o.Episode.Episode, o.Outside, o.Point, float64(o.Value), side, float64(bound))
}

// fenceFactor times its height is added to the central region on each side.
const fenceFactor = 1.5

// trustOf returns the functional boxplot of rows (Sun and Genton, 2011). The central region lies between the least and the
// greatest values of the deepest half: the ceil(n/2) deepest of the n rows that have a depth, and all that are as deep as the
// last of them. The fence is that region, widened on each side by 1.5 times its height. A row that leaves it at any point is an
// outlier.
//
// ids name the rows. Of equally deep rows, the first by host and episode counts as the deepest.
func trustOf(rows [][]float64, points int, ids []Episode) Trust {
	depths := Depths(rows, points)
	var order []int // the rows that have a depth, the deepest first
	for i, d := range depths {
		if !math.IsNaN(d) {
			order = append(order, i)
		}
	}
	t := Trust{Outliers: []Outlier{}}
	if len(order) == 0 {
		return t
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(depths[b], depths[a]), compareIDs(ids[a], ids[b]))
	})
	named := func(i int) Episode {
		return Episode{Host: ids[i].Host, Episode: ids[i].Episode, Depth: Value(depths[i])}
	}
	deepest := named(order[0])
	t.Deepest = &deepest

	half := (len(order) + 1) / 2
	for half < len(order) && depths[order[half]] == depths[order[half-1]] {
		half++
	}
	low, high := fence(rows, points, order[:half])
	for _, i := range order {
		if o, outside := outlierOf(rows[i], low, high); outside {
			o.Episode = named(i)
			t.Outliers = append(t.Outliers, o)
		}
	}
	slices.SortFunc(t.Outliers, func(a, b Outlier) int {
		return cmp.Or(cmp.Compare(b.Outside, a.Outside), compareIDs(a.Episode, b.Episode))
	})
	t.LeftOut = max(len(t.Outliers)-maxOutliers, 0)
	t.Outliers = t.Outliers[:len(t.Outliers)-t.LeftOut]
	return t
}

// fence returns its bounds at each point; NaN if no central row has a value there.
func fence(rows [][]float64, points int, central []int) (low, high []float64) {
	low, high = make([]float64, points), make([]float64, points)
	inner := make([][]float64, len(central))
	for i, c := range central {
		inner[i] = rows[c]
	}
	for at := range points {
		low[at], high[at] = math.NaN(), math.NaN()
		if column := columnOf(inner, at); len(column) > 0 {
			least, greatest := column[0], column[len(column)-1]
			wider := float64(fenceFactor * (greatest - least))
			low[at], high[at] = least-wider, greatest+wider
		}
	}
	return low, high
}

// outlierOf reports whether a row leaves the fence, and where.
func outlierOf(row, low, high []float64) (o Outlier, outside bool) {
	farthest := 0.0
	for at, v := range row {
		by := max(low[at]-v, v-high[at])
		if !(by > 0) || !finite(v) {
			continue
		}
		o.Outside++
		if by > farthest {
			farthest = by
			o.Point, o.Value, o.Low, o.High = at, Value(v), Value(low[at]), Value(high[at])
		}
	}
	return o, o.Outside > 0
}

func compareIDs(a, b Episode) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Episode, b.Episode))
}
