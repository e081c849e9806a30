package model

import (
	"fmt"
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// Features names what a vector is made of. All of them take each channel's bins, slice by slice.
type Features string

const (
	// Levels are log1p of the bins of each slice, sorted from high to low: how high and for what part of the slice, not when.
	// Bursts that come at any time look alike.
	Levels Features = "levels"
	// Means are log1p of the bins as they come in time.
	Means Features = "means"
	// Raw are the bins as they stand.
	Raw Features = "raw"
)

// ParseFeatures accepts the name of features.
func ParseFeatures(text string) (Features, error) {
	switch f := Features(text); f {
	case Levels, Means, Raw:
		return f, nil
	}
	return "", fmt.Errorf("features %q are neither %s, %s nor %s", text, Levels, Means, Raw)
}

// A Layout says what the vectors of a model are made of: the features of so many points of each channel, channel by channel.
type Layout struct {
	Features Features   `json:"features"`
	Resample string     `json:"resample"` // how bins come about: for whoever makes signatures, no part of what is computed here
	Channels []string   `json:"channels"`
	Points   fit.Points `json:"points"`
}

// Validate names what can't be.
func (l Layout) Validate() error {
	if _, err := ParseFeatures(string(l.Features)); err != nil {
		return err
	}
	if len(l.Channels) == 0 {
		return fmt.Errorf("a model needs at least one channel")
	}
	for _, n := range l.Points.Counts() {
		if n < 1 {
			return fmt.Errorf("points %v: each slice must have one at least", l.Points.Counts())
		}
	}
	return nil
}

// Equal tells whether vectors of both layouts may be compared.
func (l Layout) Equal(other Layout) bool {
	return l.Features == other.Features && l.Resample == other.Resample && l.Points == other.Points && slices.Equal(l.Channels, other.Channels)
}

// Dim is the length of a vector.
func (l Layout) Dim() int { return len(l.Channels) * l.Points.Total() }

// Metric is how distances are measured: for levels manhattan, which a pointwise median is nearest to in sum; else euclidean.
func (l Layout) Metric() Metric {
	if l.Features == Levels {
		return Manhattan
	}
	return Euclidean
}

// Vector makes the vector of a signature: for each channel one value a point, NaN for a gap. The signature is neither changed nor
// kept. One of another shape is an error.
func (l Layout) Vector(signature [][]float32) ([]float32, error) {
	if len(signature) != len(l.Channels) {
		return nil, fmt.Errorf("make a vector: the signature has %d channels, the model %d", len(signature), len(l.Channels))
	}
	points := l.Points.Total()
	vector := make([]float32, 0, l.Dim())
	for c, values := range signature {
		if len(values) != points {
			return nil, fmt.Errorf("make a vector: channel %s of the signature has %d points, the model %d", l.Channels[c], len(values), points)
		}
		for _, v := range values {
			if l.Features != Raw {
				v = log1p(v)
			}
			vector = append(vector, v)
		}
	}
	if l.Features == Levels {
		rest := vector
		for range l.Channels {
			for _, n := range l.Points.Counts() {
				levels(rest[:n])
				rest = rest[n:]
			}
		}
	}
	return vector, nil
}

// log1p is the logarithm of 1+|v| with v's sign: rates from 0 to 10^8 on one scale, on which a factor is a distance.
func log1p(v float32) float32 {
	return float32(math.Copysign(math.Log1p(math.Abs(float64(v))), float64(v)))
}

// levels sorts a slice of a curve from high to low. With m values s[0] >= s[1] >= ... and n-m gaps, the n levels are
// the polyline through s at the places (i+1/2)*m/n - 1/2, so that the m values fill the slice; with none they are all gaps.
func levels(slice []float32) {
	s := make([]float32, 0, len(slice))
	for _, v := range slice {
		if v == v {
			s = append(s, v)
		}
	}
	slices.SortFunc(s, func(a, b float32) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	n, m := float64(len(slice)), float64(len(s))
	switch {
	case len(s) == len(slice):
		copy(slice, s)
		return
	case len(s) == 0:
		return
	}
	for i := range slice {
		at := min(max((float64(i)+0.5)*m/n-0.5, 0), m-1)
		low := int(at)
		from, to := float64(s[low]), float64(s[min(low+1, len(s)-1)])
		slice[i] = float32(from + float64((at-float64(low))*(to-from)))
	}
}

// place names the channel and the slice that a feature is of.
func (l Layout) place(feature int) (channel, phase int) {
	points := l.Points.Total()
	at := feature % points
	for i, n := range l.Points.Counts() {
		if at < n {
			return feature / points, i
		}
		at -= n
	}
	panic("model: a feature beyond the vector")
}
