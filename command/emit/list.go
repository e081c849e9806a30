package emit

import (
	"context"
	"iter"
	"strings"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// A listed is what a validation file says of an episode.
type listed struct {
	episode string // as episodeText
	first   uint64 // place of the first row that accepts it
	// Of the last row:
	accepted bool
	profile  string // "" if it is not accepted, or the profile is not well-formed
	status   string // cut
}

// readList returns a sorter of the rows of a file that name an episode, and counts all rows.
// Texts of rows have the episode, the place of the row, whether it is accepted, the profile, the
// byte between, and the status.
func (e *Emitter) readList(ctx context.Context) (*sorter, roster.Census, error) {
	list := newSorter(ctx)
	place := 0
	census, err := roster.Scan(e.Rows, func(row dataset.ValidationRow, ref episode.Ref, profile fit.ProfileName) error {
		if place++; place%progressStep == 0 {
			e.report(ReadingList, place, unknown)
		}
		if ref == (episode.Ref{}) {
			return nil
		}
		kind := notAccepts
		if row.Accepted {
			kind = accepts
		}
		return list.add(episodeText(row.HostID, row.EpisodeID) + numberText(uint64(place)) + kind + string(profile) + between + cut(row.Status))
	})
	return list, census, err
}

const notAccepts = "n"

// episodes yields the episodes of a sorter of rows, in order.
func episodes(list *sorter) iter.Seq2[listed, error] {
	return func(yield func(listed, error) bool) {
		var last listed
		for text, err := range list.sorted() {
			if err != nil {
				yield(listed{}, err)
				return
			}
			row := listedIn(text)
			switch {
			case row.episode == last.episode:
				if last.first > 0 {
					row.first = last.first
				}
			case last.episode != "" && !yield(last, nil):
				return
			}
			last = row
		}
		if last.episode != "" {
			yield(last, nil)
		}
	}
}

// listedIn returns what one row says of its episode.
func listedIn(text string) listed {
	at := strings.Index(text, between) + 1
	at += strings.Index(text[at:], between) + 1
	l := listed{episode: text[:at]}
	place, text := numberIn(text[at:]), text[at+numberLen:]
	l.accepted = text[:1] == accepts
	if l.accepted {
		l.first = place
	}
	l.profile, l.status, _ = strings.Cut(text[1:], between)
	return l
}
