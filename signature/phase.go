package signature

import (
	"math"

	"github.com/cis490/profiles/fit"
)

// Phase describes a channel in one of the five slices. Each figure is the median over the episodes that have it; NaN if no episode has.
type Phase struct {
	Name      string `json:"name"`
	PerMinute Value  `json:"bursts_per_minute"` // bursts per minute of known time
	Length    Value  `json:"burst_length"`      // seconds; for one episode, the median over its bursts
	Height    Value  `json:"burst_height"`      // in the channel's unit; for one episode, the median over its bursts
	Total     Value  `json:"total"`             // the count of a counter; for a gauge, the sum of value times seconds
	Share     Value  `json:"share"`             // of the total over all slices, 0 to 1
}

// Activity describes one channel of one episode in one slice, in the units of [Phase]. A figure that the values do not give is
// NaN.
type Activity struct {
	PerMinute, Length, Height, Total float64
}

// ActivityOf describes the values of one slice of the given length in seconds. Each value is that of a bin of
// seconds/len(values).
//
// A burst is a run of neighbouring bins above half of the slice's greatest value (full width at half maximum). A gap ends a
// burst. A slice without a value above 0 has no bursts. The height of a burst is its greatest value, its length the seconds of
// its bins. Total is the sum of value times seconds over the bins that are no gaps.
func ActivityOf(values []float64, seconds float64) Activity {
	top, known, total := 0.0, 0, 0.0
	width := seconds / float64(len(values))
	for _, v := range values {
		if finite(v) {
			top = max(top, v)
			known++
			total += float64(v * width)
		}
	}
	a := Activity{PerMinute: math.NaN(), Length: math.NaN(), Height: math.NaN(), Total: math.NaN()}
	if known == 0 || !(seconds > 0) {
		return a
	}
	var lengths, heights []float64
	bins, height := 0, 0.0
	end := func() {
		if bins > 0 {
			lengths, heights = append(lengths, float64(bins)*width), append(heights, height)
		}
		bins, height = 0, 0
	}
	for _, v := range values {
		if finite(v) && v > top/2 {
			bins++
			height = max(height, v)
		} else {
			end()
		}
	}
	end()
	a.Total = total
	a.PerMinute = float64(len(lengths)) * 60 / (float64(known) * width)
	a.Length, a.Height = median(lengths), median(heights)
	return a
}

// phasesOf returns the five phases of a channel, and the mean rate of each episode in each slice. rows has the values of each
// episode, seconds the lengths of its slices.
func phasesOf(rows [][]float64, seconds [][]float64, points fit.Points) (phases [5]Phase, rates [][5]float64) {
	episodes := make([][5]Activity, len(rows))
	rates = make([][5]float64, len(rows))
	for e, row := range rows {
		for i, span := range points.Spans() {
			episodes[e][i] = ActivityOf(row[span.Start:span.Start+span.Points], seconds[e][i])
			rates[e][i] = episodes[e][i].Total / seconds[e][i]
		}
	}
	over := func(i int, of func(e int, a Activity) float64) Value {
		var values []float64
		for e := range episodes {
			if v := of(e, episodes[e][i]); finite(v) {
				values = append(values, v)
			}
		}
		return Value(median(values))
	}
	for i, span := range points.Spans() {
		phases[i] = Phase{
			Name:      span.Name,
			PerMinute: over(i, func(_ int, a Activity) float64 { return a.PerMinute }),
			Length:    over(i, func(_ int, a Activity) float64 { return a.Length }),
			Height:    over(i, func(_ int, a Activity) float64 { return a.Height }),
			Total:     over(i, func(_ int, a Activity) float64 { return a.Total }),
			Share:     over(i, func(e int, a Activity) float64 { return a.Total / totalOf(episodes[e]) }),
		}
	}
	return phases, rates
}

// totalOf returns the sum over the slices whose total is known.
func totalOf(slices [5]Activity) float64 {
	sum := 0.0
	for _, a := range slices {
		if !math.IsNaN(a.Total) {
			sum += a.Total
		}
	}
	return sum
}
