package main

import (
	"cmp"
	"slices"
)

// Options of a check.
type Options struct {
	Given   []string // objects that exist without a manifest, "Kind/name"
	Metrics []string // names of the project's metrics
}

// Problem is a mistake in the manifests.
type Problem struct{ Where, What string }

func (p Problem) String() string { return p.Where + ": " + p.What }

// Report is the result of a check. Problems are sorted and unique.
type Report struct {
	Builds      []Build
	Expressions int // of PromQL
	Problems    []Problem
}

func (r *Report) add(where, what string) { r.Problems = append(r.Problems, Problem{where, what}) }

// Check checks all manifests below a folder. It returns an error if the folder does not exist or has no kustomization.
func Check(folder string, o Options) (Report, error) {
	var r Report
	read, err := open(folder)
	if err != nil {
		return r, err
	}
	r.Problems = read.problems
	r.Builds = read.builds
	queries := newQueries(o.Metrics)
	for _, b := range r.Builds {
		b.checkPods(&r)
		b.checkNamespaces(&r)
		b.checkReferences(o.Given, &r)
		b.checkSelectors(read.builds, &r)
		b.checkScaling(read.builds, &r)
		queries.build(b, &r)
	}
	for _, d := range read.dashboards {
		queries.dashboard(d, &r)
	}
	r.Expressions = queries.count
	slices.SortFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.What, b.What))
	})
	r.Problems = slices.Compact(r.Problems)
	return r, nil
}
