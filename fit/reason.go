package fit

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
	ReasonNoSource    Reason = "no_source"
	ReasonNoChannel   Reason = "no_channel"
	ReasonFewPoints   Reason = "few_points"
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
	{ReasonNoSource, false, true, "the archive lacks the channel's telemetry file"},
	{ReasonNoChannel, false, true, "no telemetry row that is kept has the channel"},
	{ReasonFewPoints, false, true, "the channel has fewer than two points"},
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
