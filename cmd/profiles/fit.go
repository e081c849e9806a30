package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/atomicfile"
	"github.com/cis490/profiles/model"
)

// defaultTable is the parquet file that the Python program writes.
const defaultTable = "data/processed/attack_profiles_v1.parquet"

type fitOptions struct {
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
	o := &fitOptions{}
	defaults := fit.DefaultSpec()
	cmd := &cobra.Command{
		Use:   "fit --store DIR [--validation FILE] [flags]",
		Short: "compute the envelopes of a store at once",
		Long: `fit reads the accepted episodes of a store, aligns each one phase by phase, and writes one
envelope for each profile into a parquet file. Its envelopes equal in every bit those of a
running system that accepted the same episodes.

It prints one JSON object to stdout and a line for each profile to stderr; the lines below it
say why attempted episodes gave no curve, each reason with one example. The file is written
completely or not at all. fit fails (exit code 1) if no profile has a usable episode, or if
the store does not answer. An archive that is missing, corrupt or unusable only counts as
attempted.

The list of episodes is parquet, CSV or JSON lines; the spec's key validation names its
columns, and the statuses of accepted episodes.

With --model-out it also makes a model from the signatures of the same episodes, for
profiles classify and profiles evaluate.`,
		Example: `  profiles fit --store examples/recorded/store
  profiles fit --store examples/recorded/store --model-out model.parquet
  profiles fit --store store --n-episodes-per-profile 20 --sampler numpy --seed 7
  profiles fit --store store --validation list.csv --spec spec.yaml --fit-out fit.parquet
  profiles fit --store examples/recorded/store --signatures-out signatures.json`,
		Args: noArguments,
	}
	f := cmd.Flags()
	o.given = f.Changed
	o.source.add(f, anyStore)
	f.StringVar(&o.out, "fit-out", defaultTable, "parquet `FILE` to write; - is standard output, and the JSON object goes to stderr")
	addSignaturesFlag(f, &o.signatures)
	f.IntVar(&o.target, "n-episodes-per-profile", defaults.Target, "number `N` of usable episodes of a full sample; overrides the spec's target")
	f.IntVar(&o.points, "n-points", defaults.Points.Total(), "number `N` of points of a curve; overrides the spec's points")
	f.Uint64Var(&o.seed, "seed", defaults.Seed, "seed `N` of the sampler; overrides the spec's seed (default 0)")
	f.StringVar(&o.sampler, "sampler", string(batch.BottomK), "`NAME` of the sampler: bottomk (as a running system) or numpy (as the Python program)")
	f.StringVar(&o.resample, "resample", string(defaults.Resample), "`NAME` of the resampling: linear (as the Python program) or mean (keeps totals); overrides the spec's")
	addSpecFlag(f, &o.spec)
	f.IntVar(&o.concurrency, "concurrency", 0, "read `N` archives at once (default: the number of cores)")
	f.StringVar(&o.modelOut, "model-out", "", "also write a model into this parquet `FILE`")
	addFeaturesFlag(f, &o.features)
	return command{cmd, o.validate, o.run}
}

func (o *fitOptions) validate() error {
	if err := o.source.validate(); err != nil {
		return err
	}
	if _, err := batch.ParseSampler(o.sampler); err != nil {
		return err
	}
	if o.concurrency < 0 || o.concurrency > 1024 {
		return fmt.Errorf("--concurrency is %d: it must be from 0 to 1024", o.concurrency)
	}
	if o.modelOut != "" && o.features == string(model.Reference) && o.signatures != "" {
		return errors.New("--signatures-out: a model of reference features needs other channels than the spec's signature; make the two files in two runs")
	}
	return nil
}

func (o *fitOptions) run(ctx context.Context, t *terminal) error {
	spec, err := o.loadSpec()
	if err != nil {
		return err
	}
	limits, err := limits()
	if err != nil {
		return err
	}
	// Before layoutOf, which may change the signature.
	generation := spec.Generation(limits, 0)
	cfg := batch.Config{Spec: spec, Sampler: batch.Sampler(o.sampler), Concurrency: o.concurrency,
		Signatures: o.signatures != "" || o.modelOut != ""}
	var samples examples
	if o.modelOut != "" {
		if samples.layout, err = layoutOf(spec, o.features); err != nil {
			return err
		}
		cfg.Aligned = samples.add
	}
	if err := cmp.Or(t.checkStdout(o.out), o.checkFiles()); err != nil {
		return err
	}
	fitted, err := o.source.fit(ctx, t, cfg)
	if err != nil {
		return err
	}
	if err := o.writeModel(&samples); err != nil {
		return err
	}
	if err := o.writeSignatures(ctx, spec, fitted, generation); err != nil {
		return err
	}
	var results []result
	for _, f := range fitted {
		results = append(results, resultOf(spec, f))
	}
	return save(t, o.out, results, warningsOf(fitted), generation, batch.Sampler(o.sampler))
}

// loadSpec reads the spec and overrides it by the flags that are given.
func (o *fitOptions) loadSpec() (*fit.Spec, error) {
	spec, err := loadSpec(o.spec)
	if err != nil {
		return nil, err
	}
	if o.given("n-episodes-per-profile") {
		spec.Target = o.target
		if err := spec.Validate(); err != nil {
			return nil, usage(fmt.Errorf("--n-episodes-per-profile: %w", err))
		}
	}
	if o.given("seed") {
		spec.Seed = o.seed
	}
	if o.given("resample") {
		if spec.Resample, err = fit.ParseResample(o.resample); err != nil {
			return nil, usage(fmt.Errorf("--resample: %w", err))
		}
	}
	if o.given("n-points") {
		if spec.Points, err = fit.ScalePoints(o.points); err != nil {
			return nil, usage(fmt.Errorf("--n-points: %w", err))
		}
	}
	return spec, usage(spec.Validate())
}

// checkFiles returns an error if a file that is to be written cannot be.
func (o *fitOptions) checkFiles() error {
	for _, path := range []string{o.out, o.modelOut, o.signatures} {
		if path == "" || path == dash {
			continue
		}
		if err := atomicfile.Check(path); err != nil {
			return err
		}
	}
	return nil
}

// writeModel writes the file of --model-out, if given.
func (o *fitOptions) writeModel(samples *examples) error {
	if o.modelOut == "" {
		return nil
	}
	m, err := samples.model()
	if err != nil {
		return err
	}
	return dataset.WriteModelFile(o.modelOut, m)
}

// writeSignatures writes the file of --signatures-out, if given.
func (o *fitOptions) writeSignatures(ctx context.Context, spec *fit.Spec, fitted []batch.Fitted, generation fit.Generation) error {
	if o.signatures == "" {
		return nil
	}
	file := signatureFile{Generation: generation, Points: spec.Points}
	for _, f := range fitted {
		file.add(f.Profile, f.Signature)
	}
	if err := file.measure(ctx, spec, fitted); err != nil {
		return err
	}
	return file.save(o.signatures)
}
