package dataset

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cis490/profiles/command/dataset/parquetfile"
	"github.com/cis490/profiles/fit"
)

// The fields of a row, in the order in which they are read.
const (
	fieldEpisode = iota
	fieldHost
	fieldProfile
	fieldStatus
	fields
)

// specKeys are the keys of the spec that name the column of each field.
var specKeys = [fields]string{"episode_id", "host_id", "profile", "status"}

// A mapping makes rows of the cells of the columns that a spec names.
type mapping struct {
	columns  [fields]string // names; that of the status is empty if every row is accepted
	accepted []string
	shared   [fields]map[string]string // of fields with few different values: equal cells share one string
}

const (
	maxShared      = 1024 // strings of one field
	maxSharedBytes = 256  // of each
)

func newMapping(v fit.Validation) mapping {
	m := mapping{columns: [fields]string{v.EpisodeID, v.HostID, v.Profile, v.Status}, accepted: v.Accepted}
	for _, field := range []int{fieldHost, fieldProfile, fieldStatus} {
		m.shared[field] = map[string]string{}
	}
	return m
}

// A cell is a value of a file.
type cell struct {
	text  []byte // valid until the next row is read
	lacks string // if the cell is no string: what it is, and what is wanted
}

// row makes a row of cells. A cell that is no string counts as "" if the row is not accepted; else it is an error, which starts
// with the column. A status that is no string is always an error: nothing says whether its row is accepted.
func (m *mapping) row(cells *[fields]cell) (ValidationRow, error) {
	row := ValidationRow{Accepted: true}
	if m.columns[fieldStatus] != "" {
		if cells[fieldStatus].lacks != "" {
			return ValidationRow{}, m.refuse(fieldStatus, cells[fieldStatus])
		}
		row.Status = m.keep(fieldStatus, cells[fieldStatus].text)
		row.Accepted = slices.Contains(m.accepted, row.Status)
	}
	for _, f := range []struct {
		field int
		to    *string
	}{{fieldEpisode, &row.EpisodeID}, {fieldHost, &row.HostID}, {fieldProfile, &row.Profile}} {
		c := cells[f.field]
		if c.lacks != "" && row.Accepted {
			return ValidationRow{}, m.refuse(f.field, c)
		}
		*f.to = m.keep(f.field, c.text)
	}
	return row, nil
}

func (m *mapping) refuse(field int, c cell) error {
	return fmt.Errorf("column %s: %w: %s", parquetfile.Clip(m.columns[field]), ErrShape, c.lacks)
}

// keep returns text as a string that does not refer to it.
func (m *mapping) keep(field int, text []byte) string {
	shared := m.shared[field]
	if s, ok := shared[string(text)]; ok {
		return s
	}
	s := string(text)
	if shared != nil && len(shared) < maxShared && len(s) <= maxSharedBytes {
		shared[s] = s
	}
	return s
}

// missing is the error about a file without the column of a field. names are the columns that it has.
func (m *mapping) missing(field int, names []string) error {
	return m.help(field, fmt.Errorf("%w: no column %s; the file has %s", ErrShape, parquetfile.Clip(m.columns[field]), shownNames(names)))
}

// help adds to an error about the column of a field where it can be changed.
func (m *mapping) help(field int, err error) error {
	return fmt.Errorf("%w (the spec's key validation.%s names the column)", err, specKeys[field])
}

// shownNames joins the names of columns for an error message; "no columns" if there are none.
func shownNames(names []string) string {
	const most = 30
	var shown []string
	for _, name := range names {
		if len(shown) == most {
			shown = append(shown, "...")
			break
		}
		shown = append(shown, visible(name))
	}
	if len(shown) == 0 {
		return "no columns"
	}
	return strings.Join(shown, ", ")
}

// visible returns text of a file for an error message: at most some 80 bytes, quoted if it is empty or has characters that a
// terminal does not print as they are.
func visible(text string) string {
	text = parquetfile.Clip(text)
	plain := text != "" && strings.TrimSpace(text) == text
	for _, r := range text {
		plain = plain && strconv.IsPrint(r) && r != '\uFFFD'
	}
	if plain {
		return text
	}
	return strconv.Quote(text)
}
