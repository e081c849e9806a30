package draft

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/fit"
)

// A List is what a list of episodes holds.
type List struct {
	Columns  fit.Validation
	Profiles []string // of the accepted rows whose archive is in the store, in the order of their names
	Rows     int
	Accepted int
	// Guessed are the keys of Columns that were guessed. Unknown says what could not be, in a sentence; it is empty if nothing.
	Guessed []string
	Unknown []string
}

// A column is a column of strings.
type column struct {
	name   string
	values []string // different ones, in the order in which they come first, at most maxValues
	many   bool     // there are more
}

const (
	maxColumns    = 100
	maxValues     = 2000
	maxListed     = 20_000 // rows that are looked at to find the columns
	maxProfiles   = 1000
	fewValues     = 50 // a status or a profile has not many different values
	acceptedWords = "accepted accept ok okay good pass passed valid validated success successful succeeded complete completed done usable yes true 1"
)

// ReadList finds the columns of a list of episodes, and the profiles in it. isHost and isEpisode say whether the store has files of
// such a host, and of such an episode.
func ReadList(path string, isHost, isEpisode func(string) bool) (*List, error) {
	names, err := dataset.Columns(path)
	if err != nil {
		return nil, err
	}
	var columns []column
	for _, name := range names[:min(maxColumns, len(names))] {
		if c, ok := readColumn(path, name); ok {
			columns = append(columns, c)
		}
	}
	l := &List{Columns: fit.DefaultValidation()}
	l.chooseIDs(columns, isHost, isEpisode)
	l.chooseProfile(columns)
	l.chooseStatus(columns)
	if len(l.Unknown) > 0 {
		return l, nil
	}
	return l, l.readProfiles(path, isHost, isEpisode)
}

// readColumn reads one column; false if it does not hold strings.
func readColumn(path, name string) (column, bool) {
	c := column{name: name}
	seen := map[string]bool{}
	rows := 0
	only := fit.Validation{EpisodeID: name, HostID: name, Profile: name}
	for row, err := range dataset.OpenValidation(path, only) {
		if err != nil {
			return c, false
		}
		if !seen[row.Profile] {
			if len(c.values) == maxValues {
				c.many = true
				break
			}
			seen[row.Profile] = true
			c.values = append(c.values, row.Profile)
		}
		if rows++; rows == maxListed {
			break
		}
	}
	return c, rows > 0
}

// named returns the column of the default name, else the one that fits best, or "" if none fits at all.
func (l *List) named(key, byDefault string, columns []column, fits func(column) float64) string {
	best, most := "", 0.0
	for _, c := range columns {
		score := fits(c)
		if score > 0 && c.name == byDefault {
			score += 10
		}
		if score > most {
			best, most = c.name, score
		}
	}
	if best != "" && best != byDefault {
		l.Guessed = append(l.Guessed, key)
	}
	return best
}

// chooseIDs finds the columns of episodes and hosts: those whose values are in the store.
func (l *List) chooseIDs(columns []column, isHost, isEpisode func(string) bool) {
	l.Columns.EpisodeID = l.named("episode_id", l.Columns.EpisodeID, columns, func(c column) float64 {
		return 4*share(c.values, isEpisode) + nameScore(c.name, "episode", "id", "run", "uuid", "guid")
	})
	l.Columns.HostID = l.named("host_id", l.Columns.HostID, columns, func(c column) float64 {
		if c.name == l.Columns.EpisodeID {
			return 0
		}
		return 4*share(c.values, isHost) + nameScore(c.name, "host", "node", "machine", "vm", "hostname")
	})
	if l.Columns.EpisodeID == "" {
		l.Unknown = append(l.Unknown, "which column of the list has the episodes? Write it under validation.episode_id")
	}
	if l.Columns.HostID == "" {
		l.Unknown = append(l.Unknown, "which column of the list has the hosts? Write it under validation.host_id")
	}
}

// share returns which part of the values fits.
func share(values []string, fits func(string) bool) float64 {
	n := 0
	for _, v := range values {
		if fits(v) {
			n++
		}
	}
	return float64(n) / float64(max(1, len(values)))
}

// nameScore is 1 if a name has one of the words.
func nameScore(name string, words ...string) float64 {
	if slices.ContainsFunc(splitWords(name), func(w string) bool { return slices.Contains(words, w) }) {
		return 1
	}
	return 0
}

