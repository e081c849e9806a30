package episode

import "unicode/utf8"

// A Phase is a labelled state of an episode. An archive may have other phases than those named
// here.
type Phase string

// The phases that have a meaning for curves.
const (
	PhaseClean     Phase = "clean"
	PhaseArmed     Phase = "armed"
	PhaseInfecting Phase = "infecting"
	PhaseRunning   Phase = "infected_running"
	PhaseDormant   Phase = "dormant"
)

// A Label is one line of labels.jsonl: from Time on, the episode is in Phase, or in no phase.
type Label struct {
	Time     float64 // seconds since the first label, finite
	Phase    Phase   // cut at 64 bytes; its JSON text if it is not a string
	HasPhase bool    // false if the phase is missing or null
}

const usualLabels = 8 // as many as most episodes have

// readLabels reads labels.jsonl, one object a line. It also returns time zero: the time of the
// first label, in nanoseconds.
func readLabels(l *lines, s *scanner) (labels []Label, zero number, err error) {
	for line, ok := l.row(); ok; line, ok = l.row() {
		s.reset(line, l.lim.Depth, nil)
		label, time := readLabel(s)
		if s.err != nil {
			return nil, zero, l.fault(s.err)
		}
		if time.kind == gap {
			return nil, zero, l.corruptf("%q is missing or not a number", timeField)
		}
		if len(labels) == 0 {
			zero = time
			labels = make([]Label, 0, usualLabels)
		}
		if label.Time = seconds(time, zero); !isFinite(label.Time) {
			return nil, zero, l.corruptf("%q is not finite", timeField)
		}
		labels = append(labels, label)
	}
	return labels, zero, l.err
}

// readLabel reads one label, without its Time, and the label's wall time.
func readLabel(s *scanner) (label Label, time number) {
	for s.object(); s.next(); {
		switch string(s.key) {
		case timeField:
			time = s.number()
		case "phase":
			label.Phase, label.HasPhase = readPhase(s)
		default:
			s.skip()
		}
	}
	s.end()
	return label, time
}

// readPhase reads the value of a phase, of any kind. It returns false for null.
func readPhase(s *scanner) (Phase, bool) {
	switch s.token() {
	case 'n':
		s.skip()
		return "", false
	case '"':
		return phaseOf(s.text()), true
	}
	from, line := s.at, s.line
	s.skip()
	if s.err != nil {
		return "", false
	}
	return phaseOf(line[from:s.at]), true
}

// phaseOf returns the phase of a name. It does not keep name, and allocates only for phases that
// have no constant.
func phaseOf(name []byte) Phase {
	for _, p := range [...]Phase{PhaseClean, PhaseArmed, PhaseInfecting, PhaseRunning, PhaseDormant} {
		if string(name) == string(p) {
			return p
		}
	}
	return Phase(clip(string(name[:min(len(name), clipBytes+utf8.UTFMax)])))
}

const clipBytes = 64

// clip cuts a string to at most clipBytes, not within a character.
func clip(s string) string {
	if len(s) <= clipBytes {
		return s
	}
	n := clipBytes
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
