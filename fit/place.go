package fit

import (
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
		below, upTo := c.partition()
		i := 0
		for i < len(want) && want[i] < first+below {
			i++
		}
		c[:below].placeAt(want[:i], first, tries)
		for i < len(want) && want[i] < first+upTo {
			i++ // a key equal to the pivot is where it belongs
		}
		c, first, want = c[upTo:], first+upTo, want[i:]
	}
	if len(want) > 0 {
		c.insertionSort()
	}
}

// partition chooses a pivot among the keys and reorders them: those before index below are less, those from there to upTo equal, the
// others greater.
func (c column) partition() (below, upTo int) {
	pivot := medianOfThree(c[0], c[len(c)/2], c[len(c)-1])
	below = c.gather(pivot)
	return below, below + c[below:].gather(pivot+1) // no overflow: the highest keys would be NaN
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

func medianOfThree(a, b, c uint64) uint64 {
	return max(min(a, b), min(max(a, b), c))
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
