package model

import (
	"fmt"
	"math"
	"slices"

	"github.com/cis490/profiles/fit"
)

// A Feature is one value of a vector.
type Feature struct {
	Channel string `json:"channel"` // of KernelToUser: that of kernel time
	Kind    Kind   `json:"feature"`
	Point   int    `json:"point,omitempty"` // of Point: which, from 0
}

// A Kind says what a feature is computed from: the bins of phase infected_running, without the first one, into which what
// infecting did may spill, and without gaps. If all bins are gaps, so is the feature. With e = 1/s:
type Kind string

// The kinds of features.
const (
	Mean         Kind = "mean"           // log(e + the mean of the bins)
	TopEighth    Kind = "top_eighth"     // log(e + the mean of the highest eighth of the bins)
	LowerHalf    Kind = "lower_half"     // log(e + the mean of the lower half of the bins)
	KernelToUser Kind = "kernel_to_user" // log((S + 0.1/s) / (U + 0.1/s)) of the mean rates of kernel and user time
	Point        Kind = "point"          // of [Reference]: the value of a point
)

// The channels of the ratio. It is a feature if a layout has both.
const (
	kernelTime = "proc.cpu_sys_jiffies"
	userTime   = "proc.cpu_user_jiffies"
)

// features returns the features of a vector, in order.
func (l Layout) features() []Feature {
	var all []Feature
	for _, channel := range l.Channels {
		if l.Features == Reference {
			for point := range l.Points.Total() {
				all = append(all, Feature{channel, Point, point})
			}
			continue
		}
		for _, kind := range []Kind{Mean, TopEighth, LowerHalf} {
			all = append(all, Feature{Channel: channel, Kind: kind})
		}
	}
	if l.hasRatio() {
		all = append(all, Feature{Channel: kernelTime, Kind: KernelToUser})
	}
	return all
}

func (l Layout) hasRatio() bool {
	return l.Features == Running && slices.Contains(l.Channels, kernelTime) && slices.Contains(l.Channels, userTime)
}

// running returns the features of [Running] of a signature that has the layout's channels and points.
func (l Layout) running(s fit.Signature) []float64 {
	at := l.Points.CleanLead + l.Points.Armed + l.Points.Infecting
	var vector []float64
	means := map[string]float64{}
	for c, values := range s {
		rates := knownFromHigh(values[at+1 : at+l.Points.InfectedRunning])
		mean := meanOfFirst(rates, float64(len(rates)))
		means[l.Channels[c]] = mean
		vector = append(vector, log1p(mean), log1p(meanOfFirst(rates, float64(len(rates))/8)))
		slices.Reverse(rates)
		vector = append(vector, log1p(meanOfFirst(rates, float64(len(rates))/2)))
	}
	if l.hasRatio() {
		vector = append(vector, math.Log((means[kernelTime]+0.1)/(means[userTime]+0.1)))
	}
	for i, v := range vector {
		if math.IsInf(v, 0) { // of a ratio of values that are no rates
			vector[i] = math.NaN()
		}
	}
	return vector
}

// knownFromHigh returns the values that are no gaps, the greatest first.
func knownFromHigh(values []float32) []float64 {
	var known []float64
	for _, v := range values {
		if v-v == 0 {
			known = append(known, float64(v))
		}
	}
	slices.Sort(known)
	slices.Reverse(known)
	return known
}

// meanOfFirst returns the mean of the first n values. If n is not whole, the next value counts by the fraction. It is NaN if
// there are no values.
func meanOfFirst(values []float64, n float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	whole := int(n)
	sum := 0.0
	for _, v := range values[:whole] {
		sum += v
	}
	if rest := float64(n) - float64(whole); rest > 0 {
		sum += float64(rest * values[whole])
	}
	return sum / n
}

// original returns the value that a feature is the logarithm of: a rate, for [KernelToUser] the share of kernel time in CPU time.
func (f Feature) original(v float64) float64 {
	switch f.Kind {
	case Point:
		return v
	case KernelToUser:
		return 1 / (1 + math.Exp(-v))
	}
	return expm1(v)
}

// String names what the feature measures.
func (f Feature) String() string {
	switch f.Kind {
	case Mean:
		return f.Channel + " on average"
	case TopEighth:
		return f.Channel + " in its highest eighth"
	case LowerHalf:
		return f.Channel + " in its lower half"
	case KernelToUser:
		return "kernel time in CPU time"
	}
	return fmt.Sprintf("%s at point %d", f.Channel, f.Point)
}
