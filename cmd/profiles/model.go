package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
)

// defaultModel is where a model is looked for.
const defaultModel = "data/processed/attack_model_v1.parquet"

// defaultNeighbours is the k of knn.
const defaultNeighbours = 3

func addNeighboursFlag(flags *pflag.FlagSet, to *int) {
	flags.IntVar(to, "k", defaultNeighbours, "`N` neighbours have a vote in knn")
}

func checkNeighbours(k int) error {
	if k < 1 {
		return usagef("--k is %d: it must be at least 1", k)
	}
	return nil
}

// featuresReference are the Python program's own curves and channels.
const featuresReference = "reference"

func addFeaturesFlag(flags *pflag.FlagSet, to *string) {
	flags.StringVar(to, "features", string(model.Levels),
		"`NAME` of what vectors are made of: levels (log bin means, sorted in each slice), means (the same in time), reference (the Python program's curves and channels, as they stand)")
}

// layoutOf is what vectors are made of by so many features of a spec, whose
// signature it sets for the reference's.
func layoutOf(spec *fit.Spec, features string) (model.Layout, error) {
	name := model.Raw
	if features == featuresReference {
		spec.Signature = fit.SignatureSpec{Resample: fit.Linear}
		for _, p := range spec.Profiles {
			if !slices.Contains(spec.Signature.Channels, p.Channel) {
				spec.Signature.Channels = append(spec.Signature.Channels, p.Channel)
			}
		}
	} else {
		var err error
		if name, err = model.ParseFeatures(features); err != nil {
			return model.Layout{}, usagef("--features %q: it must be %s, %s or %s", features, model.Levels, model.Means, featuresReference)
		}
	}
	l := model.Layout{Features: name, Resample: string(spec.Signature.Resample), Channels: spec.Signature.Channels, Points: spec.Points}
	return l, usage(l.Validate())
}

// follow makes a spec read what a model's vectors are made of.
func follow(spec *fit.Spec, l model.Layout) error {
	resample, err := fit.ParseResample(l.Resample)
	if err != nil {
		return fmt.Errorf("the model's layout: %w", err)
	}
	spec.Signature, spec.Points = fit.SignatureSpec{Resample: resample, Channels: l.Channels}, l.Points
	if err := spec.Validate(); err != nil {
		return fmt.Errorf("the model's layout: %w", err)
	}
	return nil
}

// examples gathers the vectors of what a fit reads, each episode's once.
type examples struct {
	layout model.Layout
	seen   map[episode.Ref]bool
	all    []model.Example
	err    error
}

func (x *examples) add(p fit.ProfileName, ref episode.Ref, s fit.Signature) {
	if x.seen[ref] { // a file may list an episode twice, and the numpy sampler draw both
		return
	}
	if x.seen == nil {
		x.seen = map[episode.Ref]bool{}
	}
	x.seen[ref] = true
	vector, err := x.layout.Vector(s)
	x.err = cmp.Or(x.err, err)
	x.all = append(x.all, model.Example{Profile: p, Host: string(ref.Host), Episode: string(ref.ID), Vector: vector})
}

// model is the model of them.
func (x *examples) model() (*model.Model, error) {
	if x.err != nil {
		return nil, x.err
	}
	return model.New(x.layout, x.all)
}

// readExamples reads the samples of a store.
func readExamples(ctx context.Context, t *terminal, source sourceFlags, spec *fit.Spec, layout model.Layout) ([]model.Example, error) {
	if source.store == "" {
		return nil, usage(errors.New("--store DIR is missing"))
	}
	limits, err := limits()
	if err != nil {
		return nil, err
	}
	file, err := source.validationFile()
	if err != nil {
		return nil, err
	}
	store, shut, err := openStore(ctx, t, source.store, nil)
	if err != nil {
		return nil, err
	}
	defer shut()
	rows, err := roster.Read(dataset.OpenValidation(file), spec.Seed)
	if err != nil {
		return nil, err
	}
	first, all := rows.Malformed()
	warnMalformed(t.err, first, all)

	reading := t.bar("reading episodes")
	x := examples{layout: layout}
	fitted, err := batch.Fit(ctx, batch.Config{
		Spec: spec, Limits: limits, Aligned: x.add,
		Progress: func(p batch.Progress) { reading.set(p.Read, p.Read+p.Left) },
	}, store, rows)
	reading.end()
	if err := cmp.Or(err, x.err); err != nil {
		return nil, err
	}
	without := map[fit.Reason]int{}
	for _, f := range fitted {
		for reason, n := range f.Without {
			without[reason] += n
		}
	}
	if why := reasons(without); why != "" {
		fmt.Fprintf(t.err, "left out: %s\n", why)
	}
	if len(x.all) == 0 {
		return nil, errors.New("no profile has a usable episode")
	}
	return x.all, nil
}
