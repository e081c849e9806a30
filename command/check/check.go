// Package check tries the accepted episodes of a store with a spec, and reports which give a curve and why the others don't.
//
// Start with [Check]; report.go has what it returns.
package check

import (
	"context"
	"runtime"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// Config says what is tried.
type Config struct {
	Spec   *fit.Spec
	Limits episode.Limits
	// Sample is how many episodes of each profile are tried: those of lowest rank, which a fit takes first; 0 means all.
	Sample int
	// Concurrency is how many archives are read at once; 0 means GOMAXPROCS. It does not change the report.
	Concurrency int
	// Progress, if set, is called after each archive, one call at a time.
	Progress func(done, total int)
}

// A Store is where archives are.
type Store interface {
	episode.Store
	// SuffixesOf returns the suffixes of all archives that an episode has.
	SuffixesOf(ctx context.Context, ref episode.Ref) ([]string, error)
}

// Check tries the episodes that the roster accepts for the profiles of the spec. The roster must have been read with the seed of the
// spec. An archive that is missing, corrupt, too large or unusable is part of the report, and so is one that the store does not give
// although it gives others. If no archive can be read Check returns the store's error.
func Check(ctx context.Context, cfg Config, store Store, r *roster.Roster) (*Report, error) {
	fitter, err := align.New(cfg.Spec, cfg.Limits)
	if err != nil {
		return nil, err
	}
	c := &checker{cfg: cfg, source: align.NewSource(fitter, store, r.Refs()), store: store}
	report := newReport(cfg.Spec, r)
	var tries []try
	for i, p := range cfg.Spec.Profiles {
		rows := r.ByRank(p.Name)
		if cfg.Sample > 0 {
			rows = rows[:min(cfg.Sample, len(rows))]
		}
		for n, row := range rows {
			ref, _ := r.Ref(row) // rows by rank have well-formed ids
			tries = append(tries, try{profile: i, place: n, ref: ref})
		}
	}
	if err := c.tryAll(ctx, tries, report); err != nil {
		return nil, err
	}
	report.end()
	return report, nil
}

// A try is an episode that is tried for its profile.
type try struct {
	profile int // index in the spec
	place   int // in the order of the ranks
	ref     episode.Ref
}

// An outcome is what came of a try.
type outcome struct {
	try
	alignment *align.Alignment // nil if there is no curve
	reason    fit.Reason
	detail    string
	suffixes  []string // of the episode's archives, if it has several
	err       error    // of the store
}

// A checker tries episodes.
type checker struct {
	cfg    Config
	source *align.Source
	store  Store
}

// tryAll tries all episodes, several at once, and adds the outcomes to the report. After an error it waits for the tries that have
// begun.
func (c *checker) tryAll(ctx context.Context, tries []try, report *Report) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	workers := c.cfg.Concurrency
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	outcomes := make(chan outcome, workers)
	begun, done := 0, 0
	for {
		for begun < len(tries) && begun-done < workers && ctx.Err() == nil {
			t := tries[begun]
			begun++
			go func() { outcomes <- c.try(ctx, t) }()
		}
		if begun == done {
			return context.Cause(ctx)
		}
		o := <-outcomes
		done++
		if o.err != nil {
			cancel(o.err)
			continue
		}
		report.add(o)
		if c.cfg.Progress != nil {
			c.cfg.Progress(done, len(tries))
		}
	}
}

// try tries one episode.
func (c *checker) try(ctx context.Context, t try) outcome {
	o := outcome{try: t}
	a, entry, err := c.source.Read(ctx, t.ref, c.cfg.Spec.Profiles[t.profile].Channel)
	if err != nil {
		o.err = err
		return o
	}
	if o.alignment = a; a == nil {
		o.reason, o.detail = entry.Reason, batch.Shortened(entry.Detail, t.ref)
	}
	if len(c.cfg.Spec.Format.Suffixes) < 2 || o.reason == fit.ReasonMissing {
		return o
	}
	suffixes, err := c.store.SuffixesOf(ctx, t.ref)
	if err != nil {
		o.err = err
	} else if len(suffixes) > 1 {
		o.suffixes = suffixes
	}
	return o
}
