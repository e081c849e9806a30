package draft

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cis490/profiles/command/inspect"
	"github.com/cis490/profiles/fit"
)

// A source is a member with rows of telemetry, with a name for the channels.
type source struct {
	inspect.Source
	name    string
	pattern bool // the line "*" of the sources describes it
}

// nameSources gives each source a name: what distinguishes its member, or proc for the one that has the counters of a process.
func (d *drafter) nameSources() {
	for _, s := range d.in.Summary.Sources {
		d.sources = append(d.sources, source{Source: s})
	}
	prefix, suffix := d.pattern()
	taken := map[string]bool{}
	for i := range d.sources {
		s := &d.sources[i]
		s.name, s.pattern = between(s.Member, prefix, suffix)
		if !s.pattern {
			s.name = wordOf(s.Member)
		}
		for taken[s.name] {
			s.name, s.pattern = s.name+"-2", false
		}
		taken[s.name] = true
	}
	if taken["proc"] {
		return
	}
	if s := d.process(); s != nil {
		s.name, s.pattern = "proc", false
	}
}

var digits = regexp.MustCompile("[0-9]+")

// askNumbered asks which member is meant if the curve would come from one of several that differ only by a number, such as the id of
// a process: another archive has other numbers.
func (d *drafter) askNumbered() {
	for _, s := range d.sources {
		if s.name != "proc" && !slices.ContainsFunc(d.used, func(c string) bool { return strings.HasPrefix(c, s.name+".") }) {
			continue
		}
		var alike []string
		for _, o := range d.sources {
			if digits.ReplaceAllString(o.Member, "0") == digits.ReplaceAllString(s.Member, "0") {
				alike = append(alike, o.Member)
			}
		}
		if len(alike) > 1 {
			d.ask("which member has the rows of the source %s? %s differ only by a number, and %s is taken for now: write the right one "+
				"in format.sources; it must have the same name in all archives", s.name, quoted(alike), quoted([]string{s.Member}))
		}
	}
}

// pattern returns what stands before and behind the "*" in the member of the sources: those of the default if it fits at least one
// source, else what the names of all have in common. Both are empty if there is no pattern.
func (d *drafter) pattern() (prefix, suffix string) {
	prefix, suffix, _ = strings.Cut(d.defaults.Format.Sources[fit.AnySource].Member, "*")
	for _, s := range d.sources {
		if _, ok := between(s.Member, prefix, suffix); ok {
			return prefix, suffix
		}
	}
	if len(d.sources) < 2 {
		return "", ""
	}
	prefix, suffix = d.sources[0].Member, d.sources[0].Member
	for _, s := range d.sources[1:] {
		prefix = prefix[:commonPrefix(prefix, s.Member)]
		suffix = suffix[len(suffix)-commonSuffix(suffix, s.Member):]
	}
	prefix = prefix[:strings.LastIndexAny(prefix, "-_./")+1]
	if i := strings.IndexAny(suffix, "-_."); i >= 0 {
		suffix = suffix[i:]
	} else {
		suffix = ""
	}
	for _, s := range d.sources {
		if _, ok := between(s.Member, prefix, suffix); !ok {
			return "", ""
		}
	}
	return prefix, suffix
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func commonSuffix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// between returns what stands between a prefix and a suffix, if it may be the name of a source.
func between(member, prefix, suffix string) (string, bool) {
	if prefix == "" && suffix == "" || len(member) <= len(prefix)+len(suffix) || !strings.HasPrefix(member, prefix) || !strings.HasSuffix(member, suffix) {
		return "", false
	}
	name := member[len(prefix) : len(member)-len(suffix)]
	return name, wordOf(name) == name
}

// wordOf makes the name of a source from that of a member: without what follows the first dot, and without other characters than
// A-Z, a-z, 0-9, _ and -.
func wordOf(member string) string {
	base := member[strings.LastIndexByte(member, '/')+1:]
	folder := strings.TrimSuffix(member[:len(member)-len(base)], "/")
	name, _, _ := strings.Cut(strings.TrimLeft(base, "."), ".")
	if folder != "" {
		name = folder + "-" + name
	}
	name = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r < 0x80 && isAlphanumeric(byte(r)) {
			return r
		}
		return '_'
	}, name)
	for _, prefix := range []string{"telemetry-", "telemetry_"} {
		if rest := strings.TrimPrefix(name, prefix); rest != "" {
			name = rest
		}
	}
	if name == "" {
		return "rows"
	}
	return name[:min(len(name), 64)]
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// format returns the lines of the key format, except those of the channels.
func (d *drafter) format() []line {
	var lines []line
	def := d.defaults.Format
	if s := d.suffixes(); s != nil && !slices.Equal(s, def.Suffixes) {
		lines = append(lines, line{text: "suffixes: " + list(s)})
	}
	unit := d.unit()
	if unit != def.Time {
		lines = append(lines, line{text: "time: " + scalar(string(unit)), comment: clockReason(unit)})
	}
	lines = append(lines, d.meta()...)
	lines = append(lines, d.labels(unit)...)
	lines = append(lines, d.phases()...)
	return append(lines, d.sourceLines(unit)...)
}

// clockReason says why the times have a unit.
func clockReason(unit fit.TimeUnit) string {
	if unit == "rfc3339" {
		return "they are written so"
	}
	return "the size of the numbers says it"
}

