package episode

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Segment is a stretch of an episode in one phase, in seconds since the first label. End is later
// than Start.
type Segment struct {
	Phase      Phase
	Start, End float64
}

// Segments returns the segments between labels, in the order of the labels. A segment ends at the
// next label, whatever its phase. The last one ends at the episode's duration or, if that is not
// later, after one second. A label without a phase starts no segment, nor does one that is not
// earlier than the next.
func (e *Episode) Segments() []Segment {
	segments := make([]Segment, 0, len(e.Labels))
	for i, label := range e.Labels {
		var end float64
		switch {
		case i+1 < len(e.Labels):
			end = e.Labels[i+1].Time
		case e.Duration > label.Time:
			end = e.Duration
		default:
			end = label.Time + 1
		}
		if label.HasPhase && end > label.Time {
			segments = append(segments, Segment{label.Phase, label.Time, end})
		}
	}
	return segments
}

// end returns when the last segment ends.
func (e *Episode) end() float64 {
	end := 0.0
	for _, s := range e.Segments() {
		end = max(end, s.End)
	}
	return end
}

// usable returns an error that matches [ErrUnusable] if no curve can be cut from the segments.
func (e *Episode) usable(rules Rules) error {
	if len(e.Labels) == 0 {
		return unusablef(ReasonNoLabels, "no labels")
	}
	segments := e.Segments()
	switch {
	case len(segments) < rules.MinSegments:
		return unusablef(ReasonFewSegments, "the labels have %s, fewer than %d%s", phasesOf(segments), rules.MinSegments, e.oneTime())
	case !hasPhase(segments, PhaseArmed) && !rules.ArmedOptional:
		return unusablef(ReasonNoArmed, "no segment is armed: the labels have %s", phasesOf(segments))
	case !hasPhase(segments, PhaseRunning):
		return unusablef(ReasonNoRunning, "no segment is infected_running: the labels have %s", phasesOf(segments))
	}
	return e.checkClock(rules.Quality)
}

// oneTime says that all labels have one time, if there are several, or "".
func (e *Episode) oneTime() string {
	if n := len(e.Labels); n > 1 && !slices.ContainsFunc(e.Labels, func(l Label) bool { return l.Time != 0 }) {
		return fmt.Sprintf(": all %d labels have the same time", n)
	}
	return ""
}

// span returns the time from the first label to the last.
func (e *Episode) span() float64 { return e.Labels[len(e.Labels)-1].Time - e.Labels[0].Time }

// checkClock returns an error that matches [ErrUnusable] if the times of the labels cannot be right.
func (e *Episode) checkClock(q QualityLimits) error {
	switch span := e.span(); {
	case span < q.MinSpan:
		return unusablef(ReasonBadClock, "the last label is %g s after the first, less than %g s: are the labels in order, and are their times "+
			"in nanoseconds? format.time says the unit", span, q.MinSpan)
	case span < e.Duration/q.MaxDuration:
		return unusablef(ReasonBadClock, "the duration is %g s, more than %g times the %g s from the first label to the last: is it in seconds? "+
			"format.meta.unit says the unit", e.Duration, q.MaxDuration, span)
	}
	return nil
}

// durationWarning returns a warning, without a channel, if the format says where the duration is and
// it is not there: then the end of the episode is not known. Or if the labels span far more time than
// the duration: then all rates may be as much too low. Neither is an error, since a recorder may have
// stopped early.
func (e *Episode) durationWarning(meta MetaFormat, q QualityLimits) (Warning, bool) {
	span := e.span()
	switch {
	case e.Duration <= 0 && meta.Member != "":
		return Warning{Kind: WarnNoDuration, Detail: fmt.Sprintf("%s has no duration %s, so it is not known when the episode ended: "+
			"format.meta.duration names the key; if there is none, write format: {meta: {member: \"\"}}", printable(meta.Member), printable(meta.Duration))}, true
	case e.Duration <= 0 || span <= e.Duration*q.MaxDuration:
		return Warning{}, false
	}
	return Warning{Kind: WarnLongLabels, Detail: fmt.Sprintf("the labels span %g s, more than %g times the duration of %g s: "+
		"does format.time say the unit of their times, and format.meta.unit that of the duration?", span, q.MaxDuration, e.Duration)}, true
}

func hasPhase(segments []Segment, phase Phase) bool {
	return slices.ContainsFunc(segments, func(s Segment) bool { return s.Phase == phase })
}

// mostPhases is the most phases that an error lists.
const mostPhases = 10

// phasesOf says how many segments there are, and of which phases.
func phasesOf(segments []Segment) string {
	if len(segments) == 0 {
		return "no segment"
	}
	var phases []string
	for _, s := range segments {
		phase := strconv.Quote(string(s.Phase))
		if slices.Contains(phases, phase) {
			continue
		}
		if len(phases) == mostPhases {
			phases = append(phases, "...")
			break
		}
		phases = append(phases, phase)
	}
	return fmt.Sprintf("%d segments of the phases %s", len(segments), strings.Join(phases, ", "))
}
