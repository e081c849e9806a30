package main

import (
	"fmt"
	"math"
	"strings"
)

// sparkline draws values in width characters, the lowest value as the lowest block
// and the highest as a full one. A character shows the mean of the values that it
// stands for, or a space if all of them are gaps.
func sparkline(values []float64, width int) string {
	const levels = "▁▂▃▄▅▆▇█"
	blocks := []rune(levels)
	if len(values) < width {
		width = len(values)
	}
	cells := make([]float64, width)
	for i := range cells {
		cells[i], _ = mean(values[i*len(values)/width : (i+1)*len(values)/width])
	}
	low, high := extremes(cells)
	var line strings.Builder
	for _, v := range cells {
		switch {
		case math.IsNaN(v):
			line.WriteByte(' ')
		case high == low:
			line.WriteRune(blocks[0])
		default:
			line.WriteRune(blocks[int(math.Round((v-low)/(high-low)*float64(len(blocks)-1)))])
		}
	}
	return line.String()
}

// mean returns the mean of the values that are not NaN, and their number. If there are
// no such values, the mean is NaN.
func mean(values []float64) (m float64, n int) {
	sum := 0.0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	return sum / float64(n), n
}

// extremes returns the lowest and the highest value that is not NaN; NaN if all values
// are.
func extremes(values []float64) (low, high float64) {
	low, high = math.NaN(), math.NaN()
	for _, v := range values {
		if math.IsNaN(v) {
			continue
		}
		if math.IsNaN(low) {
			low, high = v, v
		}
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

// span returns a range of values with its unit, such as "0 to 100 jiffies/s".
func span(low, high float64, unit string) string {
	text := short(low) + " to " + short(high)
	if unit != "" {
		text += " " + unit
	}
	return text
}

// short returns a number as a few characters, such as "12.3k".
func short(v float64) string {
	for _, scale := range []struct {
		from, unit float64
		suffix     string
	}{{1e12, 1e12, "T"}, {1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "k"}} {
		if math.Abs(v) >= scale.from {
			return oneDecimal(v/scale.unit) + scale.suffix
		}
	}
	return oneDecimal(v)
}

func oneDecimal(v float64) string {
	text := fmt.Sprintf("%.1f", v)
	return strings.TrimSuffix(strings.Replace(text, "-0.0", "0.0", 1), ".0")
}
