package episode

import (
	"fmt"
	"unicode/utf8"
)

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

// A Label is one line of an archive's labels: from Time on, the episode is in Phase, or in no phase.
type Label struct {
	Time     float64 // seconds since time zero, finite
	Phase    Phase   // cut at 64 bytes; its JSON text if it is not a string
	HasPhase bool    // false if the phase is missing or null
}

const usualLabels = 8 // as many as most episodes have

// readLabels reads the member with the labels, one object a line. It also returns time zero: the
// time of the first label without its fraction of a nanosecond. The memory of the tree is used again.
func readLabels(l *lines, s *scanner, tree *pathTree, format Format) (labels []Label, zero stamp, err error) {
	r := labelReader{unit: unitOf(format.Labels.Unit), phases: format.Phases}
	tree.reset([]string{labelTime: format.Labels.Time, labelPhase: format.Labels.Phase})
	for line, ok := l.row(); ok; line, ok = l.row() {
		r.label, r.time = Label{}, stamp{}
		s.reset(line, l.lim.Depth, nil)
		tree.walk(s, &r)
		if s.end(); s.err != nil {
			return nil, zero, l.fault(s.err)
		}
		if r.time.missing() {
			return nil, zero, l.corruptf("%s", noTime(line, format.Labels))
		}
		if len(labels) == 0 {
			zero = r.time.truncated()
			labels = make([]Label, 0, usualLabels)
		}
		if r.label.Time = r.time.seconds(zero); !isFinite(r.label.Time) {
			return nil, zero, l.corruptf("%s is too far from the time of the first label", printable(format.Labels.Time))
		}
		labels = append(labels, r.label)
	}
	return labels, zero, l.err
}

// The paths of a label.
const (
	labelTime = iota
	labelPhase
)

// A labelReader reads a label.
type labelReader struct {
	unit   unit
	phases map[string]Phase
	label  Label // without its time
	time   stamp
}

func (r *labelReader) value(s *scanner, paths []int) {
	s.token()
	from := s.at
	for _, path := range paths {
		s.rewind(from)
		if path == labelTime {
			r.time = s.stamp(r.unit)
		} else {
			r.label.Phase, r.label.HasPhase = r.phase(s)
		}
	}
}

func (r *labelReader) other(s *scanner) { s.skip() }

func (r *labelReader) notObject(s *scanner, _ *pathNode) { s.skip() }

func (r *labelReader) forget(path int) {
	if path == labelTime {
		r.time = stamp{}
	} else {
		r.label = Label{}
	}
}

// phase reads the value of a phase, of any kind. It returns false for null.
func (r *labelReader) phase(s *scanner) (Phase, bool) {
	switch s.token() {
	case 'n':
		s.skip()
		return "", false
	case '"':
		return r.phaseOf(s.text()), true
	}
	from, line := s.at, s.line
	s.skip()
	if s.err != nil {
		return "", false
	}
	return r.phaseOf(line[from:s.at]), true
}

// noTime says what a label has instead of a time.
func noTime(line []byte, format LabelFormat) string {
	path := printable(format.Time)
	r := textReader{}
	var tree pathTree
	tree.reset([]string{format.Time})
	var s scanner
	s.reset(line, len(line), nil)
	tree.walk(&s, &r)
	if r.text == nil {
		return fmt.Sprintf("no %s, the keys are %s", path, fieldsOf(line))
	}
	return fmt.Sprintf("%s is %s, not a time in %s", path, clip(string(r.text[:min(len(r.text), clipBytes+utf8.UTFMax)])), format.Unit)
}

// A textReader reads the JSON text of a value.
type textReader struct{ text []byte }

func (r *textReader) value(s *scanner, _ []int) {
	s.token()
	from := s.at
	s.skip()
	r.text = s.line[from:s.at]
}

func (r *textReader) other(s *scanner) { s.skip() }

func (r *textReader) notObject(s *scanner, _ *pathNode) { s.skip() }

func (r *textReader) forget(int) { r.text = nil }

// phaseOf returns the phase of a fleet's word. It does not keep the word, and allocates only for
// phases that have no constant.
func (r *labelReader) phaseOf(word []byte) Phase {
	if p, ok := r.phases[string(word)]; ok {
		return p
	}
	for _, p := range [...]Phase{PhaseClean, PhaseArmed, PhaseInfecting, PhaseRunning, PhaseDormant} {
		if string(word) == string(p) {
			return p
		}
	}
	return Phase(clip(string(word[:min(len(word), clipBytes+utf8.UTFMax)])))
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
