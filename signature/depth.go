package signature

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
)

// Depths returns the modified band depth of each row among all: how deep inside the others it lies, 0 to 1. At a point where n >= 2
// rows have a value, of which so many lie strictly below and above the row's own, the part of the C(n,2) bands between two rows that
// hold it is
//
//	[C(n,2) - C(below,2) - C(above,2)] / C(n,2)
//
// and a row's depth is the mean of that over the points where it has a value, from left to right. Equal values lie within each other's
// bands. A row of which there is no such point has NaN. (López-Pintado and Romo, 2009, with bands of two curves.)
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

// Trust says which real episode is most like the band that it stands beside, and which are unlike.
type Trust struct {
	Deepest  *Episode  `json:"deepest"`  // null where no row has a depth: fewer than two episodes
	Outliers []Outlier `json:"outliers"` // those outside the fence at most points first, 1,000 of them
	LeftOut  int       `json:"left_out"` // how many more there are
}

// Episode names an episode with its depth.
type Episode struct {
	Host    string `json:"host"`
	Episode string `json:"episode"`
	Depth   Value  `json:"depth"`
}

// Outlier is an episode that leaves the functional boxplot's fence, and why.
type Outlier struct {
	Episode
	Outside int   `json:"outside"` // points outside the fence
	Point   int   `json:"point"`   // where it is farthest outside, the first of equals
	Value   Value `json:"value"`   // the episode's there
	Low     Value `json:"low"`     // the fence there
	High    Value `json:"high"`
}

// String says why in one line.
func (o Outlier) String() string {
	side, bound := "above", o.High
	if o.Value < o.Low {
		side, bound = "below", o.Low
	}
	return fmt.Sprintf("%s/%s is outside at %d points, farthest at point %d: %.4g, %s %.4g", o.Host, o.Episode.Episode, o.Outside, o.Point, float64(o.Value), side, float64(bound))
}

// fenceFactor is how many times its own height the central region is widened by on each side.
const fenceFactor = 1.5

// trustOf returns the functional boxplot of rows (Sun and Genton, 2011). The central region lies between the least and the greatest
// values of the deepest half: of the ceil(n/2) rows of greatest depth, n being those that have one, and of all as deep as the last of
// them. The fence is that region, widened on each side by 1.5 times its height. A row that leaves it at any point is an outlier.
//
// ids name the rows. Of equally deep rows the first by host and episode is the deepest.
func trustOf(rows [][]float64, points int, ids []Episode) Trust {
	depths := Depths(rows, points)
	var order []int // of those that have a depth, the deepest first
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
		if o, outside := leaves(rows[i], low, high); outside {
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

// fence returns the bounds at each point; NaN where none of the central rows has a value.
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
			wider := fenceFactor * (greatest - least)
			low[at], high[at] = least-wider, greatest+wider
		}
	}
	return low, high
}

// leaves tells where a row is outside the fence.
func leaves(row, low, high []float64) (o Outlier, outside bool) {
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
