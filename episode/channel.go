package episode

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A ChannelName names one quantity of an episode: a field of the rows of telemetry-<source>.jsonl.
type ChannelName struct {
	Source string // has no dot
	Field  string
}

// ParseChannelName reads "<source>.<field>". The source ends at the first dot.
func ParseChannelName(s string) (ChannelName, error) {
	source, field, _ := strings.Cut(s, ".")
	unfit := func(r rune) bool { return !unicode.IsPrint(r) }
	if source == "" || field == "" || strings.Contains(source, "/") || !utf8.ValidString(s) || strings.ContainsFunc(s, unfit) {
		return ChannelName{}, fmt.Errorf("channel %s is not <source>.<field>", quote(s))
	}
	return ChannelName{source, field}, nil
}

// String returns "source.field".
func (c ChannelName) String() string { return c.Source + "." + c.Field }

// IsCounter reports whether the channel is one that only grows while its process lives.
func (c ChannelName) IsCounter() bool {
	if c.Source != "proc" {
		return false
	}
	switch c.Field {
	case "cpu_user_jiffies", "cpu_sys_jiffies", "io_read_bytes", "io_write_bytes", "io_rchar", "io_wchar",
		"minflt", "majflt", "ctxt_voluntary", "ctxt_involuntary":
		return true
	}
	return false
}

// A Channel is one quantity over an episode's time. Its slices are only to be read: channels of one source share their times.
type Channel struct {
	Name    ChannelName
	Counter bool

	// Times are the points, in seconds since the first label, strictly increasing; Values are the per-second rates of a
	// counter, or the values of a gauge, at those times, NaN for a gap. There are two at least, or none where the archive lacks
	// the channel.
	Times, Values []float64

	// Counts are how much a counter has grown since its first sample, at each sample that has the field; the first is 0.
	// A gauge has none.
	CountTimes, Counts []float64

	Resets int // how often the counter fell, and so counted from zero
	Gaps   int // how many Values are NaN
}

// channel makes a channel of the rows that are kept.
func (t *telemetry) channel(name ChannelName) (Channel, error) {
	if !t.found {
		return Channel{}, unusablef(ReasonNoSource, "no channel %s: no member telemetry-%s.jsonl", name, name.Source)
	}
	c := Channel{Name: name, Counter: name.IsCounter(), Times: t.times}
	numbers := t.column(name.Field)
	samples := 0
	exact := true
	for _, n := range numbers {
		if n.isValue() {
			samples++
			exact = exact && n.isInteger()
		}
	}
	if samples == 0 {
		return Channel{}, unusablef(ReasonNoChannel, "no channel %s: none of %d rows has the field", name, len(t.times))
	}
	if c.Counter {
		c.Times = t.times[1:]
	}
	if len(c.Times) < 2 {
		return Channel{}, unusablef(ReasonFewPoints, "channel %s has fewer than 2 points, of %d rows", name, len(t.times))
	}
	c.Values = t.floats.room(len(c.Times))
	if !c.Counter {
		for _, n := range numbers {
			c.Values = append(c.Values, c.point(n.float64()))
		}
		return c, nil
	}
	c.Counts = t.floats.room(samples)
	c.rates(t.times, numbers, exact)
	if c.CountTimes = t.times; samples < len(numbers) {
		c.CountTimes = t.floats.room(samples)
		for i, n := range numbers {
			if n.isValue() {
				c.CountTimes = append(c.CountTimes, t.times[i])
			}
		}
	}
	return c, nil
}

// point returns a value, or NaN and counts a gap.
func (c *Channel) point(x float64) float64 {
	if math.Abs(x) <= huge {
		return x
	}
	c.Gaps++
	return math.NaN()
}

// rates fills in a counter. With counts c and times t, the rate at a sample i and the unwrapped count U are
//
//	rate[i] = increase[i] / (t[i] - t[i-1])
//	U[i]    = U[i-1] + increase[i]
//	increase[i] = c[i] - c[i-1], or c[i] where c[i] < c[i-1]: the process was started again
//
// where i-1 is the sample before i that has the field. Where all counts are integers of at most 64 bits, increases and their
// sums are exact and then rounded once; else they are float64 throughout. CountTimes is left to the caller.
func (c *Channel) rates(times []float64, counts []number, exact bool) {
	var last struct {
		count number
		time  float64
	}
	var sum wide
	var floatSum float64
	rates, sums := c.Values, c.Counts
	for i, n := range counts {
		rate := math.NaN()
		if n.isValue() {
			if last.count.kind != noNumber {
				from := last.count
				if n.less(from) {
					from = number{kind: whole}
					c.Resets++
				}
				increase := n.minus(from)
				rate = increase / (times[i] - last.time)
				if exact {
					sum = sum.plus(n.wide().minus(from.wide()))
					floatSum = sum.float64()
				} else {
					floatSum += increase
				}
			}
			last.count, last.time = n, times[i]
			sums = append(sums, floatSum)
		}
		if i > 0 {
			rates = append(rates, c.point(rate))
		}
	}
	c.Values, c.Counts = rates, sums
}
