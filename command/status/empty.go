package status

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/plain"
)

// LogNames says which profiles the messages of the log name. A profile without any entry is explained by them: often the
// receiver has another name for it.
type LogNames struct {
	Read     int            `json:"read"`     // messages that were read, from the first on: at most 10,000
	Whole    bool           `json:"whole"`    // whether these are all
	Profiles map[string]int `json:"profiles"` // how many accepted episodes, by profile as it was sent
}

// maxNamesRead bounds the time and memory for a log of millions of messages.
const maxNamesRead = 10_000

// readLogNames reads the beginning of the log. It returns nil if the user may not read the log.
func readLogNames(ctx context.Context, b *bus.Bus) (*LogNames, error) {
	names := &LogNames{Profiles: map[string]int{}}
	enough := errors.New("enough")
	_, err := b.ReadLog(ctx, func(n bus.Notice) error {
		if names.Read == maxNamesRead {
			return enough
		}
		names.Read++
		if !n.Retracted {
			names.Profiles[n.Profile]++
		}
		return nil
	})
	switch {
	case errors.Is(err, client.ErrDenied):
		return nil, nil
	case errors.Is(err, enough):
		return names, nil
	}
	names.Whole = true
	return names, err
}

// whyUnused returns why no episode of a profile is used, as a sentence without a full stop; "" if some are. names is nil
// if the log could not be read.
func whyUnused(p Profile, spec *fit.Spec, lag *Lag, names *LogNames) string {
	switch {
	case p.Used > 0:
		return ""
	case p.Attempted > 0:
		return fmt.Sprintf("none of %d episodes gives a curve", p.Attempted)
	case p.Kept > 0:
		return fmt.Sprintf("all of its %d episodes are retracted", p.Kept)
	case lag != nil && !lag.Align.None():
		return fmt.Sprintf("no episode yet: %d messages of the log are still to be read", lag.Align.Pending+uint64(lag.Align.Unacked))
	case names == nil:
		return "no episode; this user may not read the log, which would say whether it names the profile"
	case names.Read == 0:
		return "the log has no message"
	case names.Profiles[string(p.Name)] > 0 && lag == nil:
		return fmt.Sprintf("the log accepts %d episodes of it; no worker has read them, because the generation has no consumers yet", names.Profiles[string(p.Name)])
	case names.Profiles[string(p.Name)] > 0:
		return fmt.Sprintf("the log accepts %d episodes of it, but these are retracted, or their messages were rejected", names.Profiles[string(p.Name)])
	}
	why := "no message of the log names it"
	if !names.Whole {
		why = fmt.Sprintf("none of the first %d messages of the log names it", names.Read)
	}
	if others := names.others(spec); others != "" {
		why += "; those that the spec does not have: " + others
	}
	return why
}

// mostNames is how many names of profiles a sentence has.
const mostNames = 5

// others returns the profiles that the spec does not have, the most frequent first, each with the number of its episodes.
func (n *LogNames) others(spec *fit.Spec) string {
	var names []string
	for _, name := range slices.SortedFunc(maps.Keys(n.Profiles), func(a, b string) int {
		return cmp.Or(cmp.Compare(n.Profiles[b], n.Profiles[a]), cmp.Compare(a, b))
	}) {
		if _, ok := spec.Profile(fit.ProfileName(name)); !ok {
			names = append(names, fmt.Sprintf("%s (%d)", plain.Name(name), n.Profiles[name]))
		}
	}
	if more := len(names) - mostNames; more > 0 {
		names = append(names[:mostNames], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}
