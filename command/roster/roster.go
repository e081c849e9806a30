// Package roster holds a validation file in memory: each accepted row with the rank of
// its episode, and only the rank of each other row. The last row about an episode
// decides whether it is accepted. A row takes about 70 bytes, so a file of millions of
// rows fits.
//
// Start with [Read]. Then [Roster.ByRank] and [Roster.AsListed] return the rows
// of a profile, [Roster.Episodes] yields all accepted episodes, and
// [Roster.Accepts] looks one up.
package roster

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// A Roster is a validation file in memory. It does not change after [Read] and
// is safe for concurrent use.
type Roster struct {
	seed     uint64
	records  []record // in the order of the file
	ids      []byte   // host and episode id of each accepted record, concatenated
	profiles []string
	numbers  map[string]int32 // profile name to its index in profiles
	last     []int32          // for each episode the index of its last record, by rank

	acceptedRows  int
	malformed     []Malformed // the first maxMalformed of them
	malformedRows int
}

// A record is one row. A row that is not accepted has only a rank.
type record struct {
	rank    fit.Rank // 128 bits of a hash: equal ranks mean the same episode
	at      int      // where its ids begin in Roster.ids
	hostLen uint8    // 0: the ids of the row are not well-formed
	idLen   uint8
	last    bool  // no later row names the same episode
	profile int32 // index in Roster.profiles, or notAccepted
}

// notAccepted is the profile of a row whose status is not "accepted".
const notAccepted = -1

// A Row is the index of an accepted row, an argument of [Roster.Ref] and
// [Roster.Rank].
type Row int32

// Malformed is an accepted row whose host, episode id or profile is not
// well-formed. Row counts from 0.
type Malformed struct {
	Row int
	Err error
}

// maxMalformed is how many malformed rows are kept with their error.
const maxMalformed = 10

// maxRows is how many rows a [Row] can count.
const maxRows = 1<<31 - 1

// Read reads all rows and computes ranks with the seed. It fails with the first
// error of rows.
func Read(rows iter.Seq2[dataset.ValidationRow, error], seed uint64) (*Roster, error) {
	r := &Roster{seed: seed, numbers: map[string]int32{}}
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if len(r.records) == maxRows {
			return nil, fmt.Errorf("read the validation file: more than %d rows", maxRows)
		}
		r.add(row)
	}
	r.findLast()
	return r, nil
}

func (r *Roster) add(row dataset.ValidationRow) {
	rec := record{rank: fit.RankOf(r.seed, row.HostID, row.EpisodeID), profile: notAccepted}
	if row.Status == dataset.StatusAccepted {
		r.acceptedRows++
		rec.profile = r.number(row.Profile)
		ref, err := episode.ParseRef(row.HostID, row.EpisodeID)
		if err == nil {
			rec.at, rec.hostLen, rec.idLen = len(r.ids), uint8(len(ref.Host)), uint8(len(ref.ID))
			r.ids = append(append(r.ids, ref.Host...), ref.ID...)
			_, err = fit.ParseProfileName(row.Profile)
		}
		if err != nil {
			r.malformedRows++
			if len(r.malformed) < maxMalformed {
				r.malformed = append(r.malformed, Malformed{Row: len(r.records), Err: err})
			}
		}
	}
	r.records = append(r.records, rec)
}

func (r *Roster) number(profile string) int32 {
	n, ok := r.numbers[profile]
	if !ok {
		n = int32(len(r.profiles))
		r.numbers[profile] = n
		r.profiles = append(r.profiles, profile)
	}
	return n
}

// findLast finds the last row about each episode.
func (r *Roster) findLast() {
	order := make([]int32, len(r.records))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(r.records[a].rank.Compare(r.records[b].rank), cmp.Compare(a, b))
	})
	last := order[:0]
	for i, n := range order {
		if i+1 < len(order) && r.records[order[i+1]].rank == r.records[n].rank {
			continue
		}
		r.records[n].last = true
		last = append(last, n)
	}
	r.last = last
}

// Rows returns how many rows the file has.
func (r *Roster) Rows() int { return len(r.records) }

// AcceptedRows returns how many rows have the status "accepted", including
// malformed rows and rows that a later row about the same episode replaces.
func (r *Roster) AcceptedRows() int { return r.acceptedRows }

// Malformed returns the first ten accepted rows that are not well-formed, and
// how many there are in all. Such rows name no episode that could be read or
// published.
func (r *Roster) Malformed() (first []Malformed, all int) {
	return slices.Clone(r.malformed), r.malformedRows
}

// AsListed returns every accepted row of a profile in the order of the file. An
// episode may occur more than once, and malformed rows are included.
func (r *Roster) AsListed(profile fit.ProfileName) []Row {
	want, ok := r.numbers[string(profile)]
	if !ok {
		return nil
	}
	var rows []Row
	for i, rec := range r.records {
		if rec.profile == want {
			rows = append(rows, Row(i))
		}
	}
	return rows
}

// ByRank returns the episodes whose last row accepts them under the profile,
// lowest rank first. Malformed rows are left out.
func (r *Roster) ByRank(profile fit.ProfileName) []Row {
	want, ok := r.numbers[string(profile)]
	if !ok {
		return nil
	}
	var rows []Row
	for _, n := range r.last {
		if rec := r.records[n]; rec.profile == want && rec.hostLen > 0 {
			rows = append(rows, Row(n))
		}
	}
	return rows
}

// Rank returns the rank of a row's episode.
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
// that row, in the order of the file. Malformed rows are left out.
func (r *Roster) Episodes() iter.Seq2[episode.Ref, fit.ProfileName] {
	valid := make([]bool, len(r.profiles))
	for i, p := range r.profiles {
		_, err := fit.ParseProfileName(p)
		valid[i] = err == nil
	}
	return func(yield func(episode.Ref, fit.ProfileName) bool) {
		for i, rec := range r.records {
			if !rec.last || rec.profile == notAccepted || !valid[rec.profile] {
				continue
			}
			if ref, ok := r.Ref(Row(i)); ok && !yield(ref, fit.ProfileName(r.profiles[rec.profile])) {
				return
			}
		}
	}
}

// Accepts reports whether the last row about an episode accepts it under the
// profile.
func (r *Roster) Accepts(ref episode.Ref, profile fit.ProfileName) bool {
	rank := fit.RankOf(r.seed, string(ref.Host), string(ref.ID))
	i, ok := slices.BinarySearchFunc(r.last, rank, func(n int32, rank fit.Rank) int { return r.records[n].rank.Compare(rank) })
	if !ok {
		return false
	}
	rec := r.records[r.last[i]]
	return rec.profile != notAccepted && rec.hostLen > 0 && r.profiles[rec.profile] == string(profile)
}
