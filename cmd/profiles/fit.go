package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/atomicfile"
)

// defaultTable is the parquet file that the Python program writes.
const defaultTable = "data/processed/attack_profiles_v1.parquet"

type fitAction struct {
	source      sourceFlags
	spec        string
	out         string
	signatures  string
	target      int
	points      int
	seed        uint64
	sampler     string
	resample    string
	concurrency int
	modelOut    string
	features    string
	given       func(flag string) bool // reports whether a flag is on the command line
}

func fitCommand() command {
	a := &fitAction{}
	defaults := fit.DefaultSpec()
	cmd := &cobra.Command{
		Use:   "fit --store DIR [--validation FILE] [flags]",
		Short: "compute the envelopes of a store at once",
		Long: `fit reads the accepted episodes of a store, aligns each one phase by phase, and writes one
envelope for each profile into a parquet file. Its envelopes equal in every bit those of a
running system that accepted the same episodes.

It prints one JSON object to stdout and a line for each profile to stderr. The file is
written completely or not at all. fit fails (exit code 1) if no profile has a usable
episode, or if the store does not answer. An archive that is missing, corrupt or unusable
only counts as attempted.

With --model-out it also makes a model from the signatures of the same episodes, for
profiles classify and profiles evaluate.`,
		Example: `  profiles fit --store examples/recorded/store
  profiles fit --store examples/recorded/store --model-out model.parquet
  profiles fit --store store --n-episodes-per-profile 20 --sampler numpy --seed 7
  profiles fit --store store --spec spec.yaml --fit-out fit.parquet
  profiles fit --store examples/recorded/store --signatures-out signatures.json`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	a.given = f.Changed
	a.source.add(f, anyStore)
	f.StringVar(&a.out, "fit-out", defaultTable, "parquet `FILE` to write")
	addSignaturesFlag(f, &a.signatures)
	f.IntVar(&a.target, "n-episodes-per-profile", defaults.Target, "number `N` of usable episodes of a full sample; overrides the spec's target")
	f.IntVar(&a.points, "n-points", defaults.Points.Total(), "number `N` of points of a curve; overrides the spec's points")
	f.Uint64Var(&a.seed, "seed", defaults.Seed, "seed `N` of the sampler; overrides the spec's seed (default 0)")
	f.StringVar(&a.sampler, "sampler", string(batch.BottomK), "`NAME` of the sampler: bottomk (as a running system) or numpy (as the Python program)")
	f.StringVar(&a.resample, "resample", string(defaults.Resample), "`NAME` of the resampling: linear (as the Python program) or mean (keeps totals); overrides the spec's")
	addSpecFlag(f, &a.spec)
	f.IntVar(&a.concurrency, "concurrency", 0, "read `N` archives at once (default: the number of cores)")
	f.StringVar(&a.modelOut, "model-out", "", "also write a model into this parquet `FILE`")
	addFeaturesFlag(f, &a.features)
	return command{cmd, a}
}

func (a *fitAction) validate() error {
	if err := a.source.validate(); err != nil {
		return err
	}
	if _, err := batch.ParseSampler(a.sampler); err != nil {
		return err
	}
	if a.concurrency < 0 || a.concurrency > 1024 {
		return fmt.Errorf("--concurrency is %d: it must be from 0 to 1024", a.concurrency)
	}
	if a.modelOut != "" && a.features == referenceFeatures && a.signatures != "" {
		return errors.New("--signatures-out: a model of reference features needs other channels than the spec's signature; make the two files in two runs")
	}
	return nil
}

func (a *fitAction) run(ctx context.Context, t *terminal) error {
	spec, err := a.loadSpec()
	if err != nil {
		return err
	}
	limits, err := limits()
	if err != nil {
		return err
	}
	// Before layoutOf, which may change the signature.
	generation := (&align.Fitter{Spec: spec, Limits: limits}).Generation(0)
	cfg := batch.Config{Spec: spec, Sampler: batch.Sampler(a.sampler), Concurrency: a.concurrency}
	var samples examples
	if a.modelOut != "" {
		if samples.layout, err = layoutOf(spec, a.features); err != nil {
			return err
		}
		cfg.Aligned = samples.add
	}
	if err := a.checkFiles(); err != nil {
		return err
	}
	fitted, err := a.source.fit(ctx, t, cfg)
	if err != nil {
		return err
	}
	if err := a.writeModel(&samples); err != nil {
		return err
	}
	if err := a.writeSignatures(fitted, generation, spec.Points); err != nil {
		return err
	}
	var results []result
	for _, f := range fitted {
		results = append(results, result{f.Profile, f.Envelope, f.Without})
	}
	return save(t, a.out, results, generation, batch.Sampler(a.sampler))
}

// loadSpec reads the spec and overrides it by the flags that are given.
func (a *fitAction) loadSpec() (*fit.Spec, error) {
	spec, err := loadSpec(a.spec)
	if err != nil {
		return nil, err
	}
	if a.given("n-episodes-per-profile") {
		spec.Target = a.target
	}
	if a.given("seed") {
		spec.Seed = a.seed
	}
	if a.given("resample") {
		if spec.Resample, err = fit.ParseResample(a.resample); err != nil {
			return nil, usage(fmt.Errorf("--resample: %w", err))
		}
	}
	if a.given("n-points") {
		if spec.Points, err = fit.ScalePoints(a.points); err != nil {
			return nil, usage(fmt.Errorf("--n-points: %w", err))
		}
	}
	return spec, usage(spec.Validate())
}

// checkFiles returns an error if a file that is to be written cannot be.
func (a *fitAction) checkFiles() error {
	for _, path := range []string{a.out, a.modelOut, a.signatures} {
		if path == "" {
			continue
		}
		if err := atomicfile.Check(path); err != nil {
			return err
		}
	}
	return nil
}

// writeModel writes the file of --model-out, if given.
func (a *fitAction) writeModel(samples *examples) error {
	if a.modelOut == "" {
		return nil
	}
	m, err := samples.model()
	if err != nil {
		return err
	}
	return dataset.WriteModelFile(a.modelOut, m)
}

// writeSignatures writes the file of --signatures-out, if given.
func (a *fitAction) writeSignatures(fitted []batch.Fitted, generation fit.Generation, points fit.Points) error {
	if a.signatures == "" {
		return nil
	}
	file := signatureFile{Generation: generation, Points: points}
	for _, f := range fitted {
		file.add(f.Profile, f.Signature)
	}
	return file.save(a.signatures)
}

// A result is the envelope of a profile, to be written into a table.
type result struct {
	profile  fit.Profile
	envelope fit.Envelope
	without  map[fit.Reason]int // attempted episodes without a curve; nil if not known
}

// A savedReport is what fit and export print to stdout.
type savedReport struct {
	To       string   `json:"saved_to"`
	N        int      `json:"n_profiles"`
	Profiles []string `json:"profiles"`
}

// save writes the profiles that have a usable episode and prints a line about every
// profile. If no profile has one it writes nothing and fails.
func save(t *terminal, path string, results []result, generation fit.Generation, sampler batch.Sampler) error {
	s := savedReport{To: path, Profiles: []string{}}
	var rows []dataset.AttackProfile
	for _, r := range results {
		if r.envelope.Used > 0 {
			rows = append(rows, dataset.NewAttackProfile(r.profile, r.envelope))
			s.Profiles = append(s.Profiles, string(r.profile.Name))
		}
	}
	if len(rows) > 0 {
		meta := map[string]string{"generation": string(generation), "sampler": string(sampler)}
		if err := dataset.WriteAttackProfilesFile(path, rows, meta); err != nil {
			return err
		}
	}
	for _, r := range results {
		r.print(t.err)
	}
	if len(rows) == 0 {
		return errors.New("no profile has a usable episode, so nothing was written")
	}
	s.N = len(rows)
	return json.NewEncoder(t.out).Encode(s)
}

func (r result) print(w io.Writer) {
	e := r.envelope
	fmt.Fprintf(w, "%-16s used %d of %d attempted", r.profile.Name, e.Used, e.Attempted)
	if len(r.without) > 0 {
		fmt.Fprintf(w, " (%s)", reasonCounts(r.without))
	}
	if e.Used > 0 {
		fmt.Fprintf(w, ", %s", span(e.Min, e.Max, fit.Unit(r.profile.Channel)))
	}
	fmt.Fprintln(w)
}

// reasonCounts returns text such as "2 corrupt, 1 missing".
func reasonCounts(counts map[fit.Reason]int) string {
	var texts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		texts = append(texts, fmt.Sprintf("%d %s", counts[reason], reason))
	}
	return strings.Join(texts, ", ")
}
