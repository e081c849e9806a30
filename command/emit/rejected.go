package emit

import (
	"context"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
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
	rejected, accepted, err := e.readRejected(ctx, &s)
	if err != nil {
		return s, err
	}
	hasCurve, err := e.curves(ctx)
	if err != nil {
		return s, err
	}
	var publish []assignment
	for _, a := range rejected {
		switch {
		case !accepted.has(a):
			s.Withdrawn++
		case hasCurve(a):
			s.HaveCurve++
		default:
			publish = append(publish, a)
		}
	}
	if e.DryRun {
		s.Published = len(publish)
		return s, nil
	}
	notices := func(yield func(bus.Notice) bool) { e.yield(publish, false, yield) }
	err = e.Bus.PublishAll(ctx, notices, func(bus.Notice) {
		s.Published++
		e.report(Publishing, s.Published, len(publish))
	})
	return s, err
}

// readRejected returns the different assignments in REJECTED, in their order, and which of them the
// log accepts. REJECTED is limited in size, the log is not: so only those assignments are in memory.
func (e *Emitter) readRejected(ctx context.Context, s *RepublishSummary) (rejected []assignment, accepted assignments, err error) {
	seen, accepted := assignments{}, assignments{}
	if err = e.Bus.ReadRejected(ctx, func(r bus.Rejected) error {
		s.Rejected++
		a := assignmentOf(r.Notice)
		if !a.wellFormed() {
			s.Malformed++
			return nil
		}
		if !seen.has(a) {
			seen[a] = struct{}{}
			s.Episodes++
			rejected = append(rejected, a)
		}
		return nil
	}); err != nil || len(rejected) == 0 {
		return nil, nil, err
	}
	read := 0
	_, err = e.Bus.ReadLog(ctx, func(n bus.Notice) error {
		if read++; read%progressStep == 0 {
			e.report(ReadingLog, read, unknown)
		}
		switch a := assignmentOf(n); {
		case !seen.has(a):
		case n.Retracted:
			delete(accepted, a)
		default:
			accepted[a] = struct{}{}
		}
		return nil
	})
	return rejected, accepted, err
}

// curves returns a function that reports whether an assignment has a curve in the
// wanted generation. While no generation is registered nothing has one.
func (e *Emitter) curves(ctx context.Context) (func(assignment) bool, error) {
	wanted, curves, err := e.entries(ctx)
	if curves == nil || err != nil {
		return func(assignment) bool { return false }, err
	}
	return func(a assignment) bool {
		seen := curves.Seen(a.entry(wanted))
		return seen.Found && seen.State == fit.StateCurve
	}, nil
}

// damaged returns a function that reports whether the entry of an assignment in the wanted
// generation is damaged: another program has overwritten it. A worker makes the entry of an accepted
// episode anew.
func (e *Emitter) damaged(ctx context.Context) (func(assignment) bool, error) {
	wanted, curves, err := e.entries(ctx)
	if client.IsAbsent(err) { // a bucket was lost, and with it the damage
		curves, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids map[bus.EntryID]uint64
	if curves != nil {
		ids = curves.Damaged()
	}
	return func(a assignment) bool {
		if len(ids) == 0 {
			return false
		}
		_, found := ids[a.entry(wanted)]
		return found
	}, nil
}

// entries returns the wanted generation and its entries; nil while no generation is
// registered.
func (e *Emitter) entries(ctx context.Context) (bus.Generation, *bus.Curves, error) {
	specs, err := e.Bus.ReadSpecs(ctx)
	if err != nil {
		return bus.Generation{}, nil, err
	}
	wanted, ok := specs.Wanted()
	if !ok {
		return wanted, nil, nil
	}
	curves, err := e.Bus.ReadCurves(ctx, wanted)
	return wanted, curves, err
}

// entry identifies the assignment's entry.
func (a assignment) entry(gen bus.Generation) bus.EntryID {
	return bus.EntryID{Profile: fit.ProfileName(a.profile), Rank: gen.Spec.Rank(a.host, a.episode)}
}
