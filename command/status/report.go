// Package status reports the state of a running system: its generations, the lag
// of the wanted generation's consumers, the size of each profile's sample, and
// whether each envelope is of the present sample.
//
// [Collect] reads one [Report], [Wait] waits until the system is settled.
package status

import (
	"context"
	"fmt"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// A Report is the state of the system. Its parts are read from several streams
// one after the other, so a change in between may be in only some of them. Its JSON
// form is the output of `profiles status --json`.
type Report struct {
	// Generations are all registered ones, the wanted one last.
	Generations []Generation `json:"generations"`
	// Wanted is the generation that Lag and Profiles describe; empty while none is
	// registered.
	Wanted fit.Generation `json:"wanted,omitempty"`
	// Lag is nil while the wanted generation has no consumers.
	Lag      *Lag               `json:"lag"`
	Profiles []Profile          `json:"profiles"`
	Rejected map[fit.Reason]int `json:"rejected"` // messages in REJECTED, by reason
	Streams  []bus.StreamSize   `json:"streams"`
}

// A Generation is a spec at an epoch.
type Generation struct {
	ID       fit.Generation `json:"id"`
	Revision int64          `json:"revision"`
	Epoch    uint64         `json:"epoch"`
	Base     fit.Generation `json:"base"` // the same for all generations of the spec
	Wanted   bool           `json:"wanted"`
}

// A Lag holds the lags of a generation's two consumers.
type Lag struct {
	Align  bus.Lag `json:"align"`
	Reduce bus.Lag `json:"reduce"`
}

// A Profile compares a profile's sample with its envelope.
type Profile struct {
	Name    fit.ProfileName `json:"name"`
	Channel string          `json:"channel"`
	Unit    string          `json:"unit"`

	// The sample.
	Used      int  `json:"used"`
	Attempted int  `json:"attempted"`
	Target    int  `json:"target"`
	Complete  bool `json:"complete"`
	Kept      int  `json:"kept"`  // entries in any state
	Short     bool `json:"short"` // retractions used up the reserve: a new epoch must read the log again

	// Agrees is true if the digests of envelope and sample are equal, or if there
	// is neither an envelope nor an entry.
	Agrees    bool       `json:"agrees"`
	Digest    fit.Digest `json:"digest"`
	UpdatedAt time.Time  `json:"updated_at,omitzero"` // of the envelope

	// Envelope is the stored envelope, nil if there is none yet.
	Envelope *fit.Envelope `json:"-"`
}

// Collect reads a report. If the streams do not exist yet the report is empty,
// without an error.
func Collect(ctx context.Context, b *bus.Bus) (*Report, error) {
	r := &Report{Rejected: map[fit.Reason]int{}, Generations: []Generation{}, Profiles: []Profile{}, Streams: []bus.StreamSize{}}
	sizes, err := b.Streams(ctx)
	if err != nil {
		return nil, err
	}
	r.Streams = append(r.Streams, sizes...)
	specs, err := b.ReadSpecs(ctx)
	if client.IsAbsent(err) {
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
	err = b.ReadRejected(ctx, func(x bus.Rejected) error {
		r.Rejected[x.Reason]++
		return nil
	})
	if err != nil && !client.IsAbsent(err) {
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

// lag returns nil if the generation has no consumers yet.
func lag(ctx context.Context, b *bus.Bus, gen fit.Generation) (*Lag, error) {
	align, reduce, err := b.Lags(ctx, gen)
	if client.IsAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Lag{align, reduce}, nil
}

func profiles(ctx context.Context, b *bus.Bus, gen bus.Generation) ([]Profile, error) {
	curves, err := b.ReadCurves(ctx, gen)
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
	reduced, err := curves.Reduce(p.Name)
	if err != nil {
		return x, err
	}
	if err := curves.Inspect(p.Name, func(s *fit.Sample, _ client.AsOf) { x.Kept = s.Len() }); err != nil {
		return x, err
	}
	sample := reduced.Envelope
	x.Used, x.Attempted, x.Complete, x.Short, x.Digest = sample.Used, sample.Attempted, sample.Complete, reduced.Short, sample.Digest

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
