package streamer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
)

// An AttackProfile is the event that shows a profile's envelope. The Python program sends the
// first four fields only. Every number of a curve or band is a float32 as a float64.
// docs/MESSAGES.md defines the event.
type AttackProfile struct {
	Type  string    `json:"type"`
	Name  string    `json:"name"`
	Shape string    `json:"shape"`
	Curve []float64 `json:"curve"` // median, scaled to 0..1

	P25       []float64 `json:"p25,omitempty"` // in the scale of Curve
	P75       []float64 `json:"p75,omitempty"`
	MedianRaw []float64 `json:"median_raw,omitempty"` // in Unit
	P25Raw    []float64 `json:"p25_raw,omitempty"`
	P75Raw    []float64 `json:"p75_raw,omitempty"`

	Used      int  `json:"n_used"`
	Attempted int  `json:"n_attempted"`
	Target    int  `json:"target,omitempty"`
	Complete  bool `json:"complete"`

	N       []int          `json:"n,omitempty"`       // how many episodes have a value at each point
	Reasons []ReasonShown  `json:"reasons,omitempty"` // why Attempted is above Used; the 20 most frequent
	Quality []fit.Affected `json:"quality,omitempty"` // what is wrong with the recordings that are used

	Phases  []PhaseShown `json:"phases,omitempty"`
	Channel string       `json:"channel,omitempty"`
	Unit    string       `json:"unit,omitempty"`

	Generation fit.Generation `json:"generation,omitempty"`
	Digest     fit.Digest     `json:"digest,omitempty"` // of the sample; two events of one digest show the same
	events.Order
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Header returns the event's order, and what it shows.
func (e AttackProfile) Header() events.Header {
	return events.Header{Order: e.Order, Generation: e.Generation, Digest: e.Digest}
}

// A PhaseShown says which points belong to a slice, and how long it takes.
type PhaseShown struct {
	fit.Span
	Seconds float64 `json:"seconds,omitempty"` // median over the sample; 0: not known
}

// ShowPhases returns the slices that have points. seconds has the length of each of the five slices, or is nil.
func ShowPhases(points fit.Points, seconds []float64) []PhaseShown {
	var shown []PhaseShown
	for i, span := range points.Spans() {
		if span.Points == 0 {
			continue
		}
		phase := PhaseShown{Span: span}
		if i < len(seconds) {
			phase.Seconds = seconds[i]
		}
		shown = append(shown, phase)
	}
	return shown
}

// A ReasonShown says how many episodes have no curve for one reason.
type ReasonShown struct {
	Reason  fit.Reason `json:"reason"`
	Meaning string     `json:"meaning,omitempty"` // the reason as a sentence; empty if this version does not know it
	Count   int        `json:"n"`
	Host    string     `json:"host"` // of one of them
	Episode string     `json:"episode"`
}

func showReasons(counts []fit.ReasonCount) []ReasonShown {
	shown := make([]ReasonShown, 0, len(counts))
	for _, c := range first(counts) {
		shown = append(shown, ReasonShown{c.Reason, c.Reason.Meaning(), c.Count, c.Host, c.Episode})
	}
	return shown
}

// NewAttackProfile returns the event of a stored envelope. An envelope that is not of the
// generation is an error: its spec does not name the profile, or has another number of points.
func NewAttackProfile(gen bus.Generation, env bus.Envelope) (AttackProfile, error) {
	p, ok := gen.Spec.Profile(env.Profile)
	if !ok {
		return AttackProfile{}, fmt.Errorf("generation %s has no profile %q", gen.ID, env.Profile)
	}
	points := gen.Spec.Points.Total()
	if len(env.N) != points {
		env.N = nil // an envelope of an earlier version
	}
	if len(env.Median) != points || len(env.P25) != points || len(env.P75) != points {
		return AttackProfile{}, fmt.Errorf("the envelope of %s has %d/%d/%d points, generation %s has %d",
			env.Profile, len(env.Median), len(env.P25), len(env.P75), gen.ID, points)
	}
	n := env.Normalised()
	return AttackProfile{
		Type: events.TypeAttackProfile, Name: string(p.Name), Shape: p.Shape,
		Curve: widen(n.Median), P25: widen(n.P25), P75: widen(n.P75),
		MedianRaw: narrow(env.Median), P25Raw: narrow(env.P25), P75Raw: narrow(env.P75),
		Used: env.Used, Attempted: env.Attempted, Target: env.Target, Complete: env.Complete,
		N: env.N, Reasons: showReasons(env.Reasons), Quality: first(env.Quality),
		Phases: ShowPhases(gen.Spec.Points, env.Seconds), Channel: p.Channel, Unit: gen.Spec.Channel(p.Channel).Unit,
		Generation: gen.ID, Digest: env.Digest,
		Order: events.Order{
			Revision: [2]uint64{uint64(gen.Spec.Revision), env.Revision},
			Turn:     gen.Turn, Epoch: gen.Epoch, Incarnation: events.JoinIncarnations(env.Incarnation, gen.Incarnation),
		},
		UpdatedAt: env.UpdatedAt,
	}, nil
}

// spansOf returns the spans of the slices that have points.
func spansOf(points fit.Points) []fit.Span {
	spans := points.Spans()
	return slices.DeleteFunc(spans[:], func(s fit.Span) bool { return s.Points == 0 })
}

// LastAttackProfile returns the last event of a profile. It is zero if the profile has no
// event, or if another program stored something else.
func LastAttackProfile(ctx context.Context, p *events.Publisher, profile fit.ProfileName) (AttackProfile, error) {
	data, ok, err := p.Last(ctx, events.Subject(events.TypeAttackProfile, string(profile)))
	if err != nil || !ok {
		return AttackProfile{}, err
	}
	var event AttackProfile
	if json.Unmarshal(data, &event) != nil {
		return AttackProfile{}, nil
	}
	return event, nil
}

// widen returns the double values of float32s.
func widen(in []float32) []float64 {
	out := make([]float64, len(in))
	for i, x := range in {
		out[i] = float64(x)
	}
	return out
}

// narrow rounds to float32 and returns the double values of that.
func narrow(in []float64) []float64 {
	out := make([]float64, len(in))
	for i, x := range in {
		out[i] = float64(fit.Float32(x)) // JSON has no infinity
	}
	return out
}
