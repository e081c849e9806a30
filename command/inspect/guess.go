package inspect

import (
	"math"
	"slices"
	"strings"

	"github.com/cis490/profiles/episode"
)

// phases are the words that have a meaning for curves.
var phases = []string{
	string(episode.PhaseClean), string(episode.PhaseArmed), string(episode.PhaseInfecting), string(episode.PhaseRunning), string(episode.PhaseDormant),
}

// KnownPhase returns the phase that a word names when written as we do, or nearly so: Infected-Running is infected_running. It
// returns "" for other words.
func KnownPhase(word string) string {
	word = strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(word))
	if slices.Contains(phases, word) {
		return word
	}
	return ""
}

// guess finds the labels, the duration and the rows of telemetry.
func (s *Summary) guess() {
	labels := s.guessLabels()
	if labels != nil {
		for _, a := range s.archives {
			if m := memberOf(a.Members, s.Labels.Member); m != nil {
				s.Walks = append(s.Walks, Walk{a.String(), m.walk(s.Labels)})
			}
		}
	}
	s.guessMeta()
	s.guessSources(labels)
	s.fixClocks(labels)
}

// guessLabels sets Labels, and returns their clock, or nil if there are no labels.
func (s *Summary) guessLabels() *clock {
	var best float64
	var chosen *clock
	for _, m := range s.Members {
		if m.Kind != JSONLines {
			continue
		}
		time := clockOf(m, nil, "")
		phase, score := phaseField(m)
		if time == nil || phase == nil || time.field == phase {
			continue
		}
		score += labelScore(m, time.field)
		if score > 0 && (chosen == nil || score > best) {
			best, chosen = score, time
			s.Labels = &Labels{Member: m.Name, Time: time.field.Path, Unit: time.unit, Phase: phase.Path}
		}
	}
	return chosen
}

// phaseField returns the field of a member that is most likely the phase, with a score, or nil.
func phaseField(m *Member) (best *Field, score float64) {
	for _, f := range m.Fields {
		if f.ManyWords || len(f.Words) < 2 || 2*f.Strings < f.Rows {
			continue
		}
		words := wordsOf(f.Path)
		points := 0.0
		if hasAny(words, "phase", "phases") {
			points += 3
		}
		if hasAny(words, "state", "stage", "label", "event", "status", "name", "marker", "step", "to") {
			points++
		}
		if known := slices.DeleteFunc(slices.Clone(f.Words), func(w string) bool { return KnownPhase(w) == "" }); len(known) >= 2 {
			points += 4
		}
		if best == nil || points > score {
			best, score = f, points
		}
	}
	return best, score
}

// labelScore says how much a member with times and phases looks like labels rather than telemetry: by its name, and since it has
// few rows and hardly any numbers.
func labelScore(m *Member, time *Field) float64 {
	score := 0.0
	words := wordsOf(m.Name)
	if hasAny(words, "label", "labels") {
		score += 5
	}
	if hasAny(words, "phase", "phases", "state", "states", "event", "events", "marker", "markers", "marks", "timeline", "stages") {
		score += 3
	}
	if m.Name == episode.DefaultFormat().Labels.Member {
		score += 2
	}
	if m.Rows <= 100*m.Archives {
		score += 2
	}
	numbers := 0
	for _, f := range m.Fields {
		if f != time && f.IsNumber() && !f.Constant() && f.EpochUnit() == "" {
			numbers++
		}
	}
	return score - 2*float64(min(numbers, 4))
}

// walk returns the labels of an archive from the rows that were kept.
func (m *Member) walk(l *Labels) []WalkLabel {
	var all []WalkLabel
	first := math.NaN()
	for _, row := range m.kept {
		label := WalkLabel{Time: math.NaN()}
		_ = walkObject(row, func(path []byte, v value) { // it was walked before
			switch string(path) {
			case l.Time:
				if n, kind := numberOf(v); kind <= date {
					label.Time = n / PerSecond(l.Unit)
				}
			case l.Phase:
				label.Phase = v.text
			}
		})
		if math.IsNaN(label.Time) {
			continue
		}
		if math.IsNaN(first) {
			first = label.Time
		}
		label.Time -= first
		all = append(all, label)
	}
	return all
}

