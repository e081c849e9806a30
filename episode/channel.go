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
	Source string // without a dot
	Field  string
}

// ParseChannelName parses "<source>.<field>". The source ends at the first dot. All characters must
// be printable, and the source must not have a slash.
func ParseChannelName(s string) (ChannelName, error) {
	source, field, _ := strings.Cut(s, ".")
	notPrintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if source == "" || field == "" || strings.Contains(source, "/") || !utf8.ValidString(s) || strings.ContainsFunc(s, notPrintable) {
		return ChannelName{}, fmt.Errorf("channel %s is not <source>.<field>", quote(s))
	}
	return ChannelName{source, field}, nil
}

// String returns "source.field".
func (c ChannelName) String() string { return c.Source + "." + c.Field }

// IsCounter reports whether the channel is a counter: a value that only grows while its process
// runs.
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

// A Channel is one quantity of an episode over time. Its slices must not be changed: channels of
// one source share their times.
type Channel struct {
	Name    ChannelName
	Counter bool // whether the quantity is a counter, or else a gauge

	// Times are the points, in seconds since the first label, strictly increasing. Values are the
	// per-second rates of a counter, or the values of a gauge, at those times; NaN is a gap. There
	// are at least two points, or none if the archive lacks the channel.
	Times, Values []float64

	// Counts are how much a counter has grown since its first sample, at each of its samples; the
	// first is 0. A gauge has none.
	CountTimes, Counts []float64

	Resets int // how often the counter fell, and so started again at 0
	Gaps   int // how many Values are NaN
}

// channel makes a channel of the selected rows, in memory of f. An error matches [ErrUnusable].
func (t *table) channel(name ChannelName, f *floats) (Channel, error) {
	times := t.times
	if !t.found {
		return Channel{}, unusablef(ReasonNoSource, "no channel %s: no member telemetry-%s.jsonl", name, name.Source)
	}
	c := Channel{Name: name, Counter: name.IsCounter(), Times: times}
	numbers := t.column(name.Field).numbers
	samples, integers := countSamples(numbers)
	if samples == 0 {
		return Channel{}, unusablef(ReasonNoChannel, "no channel %s: none of %d rows has the field", name, len(times))
	}
	if c.Counter {
		c.Times = times[1:]
	}
	if len(c.Times) < 2 {
		return Channel{}, unusablef(ReasonFewPoints, "channel %s has fewer than 2 points, of %d rows", name, len(times))
	}
	c.Values = f.make(len(c.Times))[:len(c.Times)]
	if !c.Counter {
		c.setGauge(numbers)
		return c, nil
	}
	c.CountTimes, c.Counts = times, f.make(samples)[:samples]
	if samples < len(numbers) {
		c.CountTimes = appendSampleTimes(f.make(samples), times, numbers)
	}
	c.setCounter(times, numbers, integers == samples)
	return c, nil
}

// countSamples returns how many numbers are samples, and how many of these are integers.
func countSamples(numbers []number) (samples, integers int) {
	for _, n := range numbers {
		if n.isSample() {
			samples++
			if n.isInteger() {
				integers++
			}
		}
	}
	return samples, integers
}

// appendSampleTimes appends those of times at which there is a sample.
func appendSampleTimes(to, times []float64, numbers []number) []float64 {
	for i, n := range numbers {
		if n.isSample() {
			to = append(to, times[i])
		}
	}
	return to
}

// setGauge sets the values of a gauge.
func (c *Channel) setGauge(numbers []number) {
	for i, n := range numbers {
		c.Values[i] = c.point(n.float64())
	}
}

// setCounter sets the values and counts of a counter.
func (c *Channel) setCounter(times []float64, numbers []number, exact bool) {
	counter := counter{exact: exact}
	counts := c.Counts
	for i, n := range numbers {
		rate := math.NaN()
		if n.isSample() {
			rate = counter.add(n, times[i])
			counts[0] = counter.count
			counts = counts[1:]
		}
		if i > 0 {
			c.Values[i-1] = c.point(rate)
		}
	}
	c.Resets = counter.resets
}

// point returns x, or NaN and counts a gap if x is NaN or too large.
func (c *Channel) point(x float64) float64 {
	if math.Abs(x) <= largest {
		return x
	}
	c.Gaps++
	return math.NaN()
}
