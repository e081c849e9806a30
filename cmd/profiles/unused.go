package main

import (
	"context"
	"errors"
	"slices"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/command/batch"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/command/standalone"
	"github.com/cis490/profiles/command/status"
	"github.com/cis490/profiles/fit"
)

// noneUsable returns an error that says why no profile has a usable episode, as that of
// fit does. The reasons come from the entries of the episodes in the list.
func (d *demo) noneUsable(ctx context.Context, s *standalone.System, report *status.Report) error {
	const what = "no profile has a usable episode"
	if d.file == "" {
		return errors.New(what + ": there is no list of episodes (--validation FILE names it)")
	}
	list, err := roster.Read(dataset.OpenValidation(d.file, d.spec.Validation), d.spec.Seed)
	if err != nil {
		return err
	}
	specs, err := s.Bus.ReadSpecs(ctx)
	if err != nil {
		return err
	}
	wanted, ok := specs.Wanted()
	if !ok || wanted.ID != report.Wanted {
		return errors.New(what)
	}
	curves, err := s.Bus.ReadCurves(ctx, wanted)
	if err != nil {
		return err
	}
	var results []resultReport
	for _, p := range d.spec.Profiles {
		without, err := reasonsOf(ctx, curves, list, p.Name)
		if err != nil {
			return err
		}
		results = append(results, resultReport{Profile: p.Name, Without: without, Why: list.Why(d.spec, p.Name)})
	}
	return noneUsable(what, results)
}

// reasonsOf returns why the listed episodes of a profile have no curve. The example of a
// reason is the episode of lowest rank.
func reasonsOf(ctx context.Context, curves *bus.Curves, list *roster.Roster, p fit.ProfileName) ([]reasonReport, error) {
	var reports []reasonReport
	for _, row := range list.ByRank(p) {
		id := bus.EntryID{Profile: p, Rank: list.Rank(row)}
		entry := curves.Seen(id)
		if entry.State != fit.StateReason {
			continue
		}
		i := slices.IndexFunc(reports, func(r reasonReport) bool { return r.Reason == entry.Reason })
		if i >= 0 {
			reports[i].Episodes++
			continue
		}
		stored, err := curves.Read(ctx, id) // Seen has no detail
		if err != nil {
			return nil, err
		}
		ref, _ := list.Ref(row)
		reports = append(reports, reasonReport{Reason: entry.Reason, Episodes: 1, Example: ref.String(), Detail: batch.Shortened(stored.Detail, ref)})
	}
	return reports, nil
}
