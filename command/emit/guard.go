package emit

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/fit"
)

// A list that takes back more than a tenth of what the log accepts, and more than
// fewRetractions, is more often a mistake than a decision: another list, or a status that is
// written in another case.
const (
	fewRetractions = 10
	retractedPart  = 10 // a tenth
)

// Retractions are the episodes that the log accepts and the list does not.
type Retractions struct {
	Of    int `json:"of"`    // episodes that the log accepts
	Count int `json:"count"` // of these, those that the list does not accept

	// The rest adds up to Count.
	Statuses []roster.Count `json:"statuses,omitempty"` // the episode's last row has this status
	Moved    int            `json:"moved"`              // the list accepts it under another profile
	Unlisted int            `json:"unlisted"`           // the list has no row of it

	accepted []string // the statuses that count
}

// tooMany reports whether the retractions need a confirmation.
func (r Retractions) tooMany() bool {
	return r.Count > fewRetractions && r.Count*retractedPart > r.Of
}

// String returns text such as "48 of the 60 episodes that the log accepts: 40 have status
// Accepted (only accepted counts), 8 are not in the list".
func (r Retractions) String() string {
	var parts []string
	if len(r.Statuses) > 0 {
		parts = append(parts, fmt.Sprintf("by status %s (only %s counts)", roster.Text(r.Statuses), strings.Join(r.accepted, " or ")))
	}
	if r.Moved > 0 {
		parts = append(parts, fmt.Sprintf("%d accepted under another profile", r.Moved))
	}
	if r.Unlisted > 0 {
		parts = append(parts, fmt.Sprintf("%d not in the list", r.Unlisted))
	}
	text := fmt.Sprintf("%d of the %d episodes that the log accepts", r.Count, r.Of)
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}

// A HeldError says that nothing was published, because the list would take back too much.
type HeldError struct{ Retractions }

func (e *HeldError) Error() string {
	return fmt.Sprintf("nothing was published: the list would take back %s. Give the right list, or name its statuses in the spec (validation.accepted); if it is right, use --retract-all", e.Retractions)
}

// held returns the retractions if they are too many and nobody says that they are meant,
// else nil.
func (e *Emitter) held(r Retractions) *Retractions {
	if e.RetractAll || !r.tooMany() {
		return nil
	}
	r.accepted = e.columns().Accepted
	if !e.DryRun && e.Confirm != nil && e.Confirm(r) {
		return nil
	}
	return &r
}

// mostStatuses is how many different statuses of retracted episodes are counted by name.
const mostStatuses = 50

// countStatus counts a retracted episode by the status of its last row.
func (c *comparison) countStatus(status string) {
	if _, known := c.statuses[status]; !known && len(c.statuses) == mostStatuses {
		c.otherStatuses++
		return
	}
	c.statuses[status]++
}

// countedStatuses returns these counts, the most frequent first.
func (c *comparison) countedStatuses() []roster.Count {
	var counts []roster.Count
	for _, status := range slices.Sorted(maps.Keys(c.statuses)) {
		counts = append(counts, roster.Count{Name: status, Rows: c.statuses[status]})
	}
	slices.SortStableFunc(counts, func(a, b roster.Count) int { return cmp.Compare(b.Rows, a.Rows) })
	if c.otherStatuses > 0 {
		counts = append(counts, roster.Count{Rows: c.otherStatuses, Others: true})
	}
	return counts
}

// cut cuts a status to a length that fits into a message.
func cut(status string) string {
	const most = 64
	if len(status) <= most {
		return status
	}
	return strings.ToValidUTF8(status[:most], "")
}

// columns is the mapping that the rows are read with.
func (e *Emitter) columns() fit.Validation {
	if reflect.DeepEqual(e.Columns, fit.Validation{}) {
		return fit.DefaultValidation()
	}
	return e.Columns
}
