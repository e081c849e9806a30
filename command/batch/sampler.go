package batch

import (
	"fmt"

	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// A Sampler says which episodes an envelope is made of.
type Sampler string

const (
	// BottomK takes the usable episodes of lowest rank, as the stream does. An
	// episode that the file lists more than once counts once, by its last row.
	BottomK Sampler = "bottomk"
	// Numpy takes the rows that the Python program takes. They are drawn as they
	// stand in the file; one whose ids are not well-formed can be drawn, but gives
	// no curve.
	Numpy Sampler = "numpy"
)

// ParseSampler accepts the name of a sampler.
func ParseSampler(text string) (Sampler, error) {
	switch s := Sampler(text); s {
	case BottomK, Numpy:
		return s, nil
	}
	return "", fmt.Errorf("sampler %q: it must be %s or %s", text, BottomK, Numpy)
}

// A draw is the drawing of one profile's episodes. It is used by one goroutine.
type draw interface {
	// next is a row to be read now; false: none, at least until more was put.
	next() (roster.Row, bool)
	// put takes what became of a row.
	put(roster.Row, fit.Entry)
	// standing is how many rows were put, gave a curve, and are still needed.
	standing() (read, used, open int)
	envelope() fit.Envelope
	// members are the episodes that the envelope is of.
	members() []signature.Member
}

// bottomK hands out a profile's candidates by rank. It hands out none that could
// turn out not to be needed: even if everything in hand gives a curve, the sample
// is not full. So what is read doesn't depend on how much is read at once, and
// all of it is attempted.
type bottomK struct {
	roster *roster.Roster
	rows   []roster.Row // by rank
	sample *fit.Sample
	points int

	taken, read, used int
}

func newBottomK(spec *fit.Spec, r *roster.Roster, p fit.ProfileName) *bottomK {
	return &bottomK{roster: r, rows: r.ByRank(p), sample: fit.NewSample(spec.Target), points: spec.Points.Total()}
}

func (d *bottomK) next() (roster.Row, bool) {
	inHand := d.taken - d.read
	if d.taken == len(d.rows) || d.used+inHand >= d.sample.Target() {
		return 0, false
	}
	d.taken++
	return d.rows[d.taken-1], true
}

func (d *bottomK) put(row roster.Row, e fit.Entry) {
	d.sample.Put(d.roster.Rank(row), e)
	d.read++
	if e.State == fit.StateCurve {
		d.used++
	}
}

func (d *bottomK) standing() (read, used, open int) {
	return d.read, d.used, min(d.sample.Target()-d.used, len(d.rows)-d.read)
}

func (d *bottomK) envelope() fit.Envelope { return d.sample.Envelope(d.points) }

func (d *bottomK) members() []signature.Member { return signature.MembersOf(d.sample) }

// numpy hands out what numpy.random.default_rng(seed).choice draws.
type numpy struct {
	rows   []roster.Row
	target int
	points int
	used   []fit.Entry // those with a curve

	taken, read int
}

func newNumpy(spec *fit.Spec, r *roster.Roster, p fit.ProfileName) *numpy {
	d := &numpy{rows: r.AsListed(p), target: spec.Target, points: spec.Points.Total()}
	if len(d.rows) > spec.Target {
		drawn := make([]roster.Row, spec.Target)
		for i, n := range fit.Choice(spec.Seed, len(d.rows), spec.Target) {
			drawn[i] = d.rows[n]
		}
		d.rows = drawn
	}
	return d
}

func (d *numpy) next() (roster.Row, bool) {
	if d.taken == len(d.rows) {
		return 0, false
	}
	d.taken++
	return d.rows[d.taken-1], true
}

func (d *numpy) put(_ roster.Row, e fit.Entry) {
	d.read++
	if e.State == fit.StateCurve {
		d.used = append(d.used, e)
	}
}

func (d *numpy) standing() (read, used, open int) {
	return d.read, len(d.used), len(d.rows) - d.read
}

func (d *numpy) envelope() fit.Envelope {
	curves := make([]fit.Curve, len(d.used))
	for i, e := range d.used {
		curves[i] = e.Curve
	}
	e := fit.EnvelopeOf(curves, d.points)
	e.Attempted = len(d.rows)
	e.Target = d.target
	e.Complete = e.Used == d.target
	return e
}

func (d *numpy) members() []signature.Member {
	members := make([]signature.Member, len(d.used))
	for i, e := range d.used {
		members[i] = signature.MemberOf(e)
	}
	return members
}
