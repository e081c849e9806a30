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

// A Census counts the rows of a validation file. Its memory does not grow with them.
type Census struct {
	rows          int
	acceptedRows  int
	malformed     []Malformed // the first maxMalformed of them
	malformedRows int
	tally         tally
}

// Malformed is an accepted row whose host, episode id or profile is not
// well-formed.
type Malformed struct {
	Row  int // counts from 0
	Line int // at which the row begins, counted from 1; 0 if the file has no lines
	Err  error
}

// String says where the row is and what is wrong.
func (m Malformed) String() string {
	if m.Line > 0 {
		return fmt.Sprintf("line %d: %v", m.Line, m.Err)
	}
	return fmt.Sprintf("row %d: %v", m.Row, m.Err)
}

// maxMalformed is how many malformed rows are kept with their error.
const maxMalformed = 10

// Scan calls each with every row, and the episode and profile that the row names: each is zero if it
// is not well-formed, and so is the profile of a row that is not accepted. It fails with the first
// error of rows or each.
func Scan(rows iter.Seq2[dataset.ValidationRow, error], each func(dataset.ValidationRow, episode.Ref, fit.ProfileName) error) (Census, error) {
	var c Census
	for row, err := range rows {
		if err != nil {
			return Census{}, err
		}
		ref, profile := c.add(row)
		if err := each(row, ref, profile); err != nil {
			return Census{}, err
		}
	}
	return c, nil
}

func (c *Census) add(row dataset.ValidationRow) (ref episode.Ref, profile fit.ProfileName) {
	c.tally.add(row)
	c.rows++
	ref, refErr := episode.ParseRef(row.HostID, row.EpisodeID)
	if refErr != nil {
		ref = episode.Ref{} // no archive may be opened by such ids
	}
	if !row.Accepted {
		return ref, ""
	}
	c.acceptedRows++
	profile, err := fit.ParseProfileName(row.Profile)
	if err = cmp.Or(refErr, err); err != nil {
		c.malformedRows++
		if len(c.malformed) < maxMalformed {
			c.malformed = append(c.malformed, Malformed{Row: c.rows - 1, Line: row.Line, Err: err})
		}
	}
	return ref, profile
}

// Rows returns how many rows the file has.
func (c *Census) Rows() int { return c.rows }

// AcceptedRows returns how many rows are accepted, including
// malformed rows and rows that a later row about the same episode replaces.
func (c *Census) AcceptedRows() int { return c.acceptedRows }

// Malformed returns the first ten accepted rows that are not well-formed, and
// how many there are in all. Such rows name no episode that could be read or
// published.
func (c *Census) Malformed() (first []Malformed, all int) {
	return slices.Clone(c.malformed), c.malformedRows
}
