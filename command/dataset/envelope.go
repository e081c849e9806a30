package dataset

import (
	"math"

	"github.com/cis490/profiles/fit"
)

// NewAttackProfile is the row of a profile's envelope: each number is rounded to
// float32 once, save the two of float64. The slices are new.
func NewAttackProfile(p fit.Profile, e fit.Envelope) AttackProfile {
	return AttackProfile{
		Profile:      string(p.Name),
		Channel:      p.Channel,
		Used:         clampCount(e.Used),
		Attempted:    clampCount(e.Attempted),
		Median:       e.Normalised().Median,
		MedianRaw:    float32s(e.Median),
		P25Raw:       float32s(e.P25),
		P75Raw:       float32s(e.P75),
		MedianMinRaw: e.Min,
		MedianMaxRaw: e.Max,
	}
}

// clampCount keeps a count that the format cannot hold at the most that it can.
func clampCount(n int) int32 { return int32(min(n, math.MaxInt32)) }

func float32s(values []float64) []float32 {
	rounded := make([]float32, len(values))
	for i, v := range values {
		rounded[i] = fit.Float32(v)
	}
	return rounded
}
