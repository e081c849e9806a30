package status

import (
	"context"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/fit"
)

// Without says how many episodes that a sample attempts give no curve for one reason, with one of them.
type Without struct {
	Reason   fit.Reason `json:"reason"`
	Meaning  string     `json:"meaning,omitempty"`
	Episodes int        `json:"episodes"`
	Example  string     `json:"example"`          // <host>/<episode>
	Detail   string     `json:"detail,omitempty"` // of the example: what was looked for, and what is there instead
}

// withoutOf returns the reasons of a sample, the most frequent first. It reads the entry of each example, since a view does
// not keep details.
func withoutOf(ctx context.Context, curves *bus.Curves, p fit.ProfileName, counts []fit.ReasonCount) ([]Without, error) {
	all := []Without{}
	for _, c := range counts {
		w := Without{Reason: c.Reason, Meaning: c.Reason.Meaning(), Episodes: c.Count, Example: c.Host + "/" + c.Episode}
		entry, err := curves.Read(ctx, bus.EntryID{Profile: p, Rank: c.Rank})
		if err != nil {
			return nil, err
		}
		if entry.Reason == c.Reason { // else it was changed meanwhile
			w.Detail = entry.Detail
		}
		all = append(all, w)
	}
	return all, nil
}
