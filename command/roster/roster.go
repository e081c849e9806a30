// Package roster holds what a validation file says of millions of episodes: each
// accepted row with its rank, some 70 bytes, and of every other row that it was
// there, so that the last row about an episode can decide.
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

// A Roster is a validation file in memory. It is safe for concurrent use.
type Roster struct {
	seed     uint64
	records  []record // in the file's order
	ids      []byte   // host and episode id of each accepted record, one after the other
	profiles []string
	numbers  map[string]int32 // of profiles
	standing []int32          // records that are the last about their episode, by rank

	accepted  int
	malformed []Malformed
	misfits   int
}

// A record is one row. Of one that is not accepted nothing but its rank is kept.
type record struct {
	rank    fit.Rank // under the seed; as 128 bits of a hash it also tells episodes apart
	at      int      // where in ids
	hostLen uint8    // 0: the row's ids are no ids
	idLen   uint8
	last    bool // no later row is about the same episode
	profile int32
}

// notAccepted is the profile of rows of another status.
const notAccepted = -1

// A Row is the number of an accepted row, for [Roster.Ref].
type Row int32

// Malformed is an accepted row that names no episode or no profile, since its
// ids are not well-formed. Row counts from 0.
type Malformed struct {
	Row int
	Err error
}

// malformedKept is how many malformed rows are remembered with their error.
const malformedKept = 10

// maxRows is what a [Row] can count.
const maxRows = 1<<31 - 1

// Read reads rows to their end. The seed is that of the ranks.
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
	r.settle()
	return r, nil
}

func (r *Roster) add(row dataset.ValidationRow) {
	rec := record{rank: fit.RankOf(r.seed, row.HostID, row.EpisodeID), profile: notAccepted}
	if row.Status == dataset.StatusAccepted {
		r.accepted++
		rec.profile = r.number(row.Profile)
		ref, err := episode.ParseRef(row.HostID, row.EpisodeID)
		if err == nil {
			rec.at, rec.hostLen, rec.idLen = len(r.ids), uint8(len(ref.Host)), uint8(len(ref.ID))
			r.ids = append(append(r.ids, ref.Host...), ref.ID...)
			_, err = fit.ParseProfileName(row.Profile)
		}
		if err != nil {
			r.misfits++
			if len(r.malformed) < malformedKept {
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

// settle finds the last row about each episode.
func (r *Roster) settle() {
	order := make([]int32, len(r.records))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(r.records[a].rank.Compare(r.records[b].rank), cmp.Compare(a, b))
	})
	kept := order[:0]
	for i, n := range order {
		if i+1 < len(order) && r.records[order[i+1]].rank == r.records[n].rank {
			continue
		}
		r.records[n].last = true
		kept = append(kept, n)
	}
	r.standing = kept
}

// Rows is how many rows were read, Accepted how many of them are accepted.
func (r *Roster) Rows() int { return len(r.records) }

// Accepted is how many rows are accepted, whatever else is said of their episode.
func (r *Roster) Accepted() int { return r.accepted }

// Malformed returns the first accepted rows that are not well-formed, and how
// many there are in all. They name nothing that could be opened or published.
func (r *Roster) Malformed() (first []Malformed, all int) {
	return slices.Clone(r.malformed), r.misfits
}

// AsListed returns the accepted rows of a profile as they stand in the file,
// those of one episode more than once and the malformed ones included.
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

// ByRank returns the episodes that their last row accepts under a profile, the
// lowest rank first.
func (r *Roster) ByRank(profile fit.ProfileName) []Row {
	want, ok := r.numbers[string(profile)]
	if !ok {
		return nil
	}
	var rows []Row
	for _, n := range r.standing {
		if rec := r.records[n]; rec.profile == want && rec.hostLen > 0 {
			rows = append(rows, Row(n))
		}
	}
	return rows
}

// Rank is the rank of a row's episode.
func (r *Roster) Rank(row Row) fit.Rank { return r.records[row].rank }

// Ref names a row's episode; false where its ids are not well-formed.
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

// Standing yields every episode that its last row accepts, with that row's
// profile, in the file's order; the malformed ones are left out.
func (r *Roster) Standing() iter.Seq2[episode.Ref, fit.ProfileName] {
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

// Accepts tells whether the last row about an episode accepts it under a profile.
func (r *Roster) Accepts(ref episode.Ref, profile fit.ProfileName) bool {
	rank := fit.RankOf(r.seed, string(ref.Host), string(ref.ID))
	i, ok := slices.BinarySearchFunc(r.standing, rank, func(n int32, rank fit.Rank) int { return r.records[n].rank.Compare(rank) })
	if !ok {
		return false
	}
	rec := r.records[r.standing[i]]
	return rec.profile != notAccepted && rec.hostLen > 0 && r.profiles[rec.profile] == string(profile)
}