func (l *List) chooseProfile(columns []column) {
	l.Columns.Profile = l.named("profile", l.Columns.Profile, columns, func(c column) float64 {
		if c.name == l.Columns.EpisodeID || c.name == l.Columns.HostID || c.many {
			return 0
		}
		return nameScore(c.name, "profile", "profiles") + nameScore(c.name, "family", "malware", "class", "technique", "sample", "scenario", "attack", "behaviour", "behavior", "kind")
	})
	if l.Columns.Profile == "" {
		l.Unknown = append(l.Unknown, "which column of the list has the profiles? Write it under validation.profile")
	}
}

func (l *List) chooseStatus(columns []column) {
	l.Columns.Status = l.named("status", l.Columns.Status, columns, func(c column) float64 {
		if c.name == l.Columns.EpisodeID || c.name == l.Columns.HostID || c.name == l.Columns.Profile || len(c.values) > fewValues {
			return 0
		}
		score := nameScore(c.name, "status", "verdict", "result", "outcome", "state", "validation", "valid", "accepted", "ok", "quality", "decision")
		if len(goodWords(c.values)) > 0 {
			score++
		}
		return score
	})
	if l.Columns.Status == "" {
		return // every row is accepted
	}
	i := slices.IndexFunc(columns, func(c column) bool { return c.name == l.Columns.Status })
	values := columns[i].values
	good := goodWords(values)
	switch {
	case slices.Equal(good, l.Columns.Accepted):
	case len(good) > 0:
		l.Columns.Accepted = good
		l.Guessed = append(l.Guessed, "accepted")
	default:
		l.Unknown = append(l.Unknown, fmt.Sprintf("which status means accepted? Column %s has %s; write it under validation.accepted",
			quoted([]string{l.Columns.Status}), quoted(values)))
	}
}

// goodWords returns the statuses that mean accepted: of those words that do, the first of acceptedWords that occurs, in whatever case.
func goodWords(values []string) []string {
	for _, word := range strings.Fields(acceptedWords) {
		var good []string
		for _, v := range values {
			if strings.EqualFold(strings.TrimSpace(v), word) {
				good = append(good, v)
			}
		}
		if good != nil {
			return good
		}
	}
	return nil
}

// readProfiles reads the profiles of the accepted rows whose archive is in the store or, if no row has one, of all accepted rows.
func (l *List) readProfiles(path string, isHost, isEpisode func(string) bool) error {
	var here, absent profileSet
	for row, err := range dataset.OpenValidation(path, l.Columns) {
		if err != nil {
			return err
		}
		l.Rows++
		if !row.Accepted {
			continue
		}
		l.Accepted++
		if isHost(row.HostID) && isEpisode(row.EpisodeID) {
			here.add(row.Profile)
		} else {
			absent.add(row.Profile)
		}
	}
	if l.Profiles = here.sorted(); l.Profiles == nil {
		l.Profiles = absent.sorted()
	}
	return nil
}

// A profileSet has the names of at most maxProfiles profiles.
type profileSet map[string]bool

func (s *profileSet) add(name string) {
	if *s == nil {
		*s = profileSet{}
	}
	if len(*s) < maxProfiles {
		(*s)[name] = true
	}
}

func (s profileSet) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// validation returns the lines of the key validation.
func (d *drafter) validation() []line {
	l := d.in.List
	if l == nil {
		return nil
	}
	d.questions = append(d.questions, l.Unknown...)
	def := d.defaults.Validation
	var lines []line
	add := func(key, value, byDefault string) {
		switch {
		case value == "" && key != "status":
			lines = append(lines, line{comment: key + ": FILL IN"})
		case value != byDefault:
			lines = append(lines, line{text: key + ": " + scalar(value), comment: l.guess(key)})
		}
	}
	add("episode_id", l.Columns.EpisodeID, def.EpisodeID)
	add("host_id", l.Columns.HostID, def.HostID)
	add("profile", l.Columns.Profile, def.Profile)
	add("status", l.Columns.Status, def.Status)
	switch {
	case slices.Equal(l.Columns.Accepted, def.Accepted) && len(l.Unknown) > 0 && l.Columns.Status != "":
		lines = append(lines, line{comment: "accepted: [FILL IN]"})
	case !slices.Equal(l.Columns.Accepted, def.Accepted):
		lines = append(lines, line{text: "accepted: " + list(l.Columns.Accepted), comment: l.guess("accepted")})
	}
	return lines
}

// guess is the comment of a key that was guessed.
func (l *List) guess(key string) string {
	switch {
	case key == "status" && l.Columns.Status == "":
		return "guess: no column looks like a status, so every row is accepted"
	case slices.Contains(l.Guessed, key):
		return "guess"
	}
	return ""
}
