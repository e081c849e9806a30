package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
)

// defaultModel is the default of --model.
const defaultModel = "data/processed/attack_model_v1.parquet"

func addNeighboursFlag(flags *pflag.FlagSet, to *int) {
	flags.IntVar(to, "k", model.DefaultNeighbours, "number `N` of nearest examples that vote in knn")
}

func checkNeighbours(k int) error {
	if k < 1 {
		return fmt.Errorf("--k is %d: it must be at least 1", k)
	}
	return nil
}

func addFeaturesFlag(flags *pflag.FlagSet, to *string) {
	flags.StringVar(to, "features", string(model.Running),
		"`NAME` of the features: running (rates of phase infected_running, and the share of kernel time) or reference (the curves of the Python program)")
}

// layoutOf returns the layout of vectors with these features. For the reference
// features it changes the signature of the spec, which changes no envelope.
func layoutOf(spec *fit.Spec, features string) (model.Layout, error) {
	name, err := model.ParseFeatures(features)
	if err != nil {
		return model.Layout{}, usage(fmt.Errorf("--features %q: it must be %s or %s", features, model.Running, model.Reference))
	}
	if name == model.Reference {
		spec.Signature = fit.SignatureSpec{Resample: fit.Linear}
		for _, p := range spec.Profiles {
			if !slices.Contains(spec.Signature.Channels, p.Channel) {
				spec.Signature.Channels = append(spec.Signature.Channels, p.Channel)
			}
		}
	}
	l := model.NewLayout(name, string(spec.Signature.Resample), spec.Signature.Channels, spec.Points)
	return l, usage(l.Validate())
}

// setLayout gives a spec the channels, resampling and points of a model's vectors.
func setLayout(spec *fit.Spec, l model.Layout) error {
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

// examples collects the vectors of the episodes that a fit reads, each once. The
// zero value needs a layout.
type examples struct {
	layout model.Layout
	seen   map[episode.Ref]bool
	all    []model.Example
	err    error // the first error of add
}

func (x *examples) add(p fit.ProfileName, ref episode.Ref, s fit.Signature) {
	if x.seen[ref] { // the file may list it twice, and the numpy sampler draw both rows
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

// model returns the model of all examples.
func (x *examples) model() (*model.Model, error) {
	if x.err != nil {
		return nil, x.err
	}
	return model.New(x.layout, x.all)
}
