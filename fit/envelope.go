package fit

import (
	"math"
	"slices"
)

// Envelope is the canonical shape of a profile: the band over a sample's curves, and the numbers of that sample. Its slices have
// one value for each point.
type Envelope struct {
	Median []float64 `json:"median"` // in the unit of the curves; 0 if no curve has a value there
	P25    []float64 `json:"p25"`
	P75    []float64 `json:"p75"`
	Min    float64   `json:"min"` // the least and the greatest median; 0 if there are no points
	Max    float64   `json:"max"`
	N      []int     `json:"n,omitempty"` // how many curves have a value there; nil in an envelope of an earlier version

	Used      int    `json:"used"`      // the number of curves
	Attempted int    `json:"attempted"` // Used, and the episodes that would be in the sample if they gave a curve
	Target    int    `json:"target"`    // Used of a full sample; 0 if the curves are not from a sample
	Complete  bool   `json:"complete"`  // Used is Target
	Digest    Digest `json:"digest"`    // of the sample; empty if the curves are not from a sample

	// Seconds has the median length of each of the five slices, over the curves for which it is known; 0 if it is known of none.
	// nil if no length is known, or in an envelope of an earlier version.
	Seconds []float64 `json:"seconds,omitempty"`

	Quality []Affected    `json:"quality,omitempty"` // doubts about the curves, by kind; a kind that no curve has is not there
	Reasons []ReasonCount `json:"reasons,omitempty"` // why the others of Attempted have no curve; at most 32
}

// maxReasons bounds the reasons of an envelope, and so its size.
const maxReasons = 32

// EnvelopeOf returns the envelope of entries with curves that were not chosen by a [Sample]: Used and Attempted are their number;
// Target, Complete, Digest and Reasons are zero, and may be set by the caller. The entries are neither changed nor kept. The slices
// belong to the caller.
func EnvelopeOf(members []Entry, points int) Envelope {
	curves := make([]Curve, len(members))
	for i, m := range members {
		curves[i] = m.Curve
	}
	band := Reduce(curves, points)
	for _, values := range [][]float64{band.Median, band.P25, band.P75} {
		for i, v := range values {
			if math.IsNaN(v) {
				values[i] = 0
			}
		}
	}
	e := Envelope{
		Median:    band.Median,
		P25:       band.P25,
		P75:       band.P75,
		N:         band.N,
		Used:      len(members),
		Attempted: len(members),
		Seconds:   medianSeconds(members),
		Quality:   affectedBy(members),
	}
	for i, v := range e.Median {
		if i == 0 || v < e.Min {
			e.Min = v
		}
		if i == 0 || v > e.Max {
			e.Max = v
		}
	}
	return e
}

// medianSeconds returns Envelope.Seconds.
func medianSeconds(members []Entry) []float64 {
	keys := make(column, 0, len(members))
	var medians []float64
	for i := range sliceCount {
		known := keys[:0]
		for _, m := range members {
			if m.Seconds[i] > 0 {
				known = append(known, keyOf(float64(m.Seconds[i])))
			}
		}
		if len(known) == 0 {
			continue
		}
		if medians == nil {
			medians = make([]float64, sliceCount)
		}
		known.selectQuartiles()
		medians[i] = known.median()
	}
	return medians
}

// SetReasons sets a copy of the first 32 reasons.
func (e *Envelope) SetReasons(reasons []ReasonCount) {
	e.Reasons = slices.Clone(reasons[:min(len(reasons), maxReasons)])
}

// Normalised is an envelope for display: the medians scaled to [0, 1], and the quartiles by the same scale, so they may be
// outside [0, 1].
type Normalised struct {
	Median, P25, P75 []float32
}

// flat is the range of medians below which an envelope is shown as a flat line.
const flat = 1e-9

// Normalised returns the envelope scaled by x -> fl(fl(x-Min)/fl(Max-Min)), then rounded to float32. If Max-Min is below 1e-9,
// all values are 0.
func (e Envelope) Normalised() Normalised {
	scale := func(values []float64) []float32 {
		scaled := make([]float32, len(values))
		if e.Max-e.Min < flat {
			return scaled
		}
		for i, v := range values {
			scaled[i] = Float32((v - e.Min) / (e.Max - e.Min))
		}
		return scaled
	}
	return Normalised{Median: scale(e.Median), P25: scale(e.P25), P75: scale(e.P75)}
}

// Float32 rounds to the nearest float32, ties to even. A value beyond the range, infinities included, becomes the largest float32
// of its sign, so that no infinity gets into a file or an event. NaN stays NaN.
func Float32(v float64) float32 {
	switch f := float32(v); {
	case math.IsInf(float64(f), 1):
		return math.MaxFloat32
	case math.IsInf(float64(f), -1):
		return -math.MaxFloat32
	default:
		return f
	}
}
