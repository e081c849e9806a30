package model

import (
	"fmt"
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// Features names the values of a vector. Each kind is computed from the bins of each channel, slice by slice.
type Features string

const (
	// Levels are log1p of the level curve ([signature.LevelsOf]): how high the values are and for what part of each slice, but
	// not when. So bursts at different times give equal vectors.
	Levels Features = "levels"
	// Means are log1p of the bins, in order of time.
	Means Features = "means"
	// Raw are the bins themselves.
	Raw Features = "raw"
)

// ParseFeatures accepts "levels", "means" and "raw".
func ParseFeatures(text string) (Features, error) {
	switch f := Features(text); f {
	case Levels, Means, Raw:
		return f, nil
	}
	return "", fmt.Errorf("features %q are neither %s, %s nor %s", text, Levels, Means, Raw)
}

// A Layout defines the vectors of a model: the features of the points of each channel, channel by channel.
type Layout struct {
	Features Features   `json:"features"`
	Resample string     `json:"resample"` // how signatures are made; not used in this package
	Channels []string   `json:"channels"`
	Points   fit.Points `json:"points"`
}

// Validate returns an error that names the first invalid field.
func (l Layout) Validate() error {
	if _, err := ParseFeatures(string(l.Features)); err != nil {
		return err
	}
	if len(l.Channels) == 0 {
		return fmt.Errorf("a model needs at least one channel")
	}
	for _, n := range l.Points.Counts() {
		if n < 1 {
			return fmt.Errorf("points %v: each slice must have at least one", l.Points.Counts())
		}
	}
	return nil
}

// Equal reports whether vectors of both layouts can be compared.
func (l Layout) Equal(other Layout) bool {
	return l.Features == other.Features && l.Resample == other.Resample && l.Points == other.Points && slices.Equal(l.Channels, other.Channels)
}

// Dim returns the length of a vector.
func (l Layout) Dim() int { return len(l.Channels) * l.Points.Total() }

// Metric returns the metric of the features: manhattan for levels, since the pointwise median has the least sum of manhattan
// distances; else euclidean.
func (l Layout) Metric() Metric {
	if l.Features == Levels {
		return Manhattan
	}
	return Euclidean
}

// Vector returns the vector of a signature: one value for each point of each channel, NaN for a gap. A signature with another
// number of channels or points is an error. It is neither changed nor kept.
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

// log1p returns the logarithm of 1+|v| with the sign of v. On this scale of rates from 0 to 10^8, equal factors are equal
// distances.
func log1p(v float64) float64 { return math.Copysign(math.Log1p(math.Abs(v)), v) }
