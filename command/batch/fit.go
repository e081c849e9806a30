// Package batch fits the envelopes of a whole store at once. It uses the same
// code as the workers, package align for curves and fit.Sample for samples, so
// its envelopes equal theirs in every bit.
//
// Start with [Fit]; a [Sampler] says which episodes it takes.
package batch

import (
	"context"
	"iter"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// Config says what is fitted and how.
type Config struct {
	Spec *fit.Spec
	// Limits bound the cost of reading one archive; zero fields have their defaults.
	Limits episode.Limits
	// Sampler chooses the episodes; empty means BottomK.
	Sampler Sampler
	// Rows are those that the roster was read from. Only Numpy needs them.
	Rows iter.Seq2[dataset.ValidationRow, error]
	// Concurrency is how many archives are read at once; 0 means GOMAXPROCS. It
	// does not change the result.
	Concurrency int
	// Signatures makes the signatures of episodes and samples. Without them a fit takes less
	// time; its reasons, warnings about channels of curves and envelopes are the same, but for the
	// digest, which is empty then.
	Signatures bool
	// Progress, if set, is called after each archive, one call at a time.
	Progress func(Progress)
	// Aligned, if set, is called for each episode that gave a curve, in any order,
	// one call at a time. With BottomK these are the members of the samples, each
	// once. The signature is nil without Signatures.
	Aligned func(fit.ProfileName, episode.Ref, fit.Signature)
}

// Progress counts rows over all profiles.
type Progress struct {
	Read int // rows whose archives were tried
	Used int // of these, rows that gave a curve
	Left int // further rows that are needed, if all of them give a curve
}

// A Fitted is the result of one profile.
type Fitted struct {
	Profile  fit.Profile
	Envelope fit.Envelope
	// Signature is that of the envelope's sample; zero without Config.Signatures.
	Signature signature.Summary
	// Members are those of the sample; with BottomK by rank.
	Members []signature.Member
	// Without has the attempted episodes that gave no curve, by reason.
	Without map[fit.Reason]Episodes
	// Warnings has the episodes with a curve whose channels may not be what they are
	// taken for. Without Config.Signatures they are about the channels of curves only.
	Warnings []Warned
	// Unlisted says why the list has no episode of the profile ([roster.Roster.Why]);
	// it is empty if it has one.
	Unlisted string
}

// Fit fits the profiles of the spec from the episodes that the roster accepts, and
// returns them in the order of the spec. The roster must have been read with the
// seed of the spec.
//
// An archive that is missing, corrupt, too large or unusable counts as attempted, and
// so does one that the store does not give although it gives others. If no archive can
// be read Fit returns the store's error.
func Fit(ctx context.Context, cfg Config, store episode.Store, r *roster.Roster) ([]Fitted, error) {
	aligner, err := align.New(cfg.Spec, cfg.Limits)
	if err != nil {
		return nil, err
	}
	if !cfg.Signatures {
		aligner = aligner.CurveOnly()
	}
	f := &fitter{cfg: cfg, source: align.NewSource(aligner, store, r.Refs()), roster: r}
	if f.selections, err = newSelections(cfg, r); err != nil {
		return nil, err
	}
	for range cfg.Spec.Profiles {
		f.without = append(f.without, map[fit.Reason]Episodes{})
		f.warnings = append(f.warnings, warnings{})
	}
	concurrency := cfg.Concurrency
	if concurrency < 1 {
		concurrency = runtime.GOMAXPROCS(0)
	}
	if err := f.readAll(ctx, concurrency); err != nil {
		return nil, err
	}
	fitted := make([]Fitted, len(f.selections))
	var reducing errgroup.Group
	reducing.SetLimit(concurrency)
	for i, s := range f.selections {
		reducing.Go(func() error {
			fitted[i] = Fitted{
				Profile:  cfg.Spec.Profiles[i],
				Envelope: s.sample.envelope(),
				Members:  s.sample.members(),
				Without:  f.without[i],
				Warnings: f.warnings[i].sorted(),
				Unlisted: r.Why(cfg.Spec, cfg.Spec.Profiles[i].Name),
			}
			if cfg.Signatures {
				fitted[i].Signature = signature.Of(cfg.Spec, fitted[i].Members)
			} else {
				fitted[i].Envelope.Digest = "" // it would not be that of the workers, who count the signatures in
			}
			return nil
		})
	}
	return fitted, reducing.Wait()
}

// A fitter reads the archives of all profiles.
type fitter struct {
	cfg    Config
	source *align.Source
	roster *roster.Roster

	// By profile, in the order of the spec.
	selections []*selection
	without    []map[fit.Reason]Episodes
	warnings   []warnings
}

// An outcome is the result of reading one row.
type outcome struct {
	profile int // index in the spec
	row     roster.Row
	ref     episode.Ref // zero if the ids of the row are not well-formed
	entry   fit.Entry
	err     error // of the store or of ctx: the fit fails

	// If the entry has a curve:
	signature fit.Signature
	warnings  []episode.Warning
}

// readAll reads until no selection needs more rows, with at most atOnce archives
// open. While the rows of one profile do not fill these, it reads those of the
// next.
func (f *fitter) readAll(ctx context.Context, atOnce int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	outcomes := make(chan outcome, atOnce)
	for reading := 0; ; reading-- {
		for reading < atOnce && ctx.Err() == nil {
			profile, row, ok := f.next()
			if !ok {
				break
			}
			reading++
			go func() { outcomes <- f.read(ctx, profile, row) }()
		}
		if reading == 0 {
			return context.Cause(ctx)
		}
		if o := <-outcomes; o.err != nil {
			cancel(o.err) // the loop goes on until the other reads have ended
		} else {
			f.put(o)
		}
	}
}

// next returns a row to be read now, of the first profile that needs one.
func (f *fitter) next() (profile int, row roster.Row, ok bool) {
	for i, s := range f.selections {
		if row, ok := s.next(); ok {
			return i, row, true
		}
	}
	return 0, 0, false
}

func (f *fitter) read(ctx context.Context, profile int, row roster.Row) outcome {
	o := outcome{profile: profile, row: row}
	ref, ok := f.roster.Ref(row)
	if !ok { // no file can have this name
		o.entry = align.Without(ref, fit.ReasonMissing, "the row's ids are not well-formed")
		return o
	}
	o.ref = ref
	var a *align.Alignment
	a, o.entry, o.err = f.source.Read(ctx, ref, f.cfg.Spec.Profiles[profile].Channel)
	if a != nil {
		o.signature, o.warnings = a.Signature, slices.Clone(a.Warnings)
	}
	return o
}

// put adds an outcome to its selection and calls the functions of the Config.
func (f *fitter) put(o outcome) {
	f.selections[o.profile].put(o.row, o.entry)
	switch o.entry.State {
	case fit.StateCurve:
		f.warnings[o.profile].add(f.roster.Rank(o.row), o.ref, o.warnings)
		if f.cfg.Aligned != nil {
			f.cfg.Aligned(f.cfg.Spec.Profiles[o.profile].Name, o.ref, o.signature)
		}
	case fit.StateReason:
		without := f.without[o.profile]
		without[o.entry.Reason] = without[o.entry.Reason].with(f.roster.Rank(o.row), o.ref, o.entry.Detail)
	}
	if f.cfg.Progress != nil {
		var p Progress
		for _, s := range f.selections {
			p.Read, p.Used, p.Left = p.Read+s.read, p.Used+s.used, p.Left+s.left()
		}
		f.cfg.Progress(p)
	}
}
