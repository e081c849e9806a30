// Package roster holds a validation file in memory: each episode that it accepts once, however often
// the file lists it, and nothing of the other rows but their number. The last row about an episode
// decides whether it is accepted. An episode takes about 120 bytes, so memory grows with the
// episodes and not with the file.
//
// Start with [Read]. Then [Roster.ByRank] returns the episodes of a profile,
// [Roster.Episodes] yields all accepted episodes, and [Roster.Accepts] looks one up.
// [Roster.Draw] finds rows by their place in the file. [Roster.Why] explains why a
// profile has no episode. [Scan] goes through a
// file that is too large for that, and counts its rows as a [Census].
package roster

import (
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// A Roster is a validation file in memory. It does not change after [Read] and
// is safe for concurrent use.
type Roster struct {
	Census
	seed     uint64
	records  []record // in the order in which the file first accepts them
	ids      []byte   // host and episode id of each record, concatenated
	byRank   []int32  // indices of records
	profiles []profile
	numbers  map[string]int32 // name of a profile to its index in profiles
}

// A record is an episode that some row accepts. Rows with ids that are not well-formed have records, too, since
// [Roster.Draw] finds them.
type record struct {
	rank    fit.Rank // 128 bits of a hash: equal ranks mean the same ids
	at      int      // where its ids begin in Roster.ids
	hostLen uint8    // 0: the ids are not well-formed
	idLen   uint8
	profile int32 // of its last row: index in Roster.profiles, or one of the following
}

const (
	notAccepted = -1 // the last row does not accept it
	badProfile  = -2 // the last row has a profile whose name is not well-formed
)

// A profile is one that an accepted row names.
type profile struct {
	name fit.ProfileName
	rows int // that accept an episode of it
}

// A Row is the index of a record, an argument of [Roster.Ref] and [Roster.Rank].
type Row int32

// Read reads all rows and computes ranks with the seed. It fails with the first
// error of rows.
func Read(rows iter.Seq2[dataset.ValidationRow, error], seed uint64) (*Roster, error) {
	r := &Roster{seed: seed, numbers: map[string]int32{}}
	places := map[fit.Rank]int32{} // index in records
	var err error
	r.Census, err = Scan(rows, func(row dataset.ValidationRow, ref episode.Ref, profile fit.ProfileName) error {
		r.add(row, ref, profile, places)
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.byRank = make([]int32, len(r.records))
	for i := range r.byRank {
		r.byRank[i] = int32(i)
	}
	slices.SortFunc(r.byRank, func(a, b int32) int { return r.records[a].rank.Compare(r.records[b].rank) })
	return r, nil
}

func (r *Roster) add(row dataset.ValidationRow, ref episode.Ref, profile fit.ProfileName, places map[fit.Rank]int32) {
	rank := fit.RankOf(r.seed, row.HostID, row.EpisodeID)
	i, known := places[rank]
	if !row.Accepted {
		if known {
			r.records[i].profile = notAccepted
		}
		return
	}
	number := int32(badProfile)
	if profile != "" {
		number = r.number(profile)
	}
	if known {
		r.records[i].profile = number
		return
	}
	places[rank] = int32(len(r.records))
	r.records = append(r.records, record{
		rank: rank, at: len(r.ids), hostLen: uint8(len(ref.Host)), idLen: uint8(len(ref.ID)), profile: number,
	})
	r.ids = append(append(r.ids, ref.Host...), ref.ID...)
}

// number counts a row of a profile and returns the index of the profile.
func (r *Roster) number(name fit.ProfileName) int32 {
	n, known := r.numbers[string(name)]
	if !known {
		n = int32(len(r.profiles))
		name = fit.ProfileName(strings.Clone(string(name)))
		r.numbers[string(name)] = n
		r.profiles = append(r.profiles, profile{name: name})
	}
	r.profiles[n].rows++
	return n
}

// Listed returns how many rows accept an episode of a profile. An episode counts as
// often as it is listed, and rows with malformed ids count, too.
func (r *Roster) Listed(profile fit.ProfileName) int {
	n, ok := r.numbers[string(profile)]
	if !ok {
		return 0
	}
	return r.profiles[n].rows
}

// Draw reads the file again and returns some rows of each profile. places names them by their index among the
// rows that accept an episode of the profile, [Roster.Listed] many, in the order of the file; the result has the
// order of places. It fails if rows are not those that the roster was read from.
func (r *Roster) Draw(rows iter.Seq2[dataset.ValidationRow, error], places map[fit.ProfileName][]int) (map[fit.ProfileName][]Row, error) {
	drawn, wanted, left := map[fit.ProfileName][]Row{}, map[fit.ProfileName]map[int]int{}, 0
	for profile, all := range places {
		drawn[profile], wanted[profile] = make([]Row, len(all)), make(map[int]int, len(all))
		for i, place := range all {
			wanted[profile][place] = i
		}
		left += len(wanted[profile])
	}
	read := make([]int, len(r.profiles))
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		number, known := r.numbers[row.Profile]
		if !row.Accepted || !known {
			continue
		}
		profile, place := r.profiles[number].name, read[number]
		read[number]++
		if i, ok := wanted[profile][place]; ok {
			found, ok := r.find(fit.RankOf(r.seed, row.HostID, row.EpisodeID))
			if !ok {
				break
			}
			drawn[profile][i] = found
			left--
		}
	}
	if left > 0 {
		return nil, errors.New("the list of episodes changed while it was read: try again")
	}
	return drawn, nil
}

// find returns the record of a rank.
func (r *Roster) find(rank fit.Rank) (Row, bool) {
	i, ok := slices.BinarySearchFunc(r.byRank, rank, func(n int32, rank fit.Rank) int { return r.records[n].rank.Compare(rank) })
	if !ok {
		return 0, false
	}
	return Row(r.byRank[i]), true
}

// ByRank returns the episodes whose last row accepts them under the profile,
// lowest rank first. Malformed rows are left out.
func (r *Roster) ByRank(profile fit.ProfileName) []Row {
	want, ok := r.numbers[string(profile)]
	if !ok {
		return nil
	}
	var rows []Row
	for _, n := range r.byRank {
		if rec := r.records[n]; rec.profile == want && rec.hostLen > 0 {
			rows = append(rows, Row(n))
		}
	}
	return rows
}

// Rank returns the rank of a row's ids.
func (r *Roster) Rank(row Row) fit.Rank { return r.records[row].rank }

// Ref returns the episode that a row names; false if its ids are not
// well-formed.
func (r *Roster) Ref(row Row) (episode.Ref, bool) {
	rec := r.records[row]
	if rec.hostLen == 0 {
		return episode.Ref{}, false
	}
	host := rec.at + int(rec.hostLen)
	return episode.Ref{
		Host: episode.Host(r.ids[rec.at:host]),
		ID:   episode.ID(r.ids[host : host+int(rec.idLen)]),
	}, true
}

// Episodes yields every episode whose last row accepts it, with the profile of
// that row, in the order in which the file first accepts them. Malformed rows are left out.
func (r *Roster) Episodes() iter.Seq2[episode.Ref, fit.ProfileName] {
	return func(yield func(episode.Ref, fit.ProfileName) bool) {
		for i, rec := range r.records {
			if rec.profile < 0 {
				continue
			}
			if ref, ok := r.Ref(Row(i)); ok && !yield(ref, r.profiles[rec.profile].name) {
				return
			}
		}
	}
}

// Refs yields the episodes that [Roster.Episodes] yields.
func (r *Roster) Refs() iter.Seq[episode.Ref] {
	return func(yield func(episode.Ref) bool) {
		for ref := range r.Episodes() {
			if !yield(ref) {
				return
			}
		}
	}
}

// Accepts reports whether the last row about an episode accepts it under the
// profile.
func (r *Roster) Accepts(ref episode.Ref, profile fit.ProfileName) bool {
	row, ok := r.find(fit.RankOf(r.seed, string(ref.Host), string(ref.ID)))
	if !ok {
		return false
	}
	rec := r.records[row]
	return rec.profile >= 0 && rec.hostLen > 0 && r.profiles[rec.profile].name == profile
}
