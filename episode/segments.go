package episode

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

// usable returns an error that matches [ErrUnusable] if no curve can be cut from the segments.
func (e *Episode) usable() error {
	if len(e.Labels) == 0 {
		return unusablef(ReasonNoLabels, "no labels")
	}
	segments := e.Segments()
	if len(segments) < 4 {
		return unusablef(ReasonFewSegments, "%d segments, want 4 at least", len(segments))
	}
	var armed, running bool
	for _, s := range segments {
		armed = armed || s.Phase == PhaseArmed
		running = running || s.Phase == PhaseRunning
	}
	switch {
	case !armed:
		return unusablef(ReasonNoArmed, "no segment is armed")
	case !running:
		return unusablef(ReasonNoRunning, "no segment is infected_running")
	}
	return nil
}
