package inspect

import (
	"cmp"
	"strings"
	"unicode"

	"github.com/cis490/profiles/episode"
)

// The years between which a number may be a time since 1970, in seconds.
const (
	earliest = 978_307_200   // 2001
	latest   = 4_102_444_800 // 2100
)

// units are the units of times that are numbers, and how many of each make a second.
var units = []struct {
	unit episode.TimeUnit
	of   float64
}{{episode.Nanoseconds, 1e9}, {episode.Microseconds, 1e6}, {episode.Milliseconds, 1e3}, {episode.Seconds, 1}}

// PerSecond returns how many of a unit make a second. Dates are counted in nanoseconds.
func PerSecond(unit episode.TimeUnit) float64 {
	for _, u := range units {
		if u.unit == unit {
			return u.of
		}
	}
	return 1e9
}

// EpochUnit returns the unit in which a field is a time since 1970, by the size of its values; "" if it is none.
func (f *Field) EpochUnit() episode.TimeUnit {
	if f.IsDate() {
		return episode.RFC3339
	}
	if f.IsNumber() {
		for _, u := range units {
			if *f.Least >= earliest*u.of && *f.Greatest <= latest*u.of {
				return u.unit
			}
		}
	}
	return ""
}

// A clock is a field that may be the time of rows.
type clock struct {
	field *Field
	unit  episode.TimeUnit
	epoch bool // its values are times since 1970
	score float64
}

// clockOf returns the field of a member that is most likely the time of its rows, or nil. A clock that has the name prefer, or
// that goes through the same times as the labels, is more likely.
func clockOf(m *Member, labels *clock, prefer string) *clock {
	var best *clock
	for _, f := range m.Fields {
		c := candidate(m, f)
		if c == nil {
			continue
		}
		if f.Path == prefer {
			c.score += 2
		}
		if labels != nil && c.meets(labels) {
			c.score += 4
		}
		if best == nil || c.score > best.score {
			best = c
		}
	}
	return best
}

// candidate returns a field as a clock, or nil if it can't be one.
func candidate(m *Member, f *Field) *clock {
	words := wordsOf(f.Path)
	named := hasAny(words, "t", "ts", "time", "timestamp", "clock", "at", "when", "date", "datetime", "epoch", "wall", "elapsed",
		"uptime", "mono", "monotonic", "offset", "ns", "nanos", "nano", "us", "micros", "ms", "millis", "s", "sec", "secs", "seconds")
	unit := f.EpochUnit()
	c := &clock{field: f, unit: unit, epoch: unit != ""}
	if c.epoch {
		c.score = 4
	}
	steps := float64(f.Rises + f.Falls + f.Repeats)
	falling := float64(f.Falls) > 0.4*steps
	rising := steps == 0 || float64(f.Rises) > 0.6*steps
	if falling || !named && !rising || !c.epoch && (!named || !f.IsNumber()) {
		return nil
	}
	if !rising {
		c.score -= 4 // each row may be there twice, but another clock is better
	}
	if !c.epoch {
		c.unit = cmp.Or(believable(unitByName(words), f), unitBySteps(f))
	}
	if steps > 0 {
		c.score += 2 * float64(f.Rises) / steps
	}
	if named {
		c.score += 2
	}
	if hasAny(words, "mono", "monotonic", "uptime", "boot") {
		c.score--
	}
	if f.Rows == m.Rows {
		c.score++
	}
	if f.Path == episode.DefaultFormat().Labels.Time {
		c.score++
	}
	c.score += precision(c.unit, f)
	return c
}

// precision prefers the finer one of two clocks that are equal otherwise.
func precision(unit episode.TimeUnit, f *Field) float64 {
	switch {
	case unit == episode.Nanoseconds:
		return 0.4
	case unit == episode.RFC3339:
		return 0.3
	case unit == episode.Microseconds, f.Fraction:
		return 0.2
	}
	return 0
}

// unitByName returns the unit that the name of a field says, or "".
func unitByName(words []string) episode.TimeUnit {
	switch {
	case hasAny(words, "ns", "nanos", "nano", "nanoseconds"):
		return episode.Nanoseconds
	case hasAny(words, "us", "micros", "usec", "microseconds"):
		return episode.Microseconds
	case hasAny(words, "ms", "millis", "msec", "milliseconds"):
		return episode.Milliseconds
	case hasAny(words, "s", "sec", "secs", "seconds"):
		return episode.Seconds
	}
	return ""
}

// leastSpan is how many seconds the times of an episode span at least.
const leastSpan = 1

// believable returns the unit, or "" if the values of the field would span too little time in it.
func believable(unit episode.TimeUnit, f *Field) episode.TimeUnit {
	if f.Rises > 0 && f.Span < leastSpan*PerSecond(unit) {
		return ""
	}
	return unit
}

// unitBySteps guesses the unit of a clock that does not begin in 1970: rows are some milliseconds to some seconds apart.
func unitBySteps(f *Field) episode.TimeUnit {
	step := f.Span * float64(max(1, f.Archives)) / float64(max(1, f.Rises))
	switch {
	case f.Fraction || step < 5:
		return episode.Seconds
	case step < 5e3:
		return episode.Milliseconds
	case step < 5e6:
		return episode.Microseconds
	}
	return episode.Nanoseconds
}

// meets reports whether two clocks may go through the same times: both since 1970, and at nearly the same time, or both since
// something else, with the same numbers.
func (c *clock) meets(o *clock) bool {
	if c.epoch != o.epoch {
		return false
	}
	a, b := 1.0, 1.0
	if c.epoch {
		a, b = PerSecond(c.unit), PerSecond(o.unit)
	}
	return *c.field.Least/a <= *o.field.Greatest/b && *o.field.Least/b <= *c.field.Greatest/a
}

// wordsOf returns the words of a path in lower case: cpu.userTime_ns has cpu, user, time and ns.
func wordsOf(path string) []string {
	var words []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	small := false // the character before is a small letter
	for _, r := range path {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			end()
			small = false
			continue
		}
		if unicode.IsUpper(r) && small {
			end()
		}
		small = unicode.IsLower(r)
		word.WriteRune(unicode.ToLower(r))
	}
	end()
	return words
}

func hasAny(words []string, any ...string) bool {
	for _, w := range words {
		for _, a := range any {
			if w == a {
				return true
			}
		}
	}
	return false
}
