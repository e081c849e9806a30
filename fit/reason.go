package fit

import (
	"cmp"
	"iter"
	"slices"
)

// A Reason is one word, [a-z][a-z_]{0,31}, that says why an episode has no curve, or why a message was filed under REJECTED.
// [Reasons] lists those of this version. A newer one may have written others: they are valid, and their methods answer as for an
// archive that was read but gives no curve.
type Reason string

// The reasons. [Reason.Meaning] has the meaning of each.
const (
	ReasonMalformed   Reason = "malformed"
	ReasonCorrupt     Reason = "corrupt"
	ReasonTooLarge    Reason = "too_large"
	ReasonMissing     Reason = "missing"
	ReasonFatal       Reason = "fatal"
	ReasonNoLabels    Reason = "no_labels"
	ReasonFewSegments Reason = "few_segments"
	ReasonNoArmed     Reason = "no_armed"
	ReasonNoRunning   Reason = "no_infected_running"
	ReasonBadClock    Reason = "bad_clock"
	ReasonNoSource    Reason = "no_source"
	ReasonNoChannel   Reason = "no_channel"
	ReasonFewPoints   Reason = "few_points"
	ReasonBadCounter  Reason = "bad_counter"
	ReasonNoData      Reason = "no_data"
)

// reasons has the consequence and the meaning of each reason. A message is rejected (copied to REJECTED and terminated) where it or its archive
// could not be read. An archive that was read but gives no curve has an entry only; these reasons are those of package episode.
var reasons = []struct {
	name     Reason
	rejected bool
	entry    bool
	meaning  string
}{
	{ReasonMalformed, true, false, "the message is no JSON object, or an id or the profile is not well-formed"},
	{ReasonCorrupt, true, true, "the archive is damaged or not of the format"},
	{ReasonTooLarge, true, true, "the archive goes beyond a limit"},
	{ReasonMissing, true, true, "the store has no such archive"},
	{ReasonFatal, true, true, "several workers crashed while they read the archive"},
	{ReasonNoLabels, false, true, "labels.jsonl has no label"},
	{ReasonFewSegments, false, true, "the labels have fewer than four segments"},
	{ReasonNoArmed, false, true, "no segment is armed"},
	{ReasonNoRunning, false, true, "no segment is infected_running"},
	{ReasonBadClock, false, true, "the clocks of the labels or rows cannot be right"},
	{ReasonNoSource, false, true, "the archive lacks the channel's telemetry file"},
	{ReasonNoChannel, false, true, "no telemetry row that is kept has the channel"},
	{ReasonFewPoints, false, true, "the channel has fewer than two points"},
	{ReasonBadCounter, false, true, "the counter falls or jumps too often"},
	{ReasonNoData, false, true, "no point of the curve has a value"},
}

// Reasons returns all reasons: first those that reject a message, then the others in the order in which they are looked for.
func Reasons() []Reason {
	all := make([]Reason, len(reasons))
	for i, r := range reasons {
		all[i] = r.name
	}
	return all
}

// Rejected reports whether a message with this reason is filed under REJECTED.
func (r Reason) Rejected() bool {
	for _, row := range reasons {
		if row.name == r {
			return row.rejected
		}
	}
	return false
}

// HasEntry reports whether an [Entry] holds the reason. A malformed message names no episode, so it has no entry.
func (r Reason) HasEntry() bool {
	for _, row := range reasons {
		if row.name == r {
			return row.entry
		}
	}
	return true
}

// Meaning is the reason as a sentence for people, without a full stop; "" for one that is not in the table.
func (r Reason) Meaning() string {
	for _, row := range reasons {
		if row.name == r {
			return row.meaning
		}
	}
	return ""
}

// maxReason is the most bytes that a reason may have.
const maxReason = 32

// valid reports whether the reason is a word as described at [Reason].
func (r Reason) valid() bool {
	if r == "" || r[0] == '_' || len(r) > maxReason {
		return false
	}
	for i := range len(r) {
		if c := r[i]; !('a' <= c && c <= 'z' || c == '_') {
			return false
		}
	}
	return true
}

// ReasonCount says how many episodes have no curve for one reason, and gives an example.
type ReasonCount struct {
	Reason  Reason `json:"reason"`
	Count   int    `json:"n"`
	Host    string `json:"host"` // of the episode of lowest rank that has the reason
	Episode string `json:"episode"`
	Rank    Rank   `json:"rank"` // of that episode; with it, its entry and so the detail can be read
}

// CountReasons counts the entries with a reason; others are ignored. The most frequent reason comes first; of equally frequent ones
// the one that is first in the alphabet.
func CountReasons(entries iter.Seq2[Rank, Entry]) []ReasonCount {
	var counts []ReasonCount
	for rank, e := range entries {
		if e.State != StateReason {
			continue
		}
		i := slices.IndexFunc(counts, func(c ReasonCount) bool { return c.Reason == e.Reason })
		if i < 0 {
			i = len(counts)
			counts = append(counts, ReasonCount{Reason: e.Reason})
		}
		c := &counts[i]
		c.Count++
		if c.Count == 1 || rank.Compare(c.Rank) < 0 {
			c.Host, c.Episode, c.Rank = e.Host, e.Episode, rank
		}
	}
	slices.SortFunc(counts, func(a, b ReasonCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return counts
}
