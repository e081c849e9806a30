package main

import (
	"fmt"
	"math"
	"strings"
)

// sparkline draws values in width characters, from the least to the greatest;
// a gap is a space. A character shows the mean of the values that it stands for.
func sparkline(values []float64, width int) string {
	const levels = "▁▂▃▄▅▆▇█"
	steps := []rune(levels)
	if len(values) < width {
		width = len(values)
	}
	cells := make([]float64, width)
	low, high := math.Inf(1), math.Inf(-1)
	for i := range cells {
		sum, n := 0.0, 0
		for _, v := range values[i*len(values)/width : (i+1)*len(values)/width] {
			if !math.IsNaN(v) {
				sum, n = sum+v, n+1
			}
		}
		cells[i] = sum / float64(n) // NaN where there is none
		if n > 0 {
			low, high = min(low, cells[i]), max(high, cells[i])
		}
	}
	var line strings.Builder
	for _, v := range cells {
		switch {
		case math.IsNaN(v):
			line.WriteByte(' ')
		case high == low:
			line.WriteRune(steps[0])
		default:
			line.WriteRune(steps[int(math.Round((v-low)/(high-low)*float64(len(steps)-1)))])
		}
	}
	return line.String()
}

// span is a range of values with its unit, for people.
func span(low, high float64, unit string) string {
	text := short(low) + " to " + short(high)
	if unit != "" {
		text += " " + unit
	}
	return text
}

// short is a number in at most some eight characters.
func short(v float64) string {
	for _, scale := range []struct {
		of   float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if math.Abs(v) >= scale.of {
			if scale.name == "k" {
				return trimmed(v/1e3) + "k"
			}
			return trimmed(v/scale.of) + scale.name
		}
	}
	return trimmed(v)
}

func trimmed(v float64) string {
	text := fmt.Sprintf("%.1f", v)
	return strings.TrimSuffix(strings.Replace(text, "-0.0", "0.0", 1), ".0")
}