// suffixes returns those of the archives. Of two where one is the end of the other only the longer is taken, since a spec must not
// have both.
func (d *drafter) suffixes() []string {
	var all []string
	for _, s := range d.in.Suffixes {
		if i := slices.IndexFunc(d.in.Suffixes, func(o string) bool { return o != s && (strings.HasSuffix(o, s) || strings.HasSuffix(s, o)) }); i >= 0 {
			d.ask("some archives end in %s and some in %s, and a spec cannot have both: rename the files", s, d.in.Suffixes[i])
			if slices.ContainsFunc(all, func(o string) bool { return strings.HasSuffix(o, s) || strings.HasSuffix(s, o) }) {
				continue
			}
		}
		all = append(all, s)
	}
	return all
}

// unit returns the unit that most times have.
func (d *drafter) unit() fit.TimeUnit {
	counts := map[fit.TimeUnit]int{}
	if l := d.in.Summary.Labels; l != nil {
		counts[fit.TimeUnit(l.Unit)]++
	}
	for _, s := range d.sources {
		counts[fit.TimeUnit(s.Unit)]++
	}
	best := d.defaults.Format.Time
	for _, u := range slices.Sorted(maps.Keys(counts)) {
		if counts[u] > counts[best] {
			best = u
		}
	}
	return best
}

func (d *drafter) meta() []line {
	m, def := d.in.Summary.Meta, d.defaults.Format.Meta
	if m == nil {
		return []line{{text: `meta: {member: ""}`, comment: "no member is one JSON object, so the duration is unknown"}}
	}
	if m.Duration == "" {
		if m.Member == def.Member {
			return []line{{comment: fmt.Sprintf("meta: {duration: \"...\"}  (no field of %s looks like the duration in s, ms, us or ns, so it is unknown)", oneLine(m.Member))}}
		}
		return []line{{text: `meta: {member: ""}`, comment: fmt.Sprintf("guess: no field of %q looks like the duration", m.Member)}}
	}
	var pairs [][2]string
	pairs = appendDiffering(pairs, "member", m.Member, def.Member)
	pairs = appendDiffering(pairs, "duration", m.Duration, def.Duration)
	pairs = appendDiffering(pairs, "unit", string(m.Unit), string(def.Unit))
	if pairs == nil {
		return nil
	}
	comment := ""
	if !m.Sure {
		comment = "guess: it is about as long as the labels"
	} else if m.Unit != "s" {
		comment = "guess: so it is about as long as the labels"
	}
	return []line{{text: "meta: " + mapping(pairs...), comment: comment}}
}

// appendDiffering appends a key with its value, unless it is the default.
func appendDiffering(pairs [][2]string, key, value, byDefault string) [][2]string {
	if value == byDefault {
		return pairs
	}
	return append(pairs, [2]string{key, scalar(value)})
}

func (d *drafter) labels(unit fit.TimeUnit) []line {
	l, def := d.in.Summary.Labels, d.defaults.Format.Labels
	if l == nil {
		d.ask("no member looks like the labels, which are JSON lines with a time and a phase: write format.labels")
		return []line{{comment: `labels: {member: "...", time: "...", phase: "..."}  (FILL IN: no member looks like it)`}}
	}
	var pairs [][2]string
	pairs = appendDiffering(pairs, "member", l.Member, def.Member)
	pairs = appendDiffering(pairs, "time", l.Time, def.Time)
	pairs = appendDiffering(pairs, "unit", string(l.Unit), string(unit))
	pairs = appendDiffering(pairs, "phase", l.Phase, def.Phase)
	if pairs == nil {
		return nil
	}
	return []line{{text: "labels: " + mapping(pairs...)}}
}

// sourceLines returns the lines of the sources. The line "*" stands for all that are alike.
func (d *drafter) sourceLines(unit fit.TimeUnit) []line {
	if len(d.sources) == 0 {
		d.ask("no member looks like telemetry, which has rows with a time and numbers: write format.sources")
		return []line{{comment: `sources: {"*": {member: "...", time: "..."}}  (FILL IN: no member looks like it)`}}
	}
	def := d.defaults.Format.Sources[fit.AnySource]
	prefix, suffix := d.pattern()
	star := fit.SourceFormat{Member: def.Member, Time: def.Time, Unit: unit, Rows: def.Rows}
	if i := slices.IndexFunc(d.sources, func(s source) bool { return s.pattern }); i >= 0 {
		star = d.sources[i].format()
		star.Member = prefix + "*" + suffix
	}
	var lines []line
	if pairs := differingSource(star, def, unit); pairs != nil {
		lines = append(lines, line{indent: 1, text: `"*": ` + mapping(pairs...)})
	}
	for _, s := range d.sources {
		f := s.format()
		like := star
		like.Member = strings.ReplaceAll(star.Member, "*", s.name)
		if f == like {
			continue
		}
		pairs := [][2]string{{"member", scalar(f.Member)}, {"time", scalar(f.Time)}, {"rows", f.Rows}}
		if f.Unit != star.Unit {
			pairs = append(pairs, [2]string{"unit", string(f.Unit)})
		}
		lines = append(lines, line{indent: 1, text: s.name + ": " + mapping(pairs...)})
	}
	if lines == nil {
		return nil
	}
	return append([]line{{text: "sources:"}}, lines...)
}

func (s source) format() fit.SourceFormat {
	return fit.SourceFormat{Member: s.Member, Time: s.Time, Unit: fit.TimeUnit(s.Unit), Rows: string(s.Rows)}
}

func differingSource(s, def fit.SourceFormat, unit fit.TimeUnit) [][2]string {
	var pairs [][2]string
	pairs = appendDiffering(pairs, "member", s.Member, def.Member)
	pairs = appendDiffering(pairs, "time", s.Time, def.Time)
	pairs = appendDiffering(pairs, "unit", string(s.Unit), string(unit))
	return appendDiffering(pairs, "rows", s.Rows, def.Rows)
}
