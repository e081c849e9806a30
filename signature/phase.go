package signature

import (
	"math"

	"github.com/cis490/profiles/fit"
)

// Phase is what a channel does in one of the five slices. Each figure is the median over the episodes that have it; NaN where none has.
type Phase struct {
	Name      string `json:"name"`
	PerMinute Value  `json:"bursts_per_minute"` // bursts over the time that is known
	Length    Value  `json:"burst_length"`      // seconds; of an episode the median over its bursts
	Height    Value  `json:"burst_height"`      // in the channel's unit; of an episode the median over its bursts
	Total     Value  `json:"total"`             // what was counted; of a gauge, its value times seconds
	Share     Value  `json:"share"`             // of the total over all slices, 0 to 1
}

// Activity is what one channel of one episode does in one slice. NaN stands for what it does not tell.
type Activity struct {
	PerMinute, Length, Height, Total float64
}

// ActivityOf looks at the values of one slice that lasts so many seconds; each value stands for a bin of seconds/len(values).
//
// A burst is a run of neighbouring bins that lie above half of the slice's greatest value, the full width at half maximum; a gap ends
// it. A slice that is nowhere above 0 has none. A burst's height is its greatest value, its length its bins' seconds. Total is the sum of
// value times seconds over the bins that are no gaps.
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

// phasesOf returns the five phases of a channel, of which each episode gives a row of values and the seconds of the slices.
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

// totalOf sums an episode's slices that are known.
func totalOf(slices [5]Activity) float64 {
	sum := 0.0
	for _, a := range slices {
		if !math.IsNaN(a.Total) {
			sum += a.Total
		}
	}
	return sum
}
