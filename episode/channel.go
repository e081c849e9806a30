package episode

import (
	"fmt"
	"math"
	"slices"
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

	// Unknown are the steps of a counter whose increase is not known: indexes k of Counts, ascending, for the step from k-1 to k.
	Unknown []int

	Restarts int     // how often the counter started again at 0
	Dips     int     // how often it fell for a while; the samples of a dip are left out
	Peaks    int     // samples that were left out because they are too high, and first samples of 0
	Jumps    int     // steps that are more than ten times faster than every other
	Gaps     int     // how many Values are NaN
	Longest  float64 // the longest time without a sample, in seconds
}

// A channelMaker makes channels of the selected rows of tables. It uses its memory again for the
// next channel.
type channelMaker struct {
	floats  floats      // of the channels of one episode
	big     *bigArchive // the archive
	limits  QualityLimits
	end     float64 // of the episode's last segment
	numbers []number
	counter counter
}

// keptNumbers is the most numbers that are kept for the next archive.
const keptNumbers = keptBlocks * blockLen

// reset makes m ready for the channels of the next episode, and drops memory that is large. The
// channels of the episode before are not valid any more.
func (m *channelMaker) reset() {
	m.floats.reset()
	if cap(m.numbers) > keptNumbers {
		m.numbers, m.counter = nil, counter{}
	}
}

// channel makes a channel of the selected rows of t. An error matches [ErrUnusable].
func (m *channelMaker) channel(t *table, w Wanted) (Channel, []Warning, error) {
	times := t.rows.times
	if err := t.usable(w.Name, m.limits); err != nil {
		return Channel{}, nil, err
	}
	m.numbers = t.rows.column(m.numbers, t.column(w.path()))
	if !slices.ContainsFunc(m.numbers, number.isSample) {
		return Channel{}, nil, unusablef(ReasonNoChannel, "no channel %s: none of %d rows has a number %s; the fields are %s",
			w.Name, len(times), printable(w.path()), t.fields())
	}
	c := Channel{Name: w.Name, Counter: w.Counter, Times: times}
	if c.Counter {
		c.Times = times[1:]
	}
	if len(c.Times) < 2 {
		return Channel{}, nil, unusablef(ReasonFewPoints, "channel %s has fewer than 2 points, of %d rows", w.Name, len(times))
	}
	c.Values = m.floats.make(len(c.Times))[:len(c.Times)]
	if c.Counter {
		return c, nil, m.setCounter(&c, t)
	}
	return c, m.setGauge(&c), nil
}

// setGauge sets the values of a gauge. If it looks like a counter, it returns the warning.
func (m *channelMaker) setGauge(c *Channel) []Warning {
	var without stretch
	falls, first, last := false, math.NaN(), math.NaN()
	for i, n := range m.numbers {
		x := point(n.float64())
		c.Values[i] = x
		if math.IsNaN(x) {
			c.Gaps++
			continue
		}
		without.sample(c.Times[i])
		if math.IsNaN(first) {
			first = x
		}
		falls = falls || x < last
		last = x
	}
	c.Longest = without.longest(m.end)
	if falls || !(last > first) {
		return nil
	}
	return []Warning{{WarnLooksLikeCounter, c.Name, fmt.Sprintf("%s is read as a gauge, but looks like a counter: "+
		"in %d samples it grows from %g to %g and never falls", c.Name, len(m.numbers)-c.Gaps, first, last)}}
}

// setCounter sets the values and counts of a counter. An error matches [ErrUnusable].
func (m *channelMaker) setCounter(c *Channel, t *table) error {
	k := &m.counter
	k.load(m.numbers, t.rows.times, t.rows.astray)
	k.judge(t.rows.medianStep)
	if err := k.usable(c.Name, m.limits); err != nil {
		return err
	}
	c.Restarts, c.Dips, c.Peaks = k.restarts, k.dips, k.peaks
	var figures figures
	if k.isPlain() {
		figures = c.addPlain(k, &m.floats)
	} else {
		figures = c.addSome(k, &m.floats)
	}
	c.Gaps = len(c.Values) - figures.rates.n
	c.Longest = figures.without.longest(m.end)
	if figures.rates.n > 1 && figures.rates.isFar() {
		c.Jumps = 1
	}
	return nil
}

// addPlain adds the values and counts of a counter whose samples are all plain. Most are. The counts
// are exact then: U is what a sample is above the first one.
func (c *Channel) addPlain(k *counter, f *floats) (figures figures) {
	c.CountTimes, c.Counts = k.times, f.make(len(k.times))[:len(k.times)]
	first := k.samples[0].bits
	last, lastTime := first, k.times[0]
	c.Counts[0] = 0
	figures.without.sample(lastTime)
	for i, n := range k.samples[1:] {
		time := k.times[i+1]
		rate := point(float64(n.bits-last) / (time - lastTime))
		c.Values[i], c.Counts[i+1] = rate, float64(n.bits-first)
		figures.add(rate, time)
		last, lastTime = n.bits, time
	}
	return figures
}

// addSome adds the values and counts of a counter of any kind.
func (c *Channel) addSome(k *counter, f *floats) (figures figures) {
	n := len(k.samples) - k.leftOut
	c.CountTimes, c.Counts = f.make(n), f.make(n)
	for i := range c.Values {
		c.Values[i] = math.NaN()
	}
	var total total
	for i, n := range k.samples {
		fate := k.fateOf(i)
		if fate == leftOut {
			continue
		}
		if fate == unknown {
			c.Unknown = append(c.Unknown, len(c.Counts))
		}
		time := k.times[i]
		rate := point(total.add(n, fate) / (time - figures.without.last))
		if row := k.row(i); row > 0 {
			c.Values[row-1] = rate
		}
		c.CountTimes, c.Counts = append(c.CountTimes, time), append(c.Counts, total.sum)
		figures.add(rate, time)
	}
	return figures
}

// point returns x, or NaN if x is NaN or too large.
func point(x float64) float64 {
	if math.Abs(x) <= largest {
		return x
	}
	return math.NaN()
}
