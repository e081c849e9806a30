// Package status tells how far the system is: which generations there are, how
// far the wanted one's consumers lag, how large each profile's sample is, and
// whether the envelopes say what the sample says.
package status

import (
	"context"
	"fmt"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// A Report is the system at one moment, as far as moments exist between several
// streams. Its JSON is what `profiles status --json` prints.
type Report struct {
	// Generations are all that are known, the wanted one last.
	Generations []Generation `json:"generations"`
	// Wanted is the generation that the rest is about; empty: none is known yet.
	Wanted fit.Generation `json:"wanted,omitempty"`
	// Lag is nil while the wanted generation has no consumers.
	Lag      *Lag             `json:"lag"`
	Profiles []Profile        `json:"profiles"`
	Rejected map[string]int   `json:"rejected"` // messages in REJECTED, by reason
	Streams  []bus.StreamSize `json:"streams"`
}

// A Generation is a spec at an epoch.
type Generation struct {
	ID       fit.Generation `json:"id"`
	Revision int64          `json:"revision"`
	Epoch    uint64         `json:"epoch"`
	Base     fit.Generation `json:"base"` // what all generations of the spec share
	Wanted   bool           `json:"wanted"`
}

// A Lag is how far a generation's two consumers are behind.
type Lag struct {
	Align  bus.Lag `json:"align"`
	Reduce bus.Lag `json:"reduce"`
}

// A Profile compares a profile's sample with its envelope.
type Profile struct {
	Name    fit.ProfileName `json:"name"`
	Channel string          `json:"channel"`
	Unit    string          `json:"unit"`

	Used      int  `json:"used"` // by the sample, as all else in this block
	Attempted int  `json:"attempted"`
	Target    int  `json:"target"`
	Complete  bool `json:"complete"`
	Kept      int  `json:"kept"`  // entries of any state
	Short     bool `json:"short"` // more was retracted than the sample has in reserve

	// Agrees says that the envelope's digest is the sample's, or that there is
	// neither envelope nor entry.
	Agrees    bool       `json:"agrees"`
	Digest    fit.Digest `json:"digest"`
	UpdatedAt time.Time  `json:"updated_at,omitzero"` // of the envelope

	// Envelope is the stored one; nil: none yet.
	Envelope *fit.Envelope `json:"-"`
}

// Collect asks the bus for everything. Streams that nobody has made yet are no
// error: the report is empty then.
func Collect(ctx context.Context, b *bus.Bus) (*Report, error) {
	r := &Report{Rejected: map[string]int{}, Generations: []Generation{}, Profiles: []Profile{}, Streams: []bus.StreamSize{}}
	sizes, err := b.Streams(ctx)
	if err != nil {
		return nil, err
	}
	r.Streams = append(r.Streams, sizes...)
	specs, err := b.SpecsNow(ctx)
	if bus.IsAbsent(err) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	wanted, ok := specs.Wanted()
	for _, g := range specs.All() {
		r.Generations = append(r.Generations, Generation{
			ID: g.ID, Revision: g.Spec.Revision, Epoch: g.Epoch, Base: g.Base, Wanted: ok && g.ID == wanted.ID,
		})
	}
	err = b.Rejected(ctx, func(x bus.Rejected) error {
		r.Rejected[x.Reason]++
		return nil
	})
	if err != nil && !bus.IsAbsent(err) {
		return nil, err
	}
	if !ok {
		return r, nil
	}
	r.Wanted = wanted.ID
	if r.Lag, err = lag(ctx, b, wanted.ID); err != nil {
		return nil, err
	}
	r.Profiles, err = profiles(ctx, b, wanted)
	return r, err
}

// lag is nil where the generation has no consumers yet.
func lag(ctx context.Context, b *bus.Bus, gen fit.Generation) (*Lag, error) {
	align, reduce, err := b.Lags(ctx, gen)
	if bus.IsAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Lag{align, reduce}, nil
}

func profiles(ctx context.Context, b *bus.Bus, gen bus.Generation) ([]Profile, error) {
	curves, err := b.CurvesNow(ctx, gen)
	if err != nil {
		return nil, err
	}
	all := make([]Profile, 0, len(gen.Spec.Profiles))
	for _, p := range gen.Spec.Profiles {
		x, err := profile(ctx, b, gen, curves, p)
		if err != nil {
			return nil, fmt.Errorf("profile %s: %w", p.Name, err)
		}
		all = append(all, x)
	}
	return all, nil
}

func profile(ctx context.Context, b *bus.Bus, gen bus.Generation, curves *bus.Curves, p fit.Profile) (Profile, error) {
	x := Profile{Name: p.Name, Channel: p.Channel, Unit: fit.Unit(p.Channel), Target: gen.Spec.Target}
	standing, err := curves.Standing(p.Name)
	if err != nil {
		return x, err
	}
	_, _, x.Kept = curves.Sizes(p.Name)
	sample := standing.Envelope
	x.Used, x.Attempted, x.Complete, x.Short, x.Digest = sample.Used, sample.Attempted, sample.Complete, standing.Short, sample.Digest

	stored, ok, err := b.ReadEnvelope(ctx, gen.ID, p.Name)
	if err != nil {
		return x, err
	}
	if !ok {
		x.Agrees = x.Kept == 0
		return x, nil
	}
	x.Agrees = stored.Digest == sample.Digest
	x.UpdatedAt = stored.UpdatedAt
	x.Envelope = &stored.Envelope
	return x, nil
}
