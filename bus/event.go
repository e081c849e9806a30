package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cis490/profiles/fit"
)

// Types of events. The dashboard takes others, too.
const (
	TypeAttackProfile   = "attack_profile"
	TypeAttackSignature = "attack_signature"
	TypeModelMetric     = "model_metric"
	TypeModelPerf       = "model_perf"
	TypeSuspects        = "suspects"
)

// An AttackProfile is the event that shows a profile's envelope. Curve is what
// the Python program sent; the rest stands beside it. Every number of a curve
// or band is the double value of a float32. docs/MESSAGES.md is its contract.
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

	Phases  []fit.Span `json:"phases,omitempty"`
	Channel string     `json:"channel,omitempty"`
	Unit    string     `json:"unit,omitempty"`

	Generation fit.Generation `json:"generation,omitempty"`
	Digest     fit.Digest     `json:"digest,omitempty"` // of the sample; two events of one digest show the same
	Order
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Order places an event among those of its subject: a later one is never
// replaced by an earlier one.
type Order struct {
	// Revision is the spec's revision and the envelope's.
	Revision [2]uint64 `json:"revision"`
	// Turn and Epoch stand between the two: a later spec of the same revision, and
	// a re-read of the log under the same spec.
	Turn  uint64 `json:"turn"`
	Epoch uint64 `json:"epoch"`
	// Life is that of the envelopes and specs buckets, as EventLife gives it.
	// Orders of two lives don't compare.
	Life Life `json:"life,omitempty"`
}

// Compare returns -1, 0 or 1. It says nothing where the lives differ.
func (o Order) Compare(p Order) int {
	return cmp.Or(cmp.Compare(o.Revision[0], p.Revision[0]), cmp.Compare(o.Turn, p.Turn),
		cmp.Compare(o.Epoch, p.Epoch), cmp.Compare(o.Revision[1], p.Revision[1]))
}

// EventLife is the life in which events of today have their order: that of the
// two buckets whose sequences it is made of.
func (b *Bus) EventLife(ctx context.Context) (Life, error) {
	envelopes, _, err := b.life(ctx, bucketStream(EnvelopesBucket))
	if err != nil {
		return "", err
	}
	specs, _, err := b.life(ctx, bucketStream(SpecsBucket))
	return eventLife(envelopes, specs), err
}

func eventLife(envelopes, specs Life) Life { return envelopes + "/" + specs }

// NewAttackProfile makes the event of a stored envelope. It is an error where
// that is not one of the generation: a profile that its spec does not name, or
// another number of points.
func NewAttackProfile(gen Generation, env Envelope) (AttackProfile, error) {
	p, ok := gen.Spec.Profile(env.Profile)
	if !ok {
		return AttackProfile{}, fmt.Errorf("generation %s has no profile %q", gen.ID, env.Profile)
	}
	points := gen.Spec.Points.Total()
	if len(env.Median) != points || len(env.P25) != points || len(env.P75) != points {
		return AttackProfile{}, fmt.Errorf("the envelope of %s has %d/%d/%d points, generation %s has %d",
			env.Profile, len(env.Median), len(env.P25), len(env.P75), gen.ID, points)
	}
	n, spans := env.Normalised(), gen.Spec.Points.Spans()
	return AttackProfile{
		Type: TypeAttackProfile, Name: string(p.Name), Shape: p.Shape,
		Curve: widen(n.Median), P25: widen(n.P25), P75: widen(n.P75),
		MedianRaw: narrow(env.Median), P25Raw: narrow(env.P25), P75Raw: narrow(env.P75),
		Used: env.Used, Attempted: env.Attempted, Target: env.Target, Complete: env.Complete,
		Phases: spans[:], Channel: p.Channel, Unit: fit.Unit(p.Channel),
		Generation: gen.ID, Digest: env.Digest,
		Order: Order{
			Revision: [2]uint64{uint64(gen.Spec.Revision), env.Revision},
			Turn:     gen.Turn, Epoch: gen.Epoch, Life: eventLife(env.Life, gen.Life),
		},
		UpdatedAt: env.UpdatedAt,
	}, nil
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

// A ModelMetric is the event of one model's quality.
type ModelMetric struct {
	Type   string  `json:"type"`
	Model  string  `json:"model"`
	Metric float64 `json:"metric"` // accuracy
	*Measured
}

// Measured says what an accuracy that was measured here rests on.
type Measured struct {
	Episodes int     `json:"episodes"` // each classified by the model of all others
	Low      float64 `json:"low"`      // Wilson's 95% interval
	High     float64 `json:"high"`
	Baseline float64 `json:"baseline"` // of naming the most frequent profile always
}

// A SuspectList is the event of a profile's suspects.
type SuspectList struct {
	Type     string    `json:"type"`
	Name     string    `json:"name"` // the profile that they were accepted for
	Episodes []Suspect `json:"episodes"`
	All      int       `json:"n"` // Episodes are the first of so many
}

// A ModelPerf is the event of what one model's inference costs.
type ModelPerf struct {
	Type     string  `json:"type"`
	Model    string  `json:"model"`
	Latency  float64 `json:"latency_us"`
	Accuracy float64 `json:"accuracy"`
}

// EventSubject is where an event of a type and name is kept: one subject, one
// last event. The name becomes one token: what a token can't have is
// percent-encoded, and an empty name is "_".
func EventSubject(kind, name string) string { return subjectDashboard + kind + "." + token(name) }

func token(name string) string {
	if name == "" {
		return "_"
	}
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// An eventMark is what of a published event decides whether another may
// replace it. An event without one, as the Python program sends it, is before
// all others.
type eventMark struct {
	Order
	Generation fit.Generation `json:"generation"`
	Digest     fit.Digest     `json:"digest"`
}

// Behind tells whether an event stands before another of its subject: of the same
// life, with a lower order. No stream goes from the one to the other, unless it was
// restored from a backup.
func Behind(event, other []byte) bool {
	a, b := markOf(event), markOf(other)
	return a.Life != "" && a.Life == b.Life && a.Compare(b.Order) < 0
}

func markOf(event []byte) eventMark {
	var m eventMark
	if json.Unmarshal(event, &m) != nil {
		return eventMark{}
	}
	return m
}
