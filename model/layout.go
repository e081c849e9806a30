package model

import (
	"fmt"
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// Features names what a vector is made of. All of them take each channel's bins, slice by slice.
type Features string

const (
	// Levels are log1p of the level curve ([signature.LevelsOf]): how high and for what part of each slice, not when. Bursts that
	// come at any time look alike.
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
func (l Layout) Vector(s fit.Signature) ([]float32, error) {
	if len(s) != len(l.Channels) {
		return nil, fmt.Errorf("make a vector: the signature has %d channels, the model %d", len(s), len(l.Channels))
	}
	vector, row := make([]float32, 0, l.Dim()), make([]float64, l.Points.Total())
	for c, values := range s {
		if len(values) != len(row) {
			return nil, fmt.Errorf("make a vector: channel %s of the signature has %d points, the model %d", l.Channels[c], len(values), len(row))
		}
		for i, v := range values {
			row[i] = float64(v)
		}
		of := row
		if l.Features == Levels {
			of = signature.LevelsOf(row, l.Points)
		}
		for _, v := range of {
			if l.Features != Raw {
				v = log1p(v)
			}
			vector = append(vector, float32(v))
		}
	}
	return vector, nil
}

// log1p is the logarithm of 1+|v| with v's sign: rates from 0 to 10^8 on one scale, on which a factor is a distance.
func log1p(v float64) float64 { return math.Copysign(math.Log1p(math.Abs(v)), v) }
