// Package batch fits the envelopes of a whole store at once. It is the same
// function as the stream: the same curves (package align) go into the same
// sample (fit.Sample), so both give the same envelopes, bit for bit.
package batch

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// Config says what is fitted and how.
type Config struct {
	Spec *fit.Spec
	// Limits of what reading one archive may cost; zeros are defaults.
	Limits episode.Limits
	// Sampler chooses the episodes; empty means BottomK.
	Sampler Sampler
	// Concurrency is how many archives are read at once; 0 means the cores. It
	// never changes the result.
	Concurrency int
	// Progress, where set, is called after each archive, one call at a time.
	Progress func(Progress)
	// Aligned, where set, is called with each episode that gave a curve, in no
	// certain order, one call at a time. With BottomK these are the samples'
	// members, each once.
	Aligned func(fit.ProfileName, episode.Ref, fit.Signature)
}

// Progress is how far a fit has got, over all profiles.
type Progress struct {
	Read int // rows that were dealt with
	Used int // of these, those that gave a curve
	Open int // rows that are needed yet, if all of them give a curve
}

// A Fitted is one profile's result.
type Fitted struct {
	Profile  fit.Profile
	Envelope fit.Envelope
	// Signature is what is said of the sample beside it.
	Signature signature.Summary
	// Without says why the attempted episodes that are not used gave no curve.
	Without map[fit.Reason]int
}

// Fit fits the profiles of the spec from what the roster accepts, and returns
// them in the spec's order. The roster's ranks must be of the spec's seed.
//
// An archive that is missing, corrupt, too large or unusable counts as
// attempted. Where the store does not answer the fit ends with an error: a
// result that depends on the weather is none.
func Fit(ctx context.Context, cfg Config, store episode.Store, r *roster.Roster) ([]Fitted, error) {
	f := &fitter{
		Fitter: align.Fitter{Spec: cfg.Spec, Limits: cfg.Limits},
		store:  store, roster: r, progress: cfg.Progress, aligned: cfg.Aligned,
	}
	for _, p := range cfg.Spec.Profiles {
		channel, err := episode.ParseChannelName(p.Channel)
		if err != nil {
			return nil, fmt.Errorf("profile %s: %w", p.Name, err)
		}
		f.channels = append(f.channels, channel)
		f.without = append(f.without, map[fit.Reason]int{})
		switch cfg.Sampler {
		case BottomK, "":
			f.draws = append(f.draws, newBottomK(cfg.Spec, r, p.Name))
		case Numpy:
			f.draws = append(f.draws, newNumpy(cfg.Spec, r, p.Name))
		default:
			return nil, fmt.Errorf("fit: unknown sampler %q", cfg.Sampler)
		}
	}
	if err := f.run(ctx, concurrency(cfg.Concurrency)); err != nil {
		return nil, err
	}
	fitted := make([]Fitted, len(f.draws))
	var reducing errgroup.Group
	reducing.SetLimit(concurrency(cfg.Concurrency))
	for i, d := range f.draws {
		reducing.Go(func() error {
			fitted[i] = Fitted{Profile: cfg.Spec.Profiles[i], Envelope: d.envelope(), Signature: signature.Of(cfg.Spec, d.members()), Without: f.without[i]}
			return nil
		})
	}
	return fitted, reducing.Wait()
}

func concurrency(n int) int {
	if n < 1 {
		return runtime.GOMAXPROCS(0)
	}
	return n
}

// A fitter reads for all profiles at once.
type fitter struct {
	align.Fitter
	store    episode.Store
	roster   *roster.Roster
	channels []episode.ChannelName // by profile
	draws    []draw                // by profile
	without  []map[fit.Reason]int  // by profile
	progress func(Progress)
	aligned  func(fit.ProfileName, episode.Ref, fit.Signature) // nil: nobody asks
}

// An outcome is what became of one row.
type outcome struct {
	profile int
	row     roster.Row
	entry   fit.Entry
	err     error

	ref       episode.Ref   // of an entry with a curve,
	signature fit.Signature // and its signature
}

// run reads until no draw needs more. It has at most atOnce archives open, and
// fills what one profile leaves free, while it waits, with those of the next.
func (f *fitter) run(ctx context.Context, atOnce int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	outcomes := make(chan outcome, atOnce)
	inHand := 0
	for {
		for inHand < atOnce && ctx.Err() == nil {
			profile, row, ok := f.next()
			if !ok {
				break
			}
			inHand++
			go func() { outcomes <- f.read(ctx, profile, row) }()
		}
		if inHand == 0 {
			return context.Cause(ctx)
		}
		o := <-outcomes
		inHand--
		if o.err != nil {
			cancel(o.err) // what else is in hand ends soon, and is waited for
			continue
		}
		f.draws[o.profile].put(o.row, o.entry)
		if f.aligned != nil && o.entry.State == fit.StateCurve {
			f.aligned(f.Spec.Profiles[o.profile].Name, o.ref, o.signature)
		}
		if o.entry.State == fit.StateReason {
			f.without[o.profile][o.entry.Reason]++
		}
		f.report()
	}
}

func (f *fitter) next() (profile int, row roster.Row, ok bool) {
	for i, d := range f.draws {
		if row, ok := d.next(); ok {
			return i, row, true
		}
	}
	return 0, 0, false
}

func (f *fitter) read(ctx context.Context, profile int, row roster.Row) outcome {
	o := outcome{profile: profile, row: row}
	ref, ok := f.roster.Ref(row)
	if !ok { // it names no file, so there is none
		o.entry = align.Without(ref, fit.ReasonMissing, "the row's ids are not well-formed")
		return o
	}
	a, err := f.Aligned(ctx, f.store, ref, f.channels[profile])
	o.entry, o.err = align.EntryOf(ref, a, err)
	if a != nil {
		o.ref, o.signature = ref, a.Signature
	}
	if reason, about := align.ReasonOf(o.err); about {
		o.entry, o.err = align.Without(ref, reason, o.err.Error()), nil
	}
	return o
}

func (f *fitter) report() {
	if f.progress == nil {
		return
	}
	var p Progress
	for _, d := range f.draws {
		read, used, open := d.standing()
		p.Read, p.Used, p.Open = p.Read+read, p.Used+used, p.Open+open
	}
	f.progress(p)
}
