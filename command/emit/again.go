package emit

import (
	"context"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// stands tells whether the file accepts what a claim names. Ids that are not
// well-formed stand in no file.
func stands(file *roster.Roster, c claim) bool {
	ref, err := episode.ParseRef(c.host, c.episode)
	return err == nil && file.Accepts(ref, fit.ProfileName(c.profile))
}

// wellFormed tells whether a claim names an episode and a profile.
func (c claim) wellFormed() bool {
	_, badRef := episode.ParseRef(c.host, c.episode)
	_, badProfile := fit.ParseProfileName(c.profile)
	return badRef == nil && badProfile == nil
}

// An AgainSummary says what a second sending of the rejected found and did.
type AgainSummary struct {
	Rejected  int `json:"rejected"`   // messages in REJECTED
	Malformed int `json:"malformed"`  // of these, those that name no episode or profile
	Episodes  int `json:"episodes"`   // different (host, episode, profile) among the rest
	Withdrawn int `json:"withdrawn"`  // of these, those that the log does not accept any more
	HaveCurve int `json:"have_curve"` // those that have a curve by now
	Published int `json:"published"`  // those that were sent again
}

// Again publishes once more what REJECTED holds and has no curve yet in the
// wanted generation, each (host, episode, profile) once, and only where the
// log's last word on it is that it is accepted. Rows are not looked at.
func (e *Emitter) Again(ctx context.Context) (AgainSummary, error) {
	var s AgainSummary
	log, err := readLedger(ctx, e.Bus)
	if err != nil {
		return s, err
	}
	curves, err := e.curves(ctx)
	if err != nil {
		return s, err
	}
	seen := map[claim]bool{}
	var again []claim
	err = e.Bus.Rejected(ctx, func(r bus.Rejected) error {
		s.Rejected++
		c := claimOf(r.Notice)
		if !c.wellFormed() {
			s.Malformed++
			return nil
		}
		if seen[c] {
			return nil
		}
		seen[c] = true
		s.Episodes++
		switch {
		case !log.accepts(c):
			s.Withdrawn++
		case curves(c):
			s.HaveCurve++
		default:
			again = append(again, c)
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	if e.DryRun {
		s.Published = len(again)
		return s, nil
	}
	err = e.Bus.PublishAll(ctx, e.notices(nil, again), func(bus.Notice) {
		s.Published++
		if e.Progress != nil {
			e.Progress(s.Published, len(again))
		}
	})
	return s, err
}

// curves tells of which claims the wanted generation has a curve: of none while
// no generation is known.
func (e *Emitter) curves(ctx context.Context) (func(claim) bool, error) {
	specs, err := e.Bus.SpecsNow(ctx)
	if err != nil {
		return nil, err
	}
	wanted, ok := specs.Wanted()
	if !ok {
		return func(claim) bool { return false }, nil
	}
	curves, err := e.Bus.CurvesNow(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return func(c claim) bool {
		seen := curves.Seen(fit.ProfileName(c.profile), wanted.Spec.Rank(c.host, c.episode))
		return seen.Found && seen.State == fit.StateCurve
	}, nil
}
