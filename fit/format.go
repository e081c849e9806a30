package fit

import (
	"slices"
	"strings"
)

// A Format is the part of a spec that says how a fleet's archives are written (docs/FORMATS.md). Package align makes of it what
// package episode reads. The Format of a spec is complete: what the YAML leaves out has its default.
type Format struct {
	Suffixes []string                `json:"suffixes"` // of the files in the store, <host>/<episode><suffix>; tried in this order
	Time     TimeUnit                `json:"time"`     // of every time of labels and rows without a unit of its own
	Meta     MetaFormat              `json:"meta"`
	Labels   LabelFormat             `json:"labels"`
	Phases   map[string]string       `json:"phases,omitempty"`   // a fleet's words for the phases
	Sources  map[string]SourceFormat `json:"sources"`            // by source; "*" stands for every source without a line of its own
	Channels map[string]Channel      `json:"channels,omitempty"` // by <source>.<field>
}

// MetaFormat says where an archive has the episode's duration.
type MetaFormat struct {
	Member   string   `json:"member"` // "": there is none, and the duration is 0
	Duration string   `json:"duration"`
	Unit     TimeUnit `json:"unit"` // not rfc3339
}

// LabelFormat says where an archive has its labels.
type LabelFormat struct {
	Member string   `json:"member"`
	Time   string   `json:"time"`
	Unit   TimeUnit `json:"unit"` // when read, "" means Format.Time
	Phase  string   `json:"phase"`
}

// SourceFormat says where an archive has the rows of a source. When it is read, an empty field means that of the source "*".
type SourceFormat struct {
	Member string   `json:"member"` // of the source "*", "*" in it stands for the name of the source
	Time   string   `json:"time"`
	Unit   TimeUnit `json:"unit"` // of the source "*", when read, "" means Format.Time
	Rows   string   `json:"rows"` // jsonl or csv
}

// A TimeUnit is how times are written: ns, us, ms, s or rfc3339.
type TimeUnit string

// TimeUnits returns all units of times: four of numbers, and rfc3339 of strings.
func TimeUnits() []TimeUnit { return []TimeUnit{"ns", "us", "ms", "s", "rfc3339"} }

// Validation names the columns of a validation file, and the statuses of usable episodes. It is no part of a generation.
type Validation struct {
	EpisodeID string   `json:"episode_id"`
	HostID    string   `json:"host_id"`
	Profile   string   `json:"profile"`
	Status    string   `json:"status"` // "": every row is accepted
	Accepted  []string `json:"accepted"`
}

// DefaultValidation returns the columns of docs/EPISODES.md. It belongs to the caller.
func DefaultValidation() Validation {
	return Validation{"episode_id", "host_id", "profile", "status", []string{"accepted"}}
}

// AnySource is the key in Format.Sources that stands for every source without a line of its own.
const AnySource = "*"

// DefaultFormat returns the format of docs/EPISODES.md. It belongs to the caller.
func DefaultFormat() Format {
	f := partialFormat()
	f.complete()
	return f
}

// partialFormat returns the default format before what depends on other fields is filled in.
func partialFormat() Format {
	return Format{
		Suffixes: []string{".tar.zst"},
		Time:     "ns",
		Meta:     MetaFormat{Member: "meta.json", Duration: "result.duration_observed_s", Unit: "s"},
		Labels:   LabelFormat{Member: "labels.jsonl", Time: "t_wall_ns", Phase: "phase"},
	}
}

// complete fills in what was left out and depends on other fields.
func (f *Format) complete() {
	if f.Labels.Unit == "" {
		f.Labels.Unit = f.Time
	}
	all := map[string]SourceFormat{}
	star := f.Sources[AnySource].or(SourceFormat{Member: "telemetry-*.jsonl", Time: "t_wall_ns", Unit: f.Time, Rows: "jsonl"})
	for name, source := range f.Sources {
		all[name] = source.or(star.of(name))
	}
	all[AnySource] = star
	f.Sources = all
}

// or returns s with each empty field replaced by that of other.
func (s SourceFormat) or(other SourceFormat) SourceFormat {
	if s.Member == "" {
		s.Member = other.Member
	}
	if s.Time == "" {
		s.Time = other.Time
	}
	if s.Unit == "" {
		s.Unit = other.Unit
	}
	if s.Rows == "" {
		s.Rows = other.Rows
	}
	return s
}

// of returns the format of the source "*" for the source of that name.
func (s SourceFormat) of(name string) SourceFormat {
	s.Member = strings.ReplaceAll(s.Member, "*", name)
	return s
}

// Source returns how the rows of a source are written. The member has the source's name in place of "*".
func (f Format) Source(name string) SourceFormat {
	if source, ok := f.Sources[name]; ok {
		return source
	}
	return f.Sources[AnySource].of(name)
}

// phaseWords returns the phases that a fleet's words may stand for. A word that stands for itself means nothing, and is left out.
func (f Format) phaseWords() map[string]string {
	words := map[string]string{}
	for word, phase := range f.Phases {
		if word != phase {
			words[word] = phase
		}
	}
	return words
}

// phaseNames returns the phases of this project, which are those of package episode.
func phaseNames() []string {
	return []string{"clean", "armed", "infecting", "infected_running", "dormant"}
}

func knownPhase(name string) bool { return slices.Contains(phaseNames(), name) }
