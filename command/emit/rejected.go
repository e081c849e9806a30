package emit

import (
	"context"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// A RepublishSummary says what [Emitter.Republish] found and published.
type RepublishSummary struct {
	Rejected  int `json:"rejected"`   // messages in REJECTED
	Malformed int `json:"malformed"`  // of these, those that name no episode or profile
	Episodes  int `json:"episodes"`   // different (host, episode, profile) among the rest
	Withdrawn int `json:"withdrawn"`  // of these, those that the log no longer accepts
	HaveCurve int `json:"have_curve"` // those that have a curve by now
	Published int `json:"published"`  // those that were published again, or would be in a dry run
}

// Republish publishes an accept for each (host, episode, profile) in REJECTED
// that the log still accepts and that has no curve in the wanted generation,
// each once. It does not read the validation file.
func (e *Emitter) Republish(ctx context.Context) (RepublishSummary, error) {
	var s RepublishSummary
	accepted, err := readLog(ctx, e.Bus)
	if err != nil {
		return s, err
	}
	hasCurve, err := e.curves(ctx)
	if err != nil {
		return s, err
	}
	seen := assignments{}
	var publish []assignment
	err = e.Bus.ReadRejected(ctx, func(r bus.Rejected) error {
		s.Rejected++
		a := assignmentOf(r.Notice)
		if !a.wellFormed() {
			s.Malformed++
			return nil
		}
		if seen.has(a) {
			return nil
		}
		seen[a] = struct{}{}
		s.Episodes++
		switch {
		case !accepted.has(a):
			s.Withdrawn++
		case hasCurve(a):
			s.HaveCurve++
		default:
			publish = append(publish, a)
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	if e.DryRun {
		s.Published = len(publish)
		return s, nil
	}
	notices := func(yield func(bus.Notice) bool) { e.yield(publish, false, yield) }
	err = e.Bus.PublishAll(ctx, notices, func(bus.Notice) {
		s.Published++
		e.report(s.Published, len(publish))
	})
	return s, err
}

// curves returns a function that reports whether an assignment has a curve in the
// wanted generation. While no generation is registered nothing has one.
func (e *Emitter) curves(ctx context.Context) (func(assignment) bool, error) {
	specs, err := e.Bus.ReadSpecs(ctx)
	if err != nil {
		return nil, err
	}
	wanted, ok := specs.Wanted()
	if !ok {
		return func(assignment) bool { return false }, nil
	}
	curves, err := e.Bus.ReadCurves(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return func(a assignment) bool {
		seen := curves.Seen(bus.EntryID{Profile: fit.ProfileName(a.profile), Rank: wanted.Spec.Rank(a.host, a.episode)})
		return seen.Found && seen.State == fit.StateCurve
	}, nil
}
