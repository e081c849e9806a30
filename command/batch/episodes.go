package batch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// Episodes are attempted episodes of a profile that have the same reason.
type Episodes struct {
	Count   int
	Example episode.Ref // that of lowest rank; zero if its ids are not well-formed
	Detail  string      // about the example: what was looked for, and what is there instead

	rank fit.Rank // of the example
}

// with returns e with one more episode.
func (e Episodes) with(rank fit.Rank, ref episode.Ref, detail string) Episodes {
	e.Count++
	if e.Count == 1 || rank.Compare(e.rank) < 0 {
		e.rank, e.Example = rank, ref
		e.Detail = Shortened(detail, ref)
	}
	return e
}

// Warned are the episodes in which a channel may not be what it is taken for.
type Warned struct {
	Kind    episode.WarningKind
	Channel episode.ChannelName
	Episodes
}

// warnings collects the episodes of each kind of warning and channel.
type warnings map[episode.Warning]Episodes // without the details in the keys

func (w warnings) add(rank fit.Rank, ref episode.Ref, all []episode.Warning) {
	for _, x := range all {
		key := episode.Warning{Kind: x.Kind, Channel: x.Channel}
		w[key] = w[key].with(rank, ref, x.Detail)
	}
}

// sorted returns all by kind and channel.
func (w warnings) sorted() []Warned {
	var all []Warned
	for key, episodes := range w {
		all = append(all, Warned{key.Kind, key.Channel, episodes})
	}
	slices.SortFunc(all, func(a, b Warned) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Channel.String(), b.Channel.String()))
	})
	return all
}

// Shortened returns the detail of a reason without what the reason and the episode say already.
func Shortened(detail string, ref episode.Ref) string {
	detail = strings.TrimPrefix(detail, fmt.Sprintf("open the archive of %s: ", ref))
	for _, kind := range []error{episode.ErrUnusable, episode.ErrCorrupt, episode.ErrTooLarge, episode.ErrNotFound} {
		if short, ok := strings.CutPrefix(detail, kind.Error()+": "); ok {
			return short
		}
	}
	return detail
}
