package episode

import "strings"

// A Format says how the archives of a fleet are written. Use [DefaultFormat], changed where a fleet differs.
type Format struct {
	Meta   MetaFormat
	Labels LabelFormat
	// Phases has the words of a fleet for the phases of this package. Several words may mean one phase. A word that is not in it
	// is a phase of its own.
	Phases map[string]Phase
	// Sources has the member of each source. The key "*" stands for every source without a line of its own; in its member, "*"
	// stands for the name of the source.
	Sources map[string]SourceFormat
}

// source returns the format of a source.
func (f Format) source(name string) SourceFormat {
	s, ok := f.Sources[name]
	if !ok {
		s = f.Sources[AnySource]
	}
	s.Member = strings.ReplaceAll(s.Member, AnySource, name)
	return s
}

// MetaFormat says where an archive has the episode's duration.
type MetaFormat struct {
	Member   string   // one JSON object; "" if there is none: then the duration is 0
	Duration string   // path of the duration
	Unit     TimeUnit // of the duration; not RFC3339
}

// LabelFormat says where an archive has its labels: JSON objects, one a line.
type LabelFormat struct {
	Member string
	Time   string   // path of the time
	Unit   TimeUnit // of the time
	Phase  string   // path of the phase
}

// SourceFormat says where an archive has the rows of a source.
type SourceFormat struct {
	Member string   // a name without "/" is compared with the last part of a member's path, one with "/" with as many last parts
	Time   string   // path of the time of a row
	Unit   TimeUnit // of the time
	Rows   RowSyntax
}

// A path names a value in an object of JSON: the key of that whole name or, if the object has no such key, each dot walks into an
// object. In CSV, it is the name of a column.

// A TimeUnit is how times are written.
type TimeUnit string

// The units of times: numbers, or strings that are numbers, or strings as in RFC 3339.
const (
	Nanoseconds  TimeUnit = "ns"
	Microseconds TimeUnit = "us"
	Milliseconds TimeUnit = "ms"
	Seconds      TimeUnit = "s"
	RFC3339      TimeUnit = "rfc3339"
)

// A RowSyntax is how the rows of a source are written.
type RowSyntax string

// The syntaxes of rows.
const (
	JSONLines RowSyntax = "jsonl" // one object a line
	CSV       RowSyntax = "csv"   // as in RFC 4180; the first line names the fields
)

// AnySource is the key in Format.Sources that stands for every source without a line of its own.
const AnySource = "*"

// DefaultFormat returns the format of docs/EPISODES.md.
func DefaultFormat() Format {
	return Format{
		Meta:   MetaFormat{Member: "meta.json", Duration: "result.duration_observed_s", Unit: Seconds},
		Labels: LabelFormat{Member: "labels.jsonl", Time: "t_wall_ns", Unit: Nanoseconds, Phase: "phase"},
		Sources: map[string]SourceFormat{
			AnySource: {Member: "telemetry-*.jsonl", Time: "t_wall_ns", Unit: Nanoseconds, Rows: JSONLines},
		},
	}
}
