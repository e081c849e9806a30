package signature

import (
	"math"

	"github.com/cis490/profiles/fit"
)

// Member is one episode of a sample. Its slices are only read.
type Member struct {
	Host, Episode string
	Curve         fit.Curve     // on the spec's points; NaN for a gap
	Signature     fit.Signature // one row for each of the spec's signature channels, or nil
	Seconds       fit.Seconds   // of the slices
}

// MemberOf returns the member of an entry with a curve. It shares the entry's slices.
func MemberOf(e fit.Entry) Member {
	return Member{Host: e.Host, Episode: e.Episode, Curve: e.Curve, Signature: e.Signature, Seconds: e.Seconds}
}

// MembersOf returns the members of a sample, by rank.
func MembersOf(s *fit.Sample) []Member {
	members := make([]Member, 0, s.Used())
	for _, e := range s.Members() {
		members = append(members, MemberOf(e))
	}
	return members
}

// Summary has the figures of a sample.
type Summary struct {
	Used     int       `json:"used"`  // members
	Curve    Band      `json:"curve"` // of the profile's own channel; equal to the envelope, but with gaps instead of 0
	Trust    Trust     `json:"trust"` // among the curves
	Channels []Channel `json:"channels"`
	Hosts    Hosts     `json:"hosts"`
}

// Channel has the figures of one signature channel.
type Channel struct {
	Name   string   `json:"name"`
	Unit   string   `json:"unit"`
	Bins   Band     `json:"bins"`   // of the values at each point: shows what happens at the same time of each episode
	Levels Band     `json:"levels"` // of the episodes' level curves ([LevelsOf]): shows what happens at any time
	Phases [5]Phase `json:"phases"`
	Trust  Trust    `json:"trust"` // among the level curves
}

// Of returns the summary of members, whose points and channels are the spec's. In a member without a signature all channels are
// gaps.
func Of(spec *fit.Spec, members []Member) Summary {
	points := spec.Points.Total()
	ids := make([]Episode, len(members))
	curves := make([][]float64, len(members))
	seconds := make([][]float64, len(members))
	for i, m := range members {
		ids[i] = Episode{Host: m.Host, Episode: m.Episode}
		curves[i] = padded(m.Curve, points)
		seconds[i] = make([]float64, len(m.Seconds))
		for k, s := range m.Seconds {
			seconds[i][k] = float64(s)
		}
	}
	s := Summary{
		Used:     len(members),
		Curve:    BandOf(curves, points),
		Trust:    trustOf(curves, points, ids),
		Channels: make([]Channel, len(spec.Signature.Channels)),
	}
	rates := make([][][5]float64, len(spec.Signature.Channels))
	for c, name := range spec.Signature.Channels {
		rows, levels := make([][]float64, len(members)), make([][]float64, len(members))
		for i, m := range members {
			rows[i] = rowOf(m.Signature, c, points)
			levels[i] = LevelsOf(rows[i], spec.Points)
		}
		channel := Channel{Name: name, Unit: spec.Channel(name).Unit, Bins: BandOf(rows, points), Levels: BandOf(levels, points), Trust: trustOf(levels, points, ids)}
		channel.Phases, rates[c] = phasesOf(rows, seconds, spec.Points)
		s.Channels[c] = channel
	}
	s.Hosts = hostsOf(members, curves, rates, spec)
	return s
}

// rowOf returns the values of a channel, with gaps for those that the signature lacks.
func rowOf(s fit.Signature, channel, points int) []float64 {
	row := make([]float64, points)
	for at := range row {
		row[at] = math.NaN()
		if channel < len(s) && at < len(s[channel]) {
			row[at] = float64(s[channel][at])
		}
	}
	return row
}

// padded returns values with gaps at the end if they are fewer than points.
func padded(values []float64, points int) []float64 {
	if len(values) == points {
		return values
	}
	row := make([]float64, points)
	n := copy(row, values)
	for at := n; at < points; at++ {
		row[at] = math.NaN()
	}
	return row
}
