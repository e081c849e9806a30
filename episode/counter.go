package episode

import "math"

// A counter turns the samples of a counter into rates and an unwrapped count. With samples c at
// times t, the rate and the unwrapped count U at sample i are
//
//	rate[i] = increase[i] / (t[i] - t[i-1])
//	U[i]    = U[i-1] + increase[i], U[0] = 0
//	increase[i] = c[i] - c[i-1], or c[i] if c[i] < c[i-1]: a new process counts from 0
//
// If all samples are integers of at most 64 bits, increases and U are exact and then rounded once
// to float64. If not, all is float64.
type counter struct {
	exact  bool    // all samples are integers
	last   number  // the sample before, or a gap
	time   float64 // of last
	origin wide    // if exact: U is last - origin
	count  float64 // U
	resets int     // how often a sample was less than the one before
}

// add takes the next sample. It returns the rate since the one before, or NaN for the first.
func (c *counter) add(n number, time float64) (rate float64) {
	last, elapsed := c.last, time-c.time
	c.last, c.time = n, time
	switch {
	case last.kind == gap:
		c.origin = n.wide()
		return math.NaN()
	case c.exact:
		return c.addInteger(n.wide(), last.wide()) / elapsed
	}
	if n.less(last) {
		c.resets++
		last = number{kind: positive}
	}
	increase := n.minus(last)
	c.count += increase
	return increase / elapsed
}

// addInteger takes the next sample if all are integers. It returns the increase.
func (c *counter) addInteger(n, last wide) (increase float64) {
	grown := n.minus(last)
	if grown.isNegative() {
		c.resets++
		c.origin = c.origin.minus(last)
		grown = n
	}
	c.count = n.minus(c.origin).float64()
	return grown.float64()
}
