package main

import (
	"cmp"
	"slices"
)

// Options are what a check has to know beside the manifests.
type Options struct {
	// Given are objects that are made by other means, "Kind/name".
	Given []string
	// Metrics are the names of the project's metrics.
	Metrics []string
}

// Problem is one thing that is wrong, and where.
type Problem struct{ Where, What string }

func (p Problem) String() string { return p.Where + ": " + p.What }

// Report is what a check found. Problems are sorted, each is there once.
type Report struct {
	Builds      []Build
	Expressions int
	Problems    []Problem
}

func (r *Report) add(where, what string) { r.Problems = append(r.Problems, Problem{where, what}) }

// Check checks all manifests below a folder. The error is of the folder: it is
// not there, or has no kustomization.
func Check(folder string, o Options) (Report, error) {
	var r Report
	tree, err := open(folder)
	if err != nil {
		return r, err
	}
	r.Problems = tree.problems
	r.Builds = tree.builds
	for _, b := range r.Builds {
		for _, p := range b.pods() {
			for _, what := range podProblems(p) {
				r.add(b.Name+": "+p.of.String(), what)
			}
		}
		b.checkNamespaces(&r)
		b.checkReferences(o.Given, &r)
		b.checkSelectors(tree.builds, &r)
	}
	queries := newQueries(o.Metrics)
	for _, b := range r.Builds {
		queries.build(b, &r)
	}
	for _, d := range tree.dashboards {
		queries.dashboard(d, &r)
	}
	r.Expressions = queries.count
	slices.SortFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.What, b.What))
	})
	r.Problems = slices.Compact(r.Problems)
	return r, nil
}
