package emit

import (
	"context"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// An assignment is an episode under a profile. Other programs publish to the log,
// too, so the names may not be well-formed.
type assignment struct{ host, episode, profile string }

func assignmentOf(n bus.Notice) assignment { return assignment{n.Host, n.Episode, n.Profile} }

// wellFormed reports whether it names an episode and a profile.
func (a assignment) wellFormed() bool {
	_, badRef := episode.ParseRef(a.host, a.episode)
	_, badProfile := fit.ParseProfileName(a.profile)
	return badRef == nil && badProfile == nil
}

// acceptedBy reports whether a validation file accepts it. A file accepts only
// well-formed names.
func (a assignment) acceptedBy(file *roster.Roster) bool {
	ref, err := episode.ParseRef(a.host, a.episode)
	return err == nil && file.Accepts(ref, fit.ProfileName(a.profile))
}

// assignments is a set.
type assignments map[assignment]struct{}

func (s assignments) has(a assignment) bool {
	_, ok := s[a]
	return ok
}

// readLog reads the whole episode log and returns the assignments whose last
// message accepts them.
func readLog(ctx context.Context, b *bus.Bus) (assignments, error) {
	accepted := assignments{}
	names := map[string]string{} // keeps one copy of each host and profile
	shared := func(name string) string {
		known, ok := names[name]
		if !ok {
			names[name], known = name, name
		}
		return known
	}
	_, err := b.ReadLog(ctx, func(n bus.Notice) error {
		a := assignment{shared(n.Host), n.Episode, shared(n.Profile)}
		if n.Retracted {
			delete(accepted, a)
		} else {
			accepted[a] = struct{}{}
		}
		return nil
	})
	return accepted, err
}
