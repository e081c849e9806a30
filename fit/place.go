package fit

import (
	"math"
	"math/bits"
	"slices"
)

// smallColumn is the length up to which sorting by insertion is faster than partitioning further.
const smallColumn = 16

// place reorders the column so far that median and the two quartiles can be read off: the keys at the indices they look at are the
// ones that sorting would put there. It is a quickselect (Hoare, CACM 4, 1961) for all indices at once.
func (c column) place() {
	m := len(c)
	if m < 2 {
		return
	}
	lower, _ := virtualIndex(m, lowerQuartile)
	upper, _ := virtualIndex(m, upperQuartile)
	// Each partition takes away a good part of the keys; where it does not three times as often as expected, sorting ends it.
	tries := 6 * bits.Len(uint(m))
	c.placeAt([]int{lower, lower + 1, (m - 1) / 2, m / 2, upper, min(upper+1, m-1)}, 0, tries)
}

// placeAt puts the right key at each index of want, which ascend and count from first keys before the column's.
func (c column) placeAt(want []int, first, tries int) {
	for len(want) > 0 && len(c) > smallColumn {
		if tries--; tries < 0 {
			slices.Sort(c)
			return
		}
		lo, hi := c.pivots(want[len(want)/2] - first)
		below, equal, upTo := c.partition(lo, hi)
		i := before(want, first+below)
		c[:below].placeAt(want[:i], first, tries)
		i += before(want[i:], first+equal) // a key equal to lo is where it belongs
		k := i + before(want[i:], first+upTo)
		c[equal:upTo].placeAt(want[i:k], first+equal, tries)
		c, first, want = c[upTo:], first+upTo, want[k:]
	}
	if len(want) > 0 {
		c.insertionSort()
	}
}

// before returns how many of the indices lie before end.
func before(want []int, end int) int {
	i := 0
	for i < len(want) && want[i] < end {
		i++
	}
	return i
}

// pivots returns two keys of the column, perhaps the same, between which that of an index lies in most cases, and few others: those
// that stand some way below and above its place in a sorted sample (Floyd and Rivest, CACM 18, 1975).
func (c column) pivots(index int) (lo, hi uint64) {
	var room [maxSample]uint64
	size := sampleSize(len(c))
	sample := column(room[:size])
	for i := range sample {
		sample[i] = c[i*len(c)/size]
	}
	sample.insertionSort()
	// The place of the index in the sample varies by at most half the root of the size, as a standard deviation.
	place, margin := index*size/len(c), int(math.Sqrt(float64(size)))*3/4
	return sample[max(place-margin, 0)], sample[min(place+margin, size-1)]
}

const maxSample = 64

func sampleSize(m int) int {
	return min(max(m/12, 5), maxSample)
}

// partition reorders the keys: those before index below are less than lo, those from there to equal are lo, those from there to upTo
// are up to hi, and the others are greater.
func (c column) partition(lo, hi uint64) (below, equal, upTo int) {
	below = c.gather(lo)
	upTo = below + c[below:].gather(hi+1) // no overflow: the highest keys would be NaN
	equal = below + c[below:upTo].gather(lo+1)
	return below, equal, upTo
}

// gather moves the keys less than bound to the front and returns how many they are. The loop has no branch that depends on a key: on
// random keys half of such branches would be mispredicted, at more than ten times the cost of the rest.
func (c column) gather(bound uint64) int {
	n := 0
	for i, key := range c {
		c[i] = c[n]
		c[n] = key
		_, less := bits.Sub64(key, bound, 0)
		n += int(less)
	}
	return n
}

func (c column) insertionSort() {
	for i := 1; i < len(c); i++ {
		key := c[i]
		j := i
		for ; j > 0 && c[j-1] > key; j-- {
			c[j] = c[j-1]
		}
		c[j] = key
	}
}
