package fit

import (
	"math"
	"math/bits"
	"slices"
)

// smallColumn is the length up to which insertion sort is faster than another partition.
const smallColumn = 16

// selectQuartiles reorders the column such that median and the two quartiles are as if it were sorted: the keys at the indices
// that they read are in place. It is a quickselect (Hoare, CACM 4, 1961) for all these indices at once. Sorting takes four times
// as long for 100 values and 15 times for 10,000 (BenchmarkSelect), that is 0.5 ms more for each envelope of 100 episodes.
func (c column) selectQuartiles() {
	m := len(c)
	if m < 2 {
		return
	}
	lower, _ := virtualIndex(m, lowerQuartile)
	upper, _ := virtualIndex(m, upperQuartile)
	// A partition usually removes most of the keys. After three times the expected number of partitions, the rest is sorted.
	tries := 6 * bits.Len(uint(m))
	c.selectAt([]int{lower, lower + 1, (m - 1) / 2, m / 2, upper, min(upper+1, m-1)}, 0, tries)
}

// selectAt puts the right key at each index of want. The indices ascend, and first is the index of the column's first key.
func (c column) selectAt(want []int, first, tries int) {
	for len(want) > 0 && len(c) > smallColumn {
		if tries--; tries < 0 {
			slices.Sort(c)
			return
		}
		lo, hi := c.pivots(want[len(want)/2] - first)
		below, equal, upTo := c.partition(lo, hi)
		i := before(want, first+below)
		c[:below].selectAt(want[:i], first, tries)
		i += before(want[i:], first+equal) // keys equal to lo are in place
		k := i + before(want[i:], first+upTo)
		c[equal:upTo].selectAt(want[i:k], first+equal, tries)
		c, first, want = c[upTo:], first+upTo, want[k:]
	}
	if len(want) > 0 {
		c.insertionSort()
	}
}

// before returns how many of the indices are below end.
func before(want []int, end int) int {
	i := 0
	for i < len(want) && want[i] < end {
		i++
	}
	return i
}

// pivots returns two keys of the column, which may be equal. In most cases the key of the index is between them, and few others
// are: they stand a little below and above its position in a sorted sample (Floyd and Rivest, CACM 18, 1975).
func (c column) pivots(index int) (lo, hi uint64) {
	var room [maxSample]uint64
	size := sampleSize(len(c))
	sample := column(room[:size])
	for i := range sample {
		sample[i] = c[i*len(c)/size]
	}
	sample.insertionSort()
	// The standard deviation of the position in the sample is at most half the root of its size.
	position, margin := index*size/len(c), int(math.Sqrt(float64(size)))*3/4
	return sample[max(position-margin, 0)], sample[min(position+margin, size-1)]
}

const maxSample = 64

func sampleSize(m int) int {
	return min(max(m/12, 5), maxSample)
}

// partition reorders the keys: first those less than lo, from index below those equal to lo, from index equal those up to hi,
// from index upTo those greater than hi.
func (c column) partition(lo, hi uint64) (below, equal, upTo int) {
	below = c.gather(lo)
	upTo = below + c[below:].gather(hi+1) // no overflow: the highest keys are those of NaN
	equal = below + c[below:upTo].gather(lo+1)
	return below, equal, upTo
}

// gather moves the keys less than bound to the front and returns their number. The loop has no branch that depends on a key: half
// of such branches would be mispredicted on random keys, which costs more than ten times as much as the rest.
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
