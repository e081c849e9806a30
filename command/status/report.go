// Package status reports the state of a running system: its generations, the lag
// of the wanted generation's consumers, the size of each profile's sample, and
// whether each envelope is of the present sample.
//
// [Collect] reads one [Report], [Wait] waits until the system is settled.
package status

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/settings"
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
	Log      *LogNames          `json:"log,omitempty"` // nil unless a profile has no entry, or if the log could not be read
	Rejected map[fit.Reason]int `json:"rejected"`      // messages in REJECTED, by reason

	LastRejected map[fit.Reason]RejectedMessage `json:"last_rejected"` // the last of each reason

	Streams []bus.StreamSize `json:"streams"`

	// UnnamedDomain is the JetStream domain of the server if it has no bucket specs and
	// NATS_JS_DOMAIN is not set: the streams may be in another domain. Else it is empty.
	UnnamedDomain string `json:"unnamed_domain,omitempty"`

	// Wrong are the settings of streams, and of the wanted generation's consumers, that are not
	// as the project needs them.
	Wrong []settings.Wrong `json:"wrong"`
	// MustReadAgain is true if the log was filled again after the wanted generation was
	// registered. Its workers begin the next epoch.
	MustReadAgain bool `json:"must_read_again"`
}

// A RejectedMessage is a message of the log that was copied to REJECTED. A malformed one may lack everything but Seq and Detail.
type RejectedMessage struct {
	Seq     uint64 `json:"seq"` // in the log
	Host    string `json:"host,omitempty"`
	Episode string `json:"episode,omitempty"`
	Profile string `json:"profile,omitempty"`
	Detail  string `json:"detail"`
}

// A Generation is a spec at an epoch.
type Generation struct {
	ID       fit.Generation `json:"id"`
	Revision int64          `json:"revision"`
	Epoch    uint64         `json:"epoch"`
	Base     fit.Generation `json:"base"` // the same for all generations of the spec
	Wanted   bool           `json:"wanted"`
	// LeftOver is true if it is not wanted and has consumers, and no worker asks these for
	// messages. So messages wait for ever, until `profiles gc` removes the consumers.
	LeftOver bool `json:"left_over"`
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

	N       []int          `json:"n"`       // how many members have a value at each point of the curve
	Without []Without      `json:"without"` // why Attempted is above Used, the most frequent reason first
	Quality []fit.Affected `json:"quality"` // what is wrong with the recordings of members, by kind

	// Why says why Used is 0, in a sentence without a full stop. It is empty if Used is above 0.
	Why string `json:"why,omitempty"`

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
	r := &Report{Rejected: map[fit.Reason]int{}, LastRejected: map[fit.Reason]RejectedMessage{}, Generations: []Generation{}, Profiles: []Profile{}, Streams: []bus.StreamSize{}, Wrong: []settings.Wrong{}}
	sizes, err := b.Streams(ctx)
	if err != nil {
		return nil, err
	}
	r.Streams = append(r.Streams, sizes...)
	specs, err := b.ReadSpecs(ctx)
	if client.IsAbsent(err) {
		r.UnnamedDomain = b.UnnamedDomain()
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	wanted, ok := specs.Wanted()
	if r.Generations, err = generations(ctx, b, specs); err != nil {
		return nil, err
	}
	err = b.ReadRejected(ctx, func(x bus.Rejected) error {
		r.Rejected[x.Reason]++
		r.LastRejected[x.Reason] = RejectedMessage{Seq: x.Seq, Host: x.Host, Episode: x.Episode, Profile: x.Profile, Detail: x.Detail}
		return nil
	})
	if err != nil && !client.IsAbsent(err) {
		return nil, err
	}
	if !ok {
		r.Wrong, err = wrongSettings(ctx, b, specs, nil)
		return r, err
	}
	r.Wanted = wanted.ID
	if r.MustReadAgain, err = specs.MustReadAgain(ctx, b, wanted); err != nil {
		return nil, err
	}
	if r.Wrong, err = wrongSettings(ctx, b, specs, &wanted); err != nil {
		return nil, err
	}
	if r.Lag, err = lag(ctx, b, wanted.ID); err != nil {
		return nil, err
	}
	if r.Profiles, err = profiles(ctx, b, wanted); err != nil {
		return nil, err
	}
	return r, r.explain(ctx, b, &wanted.Spec)
}

// generations returns all generations, the wanted one last; never nil.
func generations(ctx context.Context, b *bus.Bus, specs *bus.Specs) ([]Generation, error) {
	all := []Generation{}
	wanted, _ := specs.Wanted()
	for _, g := range specs.All() {
		x := Generation{ID: g.ID, Revision: g.Spec.Revision, Epoch: g.Epoch, Base: g.Base, Wanted: g.ID == wanted.ID}
		if !x.Wanted {
			use, err := b.Usage(ctx, g)
			if err != nil {
				return nil, err
			}
			x.LeftOver = use.Consumers > 0 && use.Waiting == 0
		}
		all = append(all, x)
	}
	return all, nil
}

// wrongSettings returns the settings that are wrong, never nil.
func wrongSettings(ctx context.Context, b *bus.Bus, specs *bus.Specs, gen *bus.Generation) ([]settings.Wrong, error) {
	wrong, err := b.WrongSettings(ctx, specs, gen)
	return append([]settings.Wrong{}, wrong...), err
}

// explain says why no episode of a profile is used. It reads the log if a profile has no entry.
func (r *Report) explain(ctx context.Context, b *bus.Bus, spec *fit.Spec) error {
	if slices.ContainsFunc(r.Profiles, func(p Profile) bool { return p.Kept == 0 }) {
		var err error
		if r.Log, err = readLogNames(ctx, b); err != nil {
			return err
		}
	}
	for i, p := range r.Profiles {
		r.Profiles[i].Why = whyUnused(p, spec, r.Lag, r.Log)
	}
	return nil
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
	x := Profile{Name: p.Name, Channel: p.Channel, Unit: gen.Spec.Channel(p.Channel).Unit, Target: gen.Spec.Target}
	reduced, err := curves.Reduce(p.Name)
	if err != nil {
		return x, err
	}
	if err := curves.Inspect(p.Name, func(s *fit.Sample, _ client.AsOf) { x.Kept = s.Len() }); err != nil {
		return x, err
	}
	sample := reduced.Envelope
	x.Used, x.Attempted, x.Complete, x.Short, x.Digest = sample.Used, sample.Attempted, sample.Complete, reduced.Short, sample.Digest
	x.N, x.Quality = sample.N, append([]fit.Affected{}, sample.Quality...)
	if x.Without, err = withoutOf(ctx, curves, p.Name, sample.Reasons); err != nil {
		return x, err
	}

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
