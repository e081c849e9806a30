package fit

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// QualityLimits are the part of a spec that says how sloppy a recording may be.
type QualityLimits struct {
	MinSpan       float64 `json:"min_span"`       // the least time in seconds from the first label to the last
	MaxDuration   float64 `json:"max_duration"`   // the longest duration, as a multiple of the time from the first label to the last
	RowsDropped   float64 `json:"rows_dropped"`   // the largest share of the rows with a time that may be dropped
	CounterEvents float64 `json:"counter_events"` // the largest share of a counter's samples that may be events
	MinPoints     int     `json:"min_points"`     // the fewest points of a curve that are no gaps
}

// DefaultQuality returns the limits of docs/EPISODES.md.
func DefaultQuality() QualityLimits {
	return QualityLimits{MinSpan: 1, MaxDuration: 100, RowsDropped: 0.25, CounterEvents: 0.05, MinPoints: 1}
}

// validate returns an error that names the first limit out of range. points is the number of points of a curve.
func (q QualityLimits) validate(field string, points int) error {
	const long = 1e9 // seconds, or a multiple: more than any recording has
	for _, limit := range []struct {
		key             string
		value, min, max float64
	}{
		{"min_span", q.MinSpan, 0, long},
		{"max_duration", q.MaxDuration, 1, long},
		{"rows_dropped", q.RowsDropped, 0, 1},
		{"counter_events", q.CounterEvents, 0, 1},
		{"min_points", float64(q.MinPoints), 1, float64(points)},
	} {
		if !(limit.min <= limit.value && limit.value <= limit.max) {
			return &fieldError{field + "." + limit.key, fmt.Errorf("%g is not from %g to %.10g", limit.value, limit.min, limit.max)}
		}
	}
	return nil
}

// Quality counts what is wrong with a recording but not wrong enough to refuse it: of one episode, about the channel of its
// curve and the source of that channel. In JSON it is a list of the nine values in this order.
type Quality struct {
	RowsDropped int     // rows that are not used, without repeats
	Restarts    int     // falls of a counter to a new start at 0
	Dips        int     // falls of a counter that came back; their samples are left out
	Peaks       int     // samples of a counter that were left out because they are too high, or 0 at the start
	Unknown     int     // steps of a counter whose increase is not known
	Jumps       int     // steps that are more than ten times faster than every other
	Gaps        int     // samples that are missing or no numbers
	Empty       int     // points of the curve without a value
	Longest     float32 // the longest time in seconds without a sample
}

// A QualityKind names one field of a [Quality].
type QualityKind string

// The kinds, in the order of the fields.
const (
	QualityRowsDropped QualityKind = "rows_dropped"
	QualityRestarts    QualityKind = "restarts"
	QualityDips        QualityKind = "dips"
	QualityPeaks       QualityKind = "peaks"
	QualityUnknown     QualityKind = "unknown_steps"
	QualityJumps       QualityKind = "jumps"
	QualityGaps        QualityKind = "gaps"
	QualityEmpty       QualityKind = "empty_points"
	QualityLongest     QualityKind = "longest_gap" // in seconds; the others are counts
)

// Usual reports whether good recordings have this kind, too: processes restart, bursts jump, and the first and the last point of a
// curve may lie before the first or behind the last sample.
func (k QualityKind) Usual() bool {
	return k == QualityRestarts || k == QualityJumps || k == QualityEmpty || k == QualityLongest
}

// Sloppy reports whether a recording has a kind that is not usual.
func (q Quality) Sloppy() bool {
	kinds := QualityKinds()
	for i, v := range q.Values() {
		if v > 0 && !kinds[i].Usual() {
			return true
		}
	}
	return false
}

const (
	qualityCounts = 8 // the fields that are counts
	qualityValues = qualityCounts + 1
)

// QualityKinds returns all kinds, in the order of the fields.
func QualityKinds() [9]QualityKind {
	return [qualityValues]QualityKind{
		QualityRowsDropped, QualityRestarts, QualityDips, QualityPeaks, QualityUnknown, QualityJumps, QualityGaps, QualityEmpty, QualityLongest,
	}
}

// counts returns the eight counts in order.
func (q Quality) counts() [qualityCounts]int {
	return [...]int{q.RowsDropped, q.Restarts, q.Dips, q.Peaks, q.Unknown, q.Jumps, q.Gaps, q.Empty}
}

func qualityOf(counts [qualityCounts]int, longest float32) Quality {
	return Quality{
		RowsDropped: counts[0], Restarts: counts[1], Dips: counts[2], Peaks: counts[3], Unknown: counts[4], Jumps: counts[5],
		Gaps: counts[6], Empty: counts[7], Longest: longest,
	}
}

// Values returns the values in the order of [QualityKinds]. A count beyond 2^24 is rounded.
func (q Quality) Values() [9]float32 {
	var values [qualityValues]float32
	for i, n := range q.counts() {
		values[i] = float32(n)
	}
	values[qualityCounts] = q.Longest
	return values
}

// check returns an error if a value is negative, or not finite.
func (q Quality) check() error {
	for i, v := range q.Values() {
		if !(v >= 0 && v <= math.MaxFloat32) {
			return fmt.Errorf("entry has %g for %s of its quality", v, QualityKinds()[i])
		}
	}
	return nil
}

func (q Quality) appendJSON(to []byte) []byte {
	to = append(to, '[')
	for _, n := range q.counts() {
		to = strconv.AppendInt(to, int64(n), 10)
		to = append(to, ',')
	}
	to = strconv.AppendFloat(to, float64(q.Longest), 'g', -1, 32)
	return append(to, ']')
}

// UnmarshalJSON reads the list: eight integers and a number.
func (q *Quality) UnmarshalJSON(text []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("read quality: %w", err)
	}
	if list == nil { // null
		return nil
	}
	var counts [qualityCounts]int
	if len(list) != qualityValues {
		return fmt.Errorf("read quality: %d values, want %d", len(list), qualityValues)
	}
	for i := range counts {
		if err := json.Unmarshal(list[i], &counts[i]); err != nil {
			return fmt.Errorf("read quality: %w", err)
		}
	}
	var longest float32
	if err := json.Unmarshal(list[qualityCounts], &longest); err != nil {
		return fmt.Errorf("read quality: %w", err)
	}
	*q = qualityOf(counts, longest)
	return nil
}

// Affected says how many episodes of a sample have one kind of doubt.
type Affected struct {
	Kind     QualityKind `json:"kind"`
	Episodes int         `json:"n"`     // how many have more than 0
	Worst    float32     `json:"worst"` // the greatest value
	Host     string      `json:"host"`  // of the episode with that value; of several the first
	Episode  string      `json:"episode"`
}

// affectedBy returns how many of the members have each kind of doubt, in the order of the kinds. A kind that none has is not there.
func affectedBy(members []Entry) []Affected {
	kinds := QualityKinds()
	var all [qualityValues]Affected
	for _, m := range members {
		for i, v := range m.Quality.Values() {
			if v <= 0 {
				continue
			}
			a := &all[i]
			a.Kind = kinds[i]
			a.Episodes++
			if v > a.Worst {
				a.Worst, a.Host, a.Episode = v, m.Host, m.Episode
			}
		}
	}
	var some []Affected
	for _, a := range all {
		if a.Episodes > 0 {
			some = append(some, a)
		}
	}
	return some
}
