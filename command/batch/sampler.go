package batch

import (
	"errors"
	"fmt"

	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// A Sampler says which episodes an envelope is made of.
type Sampler string

const (
	// BottomK takes the usable episodes of lowest rank, as the workers do. An
	// episode that the file lists more than once counts once, by its last row.
	BottomK Sampler = "bottomk"
	// Numpy takes the rows that the Python program takes. It draws from all accepted
	// rows of the file. A row whose ids are not well-formed can be drawn, but gives
	// no curve.
	Numpy Sampler = "numpy"
)

// ParseSampler returns the sampler of that name.
func ParseSampler(text string) (Sampler, error) {
	switch s := Sampler(text); s {
	case BottomK, Numpy:
		return s, nil
	}
	return "", fmt.Errorf("sampler %q: it must be %s or %s", text, BottomK, Numpy)
}

// A selection hands out the rows of one profile and collects their entries. It
// is not safe for concurrent use.
//
// It hands out only rows that are needed even if all rows that are being read
// give a curve. So the concurrency does not change which rows are read, and every
// row that is read counts as attempted.
type selection struct {
	rows   []roster.Row // in the order in which they are read
	target int
	sample sample

	taken, read, used int // rows handed out, rows put, rows put that have a curve
}

// A sample collects entries and computes the envelope.
type sample interface {
	put(roster.Row, fit.Entry)
	envelope() fit.Envelope
	members() []signature.Member // of the envelope
}

// newSelections returns a selection for each profile of the spec.
func newSelections(cfg Config, r *roster.Roster) ([]*selection, error) {
	spec, points := cfg.Spec, cfg.Spec.Points.Total()
	var rows map[fit.ProfileName][]roster.Row // of Numpy
	switch cfg.Sampler {
	case BottomK, "":
	case Numpy:
		var err error
		if rows, err = drawRows(cfg, r); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("fit: unknown sampler %q", cfg.Sampler)
	}
	var all []*selection
	for _, p := range spec.Profiles {
		s := &selection{target: spec.Target}
		if rows == nil {
			s.rows, s.sample = r.ByRank(p.Name), &ranked{r, fit.NewSample(spec.Target), points}
		} else {
			s.rows = rows[p.Name]
			s.sample = &drawn{roster: r, attempted: len(s.rows), target: spec.Target, points: points}
		}
		all = append(all, s)
	}
	return all, nil
}

// drawRows returns the rows that the Python program takes. It reads the list again, since the roster has each episode once.
func drawRows(cfg Config, r *roster.Roster) (map[fit.ProfileName][]roster.Row, error) {
	if cfg.Rows == nil {
		return nil, errors.New("fit: the sampler numpy needs Rows")
	}
	places := map[fit.ProfileName][]int{}
	for _, p := range cfg.Spec.Profiles {
		listed := r.Listed(p.Name)
		if listed > cfg.Spec.Target {
			places[p.Name] = fit.Choice(cfg.Spec.Seed, listed, cfg.Spec.Target)
			continue
		}
		all := make([]int, listed)
		for i := range all {
			all[i] = i
		}
		places[p.Name] = all
	}
	return r.Draw(cfg.Rows, places)
}

// next returns a row to be read now; false if none is needed until more are put.
func (s *selection) next() (roster.Row, bool) {
	reading := s.taken - s.read
	if s.taken == len(s.rows) || s.used+reading >= s.target {
		return 0, false
	}
	s.taken++
	return s.rows[s.taken-1], true
}

// put adds the entry of a row that next has returned.
func (s *selection) put(row roster.Row, e fit.Entry) {
	s.read++
	if e.State == fit.StateCurve {
		s.used++
	}
	s.sample.put(row, e)
}

// left returns how many more rows are needed if all of them give a curve.
func (s *selection) left() int { return min(s.target-s.used, len(s.rows)-s.read) }

// ranked is the sample of BottomK.
type ranked struct {
	roster *roster.Roster
	sample *fit.Sample
	points int
}

func (s *ranked) put(row roster.Row, e fit.Entry) { s.sample.Put(s.roster.Rank(row), e) }
func (s *ranked) envelope() fit.Envelope          { return s.sample.Envelope(s.points) }
func (s *ranked) members() []signature.Member     { return signature.MembersOf(s.sample) }

// drawn is the sample of Numpy: every drawn row counts as attempted.
type drawn struct {
	roster    *roster.Roster
	used      []fit.Entry // those with a curve
	unused    []rankedEntry
	attempted int
	target    int
	points    int
}

type rankedEntry struct {
	rank  fit.Rank
	entry fit.Entry
}

func (s *drawn) put(row roster.Row, e fit.Entry) {
	if e.State == fit.StateCurve {
		s.used = append(s.used, e)
		return
	}
	s.unused = append(s.unused, rankedEntry{s.roster.Rank(row), e})
}

func (s *drawn) envelope() fit.Envelope {
	e := fit.EnvelopeOf(s.used, s.points)
	e.SetReasons(fit.CountReasons(func(yield func(fit.Rank, fit.Entry) bool) {
		for _, x := range s.unused {
			if !yield(x.rank, x.entry) {
				return
			}
		}
	}))
	e.Attempted = s.attempted
	e.Target = s.target
	e.Complete = e.Used == s.target
	return e
}

func (s *drawn) members() []signature.Member {
	members := make([]signature.Member, len(s.used))
	for i, e := range s.used {
		members[i] = signature.MemberOf(e)
	}
	return members
}
