package model

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// LayoutVersion is the version of the layouts that this package makes and reads. It is raised when vectors of the same name
// change their meaning.
const LayoutVersion = 2

// Features names the values of a vector.
type Features string

const (
	// Running are the features of the phase infected_running: of each channel how high the rate is on average, in its highest
	// eighth and in its lower half, and the ratio of kernel time to user time (feature.go).
	Running Features = "running"
	// Reference are the points of the curves as the Python program has them, with 0 for a gap.
	Reference Features = "reference"
)

// ParseFeatures accepts "running" and "reference".
func ParseFeatures(text string) (Features, error) {
	switch f := Features(text); f {
	case Running, Reference:
		return f, nil
	}
	return "", fmt.Errorf("features %q are neither %s nor %s", text, Running, Reference)
}

// A Layout defines the vectors of a model. [NewLayout] makes one.
type Layout struct {
	Version  int        `json:"version"`
	Features Features   `json:"features"`
	Resample string     `json:"resample"` // how signatures are made; not used in this package
	Channels []string   `json:"channels"`
	Points   fit.Points `json:"points"`
}

// NewLayout returns a layout of the present version. It keeps channels.
func NewLayout(features Features, resample string, channels []string, points fit.Points) Layout {
	return Layout{LayoutVersion, features, resample, channels, points}
}

// ErrVersion means that a layout is of another version than this program's.
var ErrVersion = errors.New("the model's layout has another version")

// Validate returns an error that names the first invalid field. If that is the version, it matches [ErrVersion].
func (l Layout) Validate() error {
	if l.Version < LayoutVersion {
		return fmt.Errorf("%w: %d, this program reads %d: make the model again with profiles fit --model-out", ErrVersion, l.Version, LayoutVersion)
	}
	if l.Version > LayoutVersion {
		return fmt.Errorf("%w: %d, this program reads %d: use the release that made the model", ErrVersion, l.Version, LayoutVersion)
	}
	if _, err := ParseFeatures(string(l.Features)); err != nil {
		return err
	}
	if len(l.Channels) == 0 {
		return errors.New("a model needs at least one channel")
	}
	for _, n := range l.Points.Counts() {
		if n < 0 {
			return fmt.Errorf("points %v: no slice can have fewer than 0", l.Points.Counts())
		}
	}
	if l.Features == Running && l.Points.InfectedRunning < 2 {
		return fmt.Errorf("points %v: a model needs at least 2 of %s", l.Points.Counts(), fit.SliceInfectedRunning)
	}
	if l.Points.Total() == 0 {
		return errors.New("a model needs at least one point")
	}
	return nil
}

// Equal reports whether vectors of both layouts can be compared.
func (l Layout) Equal(other Layout) bool {
	return l.Version == other.Version && l.Features == other.Features && l.Resample == other.Resample && l.Points == other.Points && slices.Equal(l.Channels, other.Channels)
}

// Dim returns the length of a vector.
func (l Layout) Dim() int { return len(l.features()) }

// Vector returns the vector of a signature, NaN for a gap. A signature with another number of channels or points is an error. It
// is neither changed nor kept.
func (l Layout) Vector(s fit.Signature) ([]float32, error) {
	if len(s) != len(l.Channels) {
		return nil, fmt.Errorf("make a vector: the signature has %d channels, the model %d", len(s), len(l.Channels))
	}
	for c, values := range s {
		if len(values) != l.Points.Total() {
			return nil, fmt.Errorf("make a vector: channel %s of the signature has %d points, the model %d", l.Channels[c], len(values), l.Points.Total())
		}
	}
	if l.Features == Reference {
		vector := slices.Concat(s...)
		for i, v := range vector {
			if v-v != 0 {
				vector[i] = 0
			}
		}
		return vector, nil
	}
	values := l.running(s)
	vector := make([]float32, len(values))
	for i, v := range values {
		vector[i] = float32(v)
	}
	return vector, nil
}

// log1p returns the logarithm of 1+|v| with the sign of v. On this scale of rates from 0 to 10^8, equal factors are equal
// distances.
func log1p(v float64) float64 { return math.Copysign(math.Log1p(math.Abs(v)), v) }

// expm1 is the inverse of log1p.
func expm1(v float64) float64 { return math.Copysign(math.Expm1(math.Abs(v)), v) }
