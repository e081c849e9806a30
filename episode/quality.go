package episode

import (
	"fmt"
	"math"
	"slices"
)

// A highestTwo has the highest two of some rates, which are 0 or more.
type highestTwo struct {
	highest, second float64
	n               int // rates
}

func (h *highestTwo) add(rate float64) {
	h.n++
	switch {
	case rate > h.highest:
		h.highest, h.second = rate, h.highest
	case rate > h.second:
		h.second = rate
	}
}

// isFar reports whether the highest is more than ten times the second.
func (h *highestTwo) isFar() bool { return h.highest > 10*h.second }

// A stretch finds the longest time without a sample in an episode, which begins at 0.
type stretch struct {
	last, most float64 // time of the last sample; the longest stretch so far
}

// sample takes the time of the next sample.
func (s *stretch) sample(time float64) {
	if time-s.last > s.most {
		s.most = time - s.last
	}
	s.last = time
}

// longest returns the longest stretch until the end of the episode.
func (s *stretch) longest(end float64) float64 { return max(s.most, end-s.last) }

// figures are what is counted while the rates of a counter are computed.
type figures struct {
	rates   highestTwo
	without stretch
}

// add takes the rate at the next sample; NaN if it has none.
func (f *figures) add(rate, time float64) {
	if !math.IsNaN(rate) {
		f.rates.add(rate)
	}
	f.without.sample(time)
}

// appendSteps appends the times between times.
func appendSteps(to, times []float64) []float64 {
	to = slices.Grow(to, len(times))
	for i := 1; i < len(times); i++ {
		to = append(to, times[i]-times[i-1])
	}
	return to
}

// median sorts values and returns the middle one, or the greater of the middle two; 0 if there are
// none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// usable returns an error that matches [ErrUnusable] if too many rows of t were dropped.
func (t *table) usable(name ChannelName, q QualityLimits) error {
	if r := &t.rows; float64(r.lost) > q.RowsDropped*float64(r.timed) {
		return unusablef(ReasonBadClock, "of %d rows of source %s with a time, %d were dropped because their times do not increase, more than %s: "+
			"was the clock set, is it too coarse, are the times in another unit than format.time says, or does the file have rows of several recorders?", r.timed, name.Source, r.lost, percent(q.RowsDropped))
	}
	return nil
}

// leastEvents is the fewest events that make a counter bad.
const leastEvents = 3

// usable returns an error that matches [ErrUnusable] if the counter falls or jumps too often.
func (c *counter) usable(name ChannelName, q QualityLimits) error {
	if n := len(c.samples); c.events >= leastEvents && float64(c.events) > q.CounterEvents*float64(n) {
		return unusablef(ReasonBadCounter, "channel %s falls or jumps too often to be one counter: %d times in %d samples, more than %s "+
			"(%d restarts, %d dips, %d peaks, %d other falls): does the file have rows of several processes, or is the channel a gauge?",
			name, c.events, n, percent(q.CounterEvents), c.restarts, c.dips, c.peaks, c.unknownFalls)
	}
	return nil
}

// percent returns a share as text.
func percent(share float64) string { return fmt.Sprintf("%g %%", 100*share) }
