package main

import (
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
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/atomicfile"
)

// defaultTable is where the Python program keeps its fit.
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
}

func fitCommand(t *terminal) *cobra.Command {
	var o fitOptions
	cmd := &cobra.Command{
		Use:   "fit --store DIR [--validation FILE] [flags]",
		Short: "fit the envelopes of a store in one go",
		Long: `fit reads the accepted episodes of a store, aligns each phase by phase, and
writes one envelope a profile into a parquet file. It gives what the running
system gives after the same episodes were accepted, bit for bit.

stdout gets one JSON object, stderr a line a profile. The file appears whole or
not at all. It is a failure (exit 1) if no profile has a usable episode, or if
the store doesn't answer; archives that are missing, corrupt or unusable only
count as attempted.

With --model-out the signatures of the same episodes become a model for profiles
classify and profiles evaluate.`,
		Example: `  profiles fit --store examples/recorded/store
  profiles fit --store examples/recorded/store --model-out model.parquet
  profiles fit --store store --n-episodes-per-profile 20 --sampler numpy --seed 7
  profiles fit --store store --spec spec.yaml --fit-out fit.parquet
  profiles fit --store examples/recorded/store --signatures-out signatures.json`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	o.source.add(f, anyStore)
	f.StringVar(&o.out, "fit-out", defaultTable, "parquet `FILE` to write")
	addSignaturesFlag(f, &o.signatures)
	f.IntVar(&o.target, "n-episodes-per-profile", 100, "`N` usable episodes make a full sample; goes over the spec's target")
	f.IntVar(&o.points, "n-points", 80, "`N` points make a curve; goes over the spec's points")
	f.Uint64Var(&o.seed, "seed", 0, "draw with seed `N`; goes over the spec's seed (default 0)")
	f.StringVar(&o.sampler, "sampler", string(batch.BottomK), "sampler's `NAME`: bottomk (as the running system) or numpy (as the Python program)")
	f.StringVar(&o.resample, "resample", string(fit.Linear), "resampling's `NAME`: linear (as the Python program) or mean (keeps totals); goes over the spec's")
	addSpecFlag(f, &o.spec)
	f.IntVar(&o.concurrency, "concurrency", 0, "read `N` archives at once (default: the cores)")
	f.StringVar(&o.modelOut, "model-out", "", "parquet `FILE` to write a model into, too")
	addFeaturesFlag(f, &o.features)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runFit(cmd, t, o) }
	return cmd
}

func runFit(cmd *cobra.Command, t *terminal, o fitOptions) error {
	if o.source.store == "" {
		return usage(errors.New("--store DIR is missing"))
	}
	spec, err := o.specification(cmd)
	if err != nil {
		return err
	}
	sampler, err := batch.ParseSampler(o.sampler)
	if err != nil {
		return usage(err)
	}
	if o.concurrency < 0 || o.concurrency > 1024 {
		return usagef("--concurrency is %d: it must be from 0 to 1024", o.concurrency)
	}
	limits, err := limits()
	if err != nil {
		return err
	}
	if o.modelOut != "" && o.features == featuresReference && o.signatures != "" {
		return usagef("--signatures-out: a model of reference features has other channels than the spec's signature; make the two files apart")
	}
	for _, out := range []string{o.out, o.modelOut, o.signatures} {
		if out == "" {
			continue
		}
		if err := atomicfile.Check(out); err != nil {
			return err
		}
	}
	generation := (&align.Fitter{Spec: spec, Limits: limits}).Generation(0)
	cfg := batch.Config{Spec: spec, Limits: limits, Sampler: sampler, Concurrency: o.concurrency}
	var sample examples
	if o.modelOut != "" {
		if sample.layout, err = layoutOf(spec, o.features); err != nil { // it may change the signature, but no envelope
			return err
		}
		cfg.Aligned = sample.add
	}
	file, err := o.source.validationFile()
	if err != nil {
		return err
	}
	store, shut, err := openStore(cmd.Context(), t, o.source.store, nil)
	if err != nil {
		return err
	}
	defer shut()

	reading := t.bar("reading rows")
	rows, err := roster.Read(counted(dataset.OpenValidation(file), reading.step), spec.Seed)
	reading.end()
	if err != nil {
		return err
	}
	first, all := rows.Malformed()
	warnMalformed(t.err, first, all)

	fitting := t.bar("fitting")
	cfg.Progress = func(p batch.Progress) { fitting.set(p.Read, p.Read+p.Left) }
	fitted, err := batch.Fit(cmd.Context(), cfg, store, rows)
	fitting.end()
	if err != nil {
		return err
	}
	var results []result
	for _, f := range fitted {
		results = append(results, result{f.Profile, f.Envelope, f.Without})
	}
	if o.modelOut != "" {
		m, err := sample.model()
		if err != nil {
			return err
		}
		if err := dataset.WriteModelFile(o.modelOut, m); err != nil {
			return err
		}
	}
	if o.signatures != "" {
		all := signatureFile{Generation: generation, Points: spec.Points}
		for _, f := range fitted {
			all.add(f.Profile, f.Signature)
		}
		if err := all.save(o.signatures); err != nil {
			return err
		}
	}
	return save(t, o.out, results, generation, sampler)
}

// specification is the spec file's with the flags that were given going over it.
func (o *fitOptions) specification(cmd *cobra.Command) (*fit.Spec, error) {
	spec, err := loadSpec(o.spec)
	if err != nil {
		return nil, err
	}
	given := cmd.Flags().Changed
	if given("n-episodes-per-profile") {
		spec.Target = o.target
	}
	if given("seed") {
		spec.Seed = o.seed
	}
	if given("resample") {
		if spec.Resample, err = fit.ParseResample(o.resample); err != nil {
			return nil, usagef("--resample: %w", err)
		}
	}
	if given("n-points") {
		if spec.Points, err = fit.ScalePoints(o.points); err != nil {
			return nil, usagef("--n-points: %w", err)
		}
	}
	if err := spec.Validate(); err != nil {
		return nil, usage(err)
	}
	return spec, nil
}

// A result is one profile's envelope on its way into a table.
type result struct {
	profile  fit.Profile
	envelope fit.Envelope
	without  map[fit.Reason]int // why the others gave no curve; nil: not known
}

// saved is what fit and export print.
type saved struct {
	To       string   `json:"saved_to"`
	N        int      `json:"n_profiles"`
	Profiles []string `json:"profiles"`
}

// save writes the profiles that had a usable episode, and tells about all.
func save(t *terminal, path string, results []result, generation fit.Generation, sampler batch.Sampler) error {
	s := saved{To: path, Profiles: []string{}}
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
		describe(t.err, r)
	}
	if len(rows) == 0 {
		return errors.New("no profile has a usable episode, so nothing was written")
	}
	s.N = len(rows)
	return json.NewEncoder(t.out).Encode(s)
}

func describe(w io.Writer, r result) {
	e := r.envelope
	fmt.Fprintf(w, "%-16s used %d of %d attempted", r.profile.Name, e.Used, e.Attempted)
	if why := reasons(r.without); why != "" {
		fmt.Fprintf(w, " (%s)", why)
	}
	if e.Used > 0 {
		fmt.Fprintf(w, ", %s", span(e.Min, e.Max, fit.Unit(r.profile.Channel)))
	}
	fmt.Fprintln(w)
}

// reasons lists why episodes gave no curve; empty where all did.
func reasons(without map[fit.Reason]int) string {
	var why []string
	for _, reason := range slices.Sorted(maps.Keys(without)) {
		why = append(why, fmt.Sprintf("%d %s", without[reason], reason))
	}
	return strings.Join(why, ", ")
}