// guessMeta finds the document with the duration: a number whose name says so, or that is about as long as the labels.
func (s *Summary) guessMeta() {
	best := math.Inf(-1)
	s.Meta = nil
	for _, m := range s.Members {
		if m.Kind != Document {
			continue
		}
		if s.Meta == nil {
			s.Meta = &Meta{Member: m.Name, Unit: episode.Seconds}
		}
		for _, f := range m.Fields {
			if meta, score := s.durationField(m, f); score > best {
				best, s.Meta = score, meta
			}
		}
	}
}

// durationField returns a field as the duration, and how likely it is that: negative infinity if it can't be.
func (s *Summary) durationField(m *Member, f *Field) (*Meta, float64) {
	if !f.IsNumber() || f.EpochUnit() != "" {
		return nil, math.Inf(-1)
	}
	unit, off := s.durationUnit(m.Name, f)
	named := hasAny(wordsOf(f.Path), "duration", "elapsed", "runtime", "length", "took")
	if !named && off > 0.1 || off > 1 {
		return nil, math.Inf(-1)
	}
	score := -off
	if named {
		score += 2
	}
	if f.Path == episode.DefaultFormat().Meta.Duration {
		score += 2
	}
	return &Meta{Member: m.Name, Duration: f.Path, Unit: unit, Sure: named}, score
}

// durationUnit returns the unit in which the values of a field are nearest to the time from the first label to the last, and how
// far they are off: the mean of |log10(value/span)| over the archives. Without labels, the name decides.
func (s *Summary) durationUnit(member string, f *Field) (unit episode.TimeUnit, off float64) {
	off = math.Inf(1)
	for _, u := range slices.Backward(units) { // of two that fit alike the longer
		sum, n := 0.0, 0
		for i, a := range s.archives {
			value, span := durationIn(a, member, f.Path), s.labelSpan(i)
			if value > 0 && span > 0 {
				sum += math.Abs(math.Log10(value / u.of / span))
				n++
			}
		}
		if n > 0 && sum/float64(n) < off {
			unit, off = u.unit, sum/float64(n)
		}
	}
	if unit == "" {
		unit, off = unitByName(wordsOf(f.Path)), 0.5
		if unit == "" {
			unit = episode.Seconds
		}
	}
	return unit, off
}

// durationIn returns the number of a field in one archive; 0 if there is none.
func durationIn(a *Archive, member, path string) float64 {
	m := memberOf(a.Members, member)
	if m == nil || m.Field(path) == nil || m.Field(path).Least == nil {
		return 0
	}
	return *m.Field(path).Least
}

// labelSpan returns the seconds from the first label to the last of an archive; 0 if it has no labels.
func (s *Summary) labelSpan(archive int) float64 {
	if s.Labels == nil {
		return 0
	}
	m := memberOf(s.archives[archive].Members, s.Labels.Member)
	if m == nil || m.Field(s.Labels.Time) == nil {
		return 0
	}
	return m.Field(s.Labels.Time).Span / PerSecond(s.Labels.Unit)
}

// leastRows is how many rows a member has at least in an archive to be telemetry.
const leastRows = 10

// guessSources finds the members with rows of telemetry: those with a time and a number, and with many rows.
func (s *Summary) guessSources(labels *clock) {
	prefer := episode.DefaultFormat().Labels.Time
	if s.Labels != nil {
		prefer = s.Labels.Time
	}
	for _, m := range s.Members {
		if m.Kind != JSONLines && m.Kind != CSV || m.Rows < leastRows*m.Archives {
			continue
		}
		time := clockOf(m, labels, prefer)
		if time == nil || !slices.ContainsFunc(m.Fields, func(f *Field) bool { return f != time.field && f.IsNumber() }) {
			continue
		}
		s.Sources = append(s.Sources, Source{Member: m.Name, Time: time.field.Path, Unit: time.unit, Epoch: time.epoch, Rows: m.Kind})
	}
}

// fixClocks gives the labels the unit of the rows if both are no times since 1970 and go through the same numbers: labels are too
// few to guess it from.
func (s *Summary) fixClocks(labels *clock) {
	if labels == nil || labels.epoch || labels.unit == unitByName(wordsOf(labels.field.Path)) {
		return
	}
	for _, source := range s.Sources {
		c := &clock{field: s.Member(source.Member).Field(source.Time), epoch: source.Epoch}
		if c.meets(labels) && source.Unit != s.Labels.Unit {
			factor := PerSecond(s.Labels.Unit) / PerSecond(source.Unit)
			s.Labels.Unit = source.Unit
			for _, w := range s.Walks {
				for i := range w.Labels {
					w.Labels[i].Time *= factor
				}
			}
			s.guessMeta()
			return
		}
	}
}
