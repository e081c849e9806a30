package fit

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxFormatEntries bounds each list of a format, and so the size of a spec.
	maxFormatEntries = 1000
	// maxFormatText is the most bytes of a path, member, column, word or suffix.
	maxFormatText = 512
	maxUnit       = 24 // characters
	// maxScale keeps the values of curves below what [Entry.Validate] accepts.
	maxScale = 1e15
)

// validate checks a complete format. used has the sources of the spec's channels.
func (f Format) validate(field string, used []string) error {
	if err := checkSuffixes(field+".suffixes", f.Suffixes); err != nil {
		return err
	}
	if err := f.Time.check(field + ".time"); err != nil {
		return err
	}
	if err := f.Meta.validate(field + ".meta"); err != nil {
		return err
	}
	if err := f.Labels.validate(field + ".labels"); err != nil {
		return err
	}
	if err := checkPhases(field+".phases", f.Phases); err != nil {
		return err
	}
	if err := checkSources(field+".sources", f.Sources); err != nil {
		return err
	}
	if err := checkChannels(field+".channels", f.Channels); err != nil {
		return err
	}
	return f.checkMembers(field, used)
}

func (m MetaFormat) validate(field string) error {
	if m.Member != "" {
		if err := checkMemberName(field+".member", m.Member); err != nil {
			return err
		}
	}
	if err := checkText(field+".duration", m.Duration); err != nil {
		return err
	}
	if m.Unit == "rfc3339" {
		return &fieldError{field + ".unit", errors.New("a duration cannot be rfc3339, write ns, us, ms or s")}
	}
	return m.Unit.check(field + ".unit")
}

func (l LabelFormat) validate(field string) error {
	if err := checkMemberName(field+".member", l.Member); err != nil {
		return err
	}
	if err := checkText(field+".time", l.Time); err != nil {
		return err
	}
	if err := checkText(field+".phase", l.Phase); err != nil {
		return err
	}
	return l.Unit.check(field + ".unit")
}

func (s SourceFormat) validate(field string) error {
	if err := checkMemberName(field+".member", s.Member); err != nil {
		return err
	}
	if err := checkText(field+".time", s.Time); err != nil {
		return err
	}
	if s.Rows != "jsonl" && s.Rows != "csv" {
		return &fieldError{field + ".rows", fmt.Errorf("%s is neither jsonl nor csv", quote(s.Rows))}
	}
	return s.Unit.check(field + ".unit")
}

func (u TimeUnit) check(field string) error {
	if !slices.Contains(TimeUnits(), u) {
		return &fieldError{field, fmt.Errorf("%s is not one of ns, us, ms, s and rfc3339", quote(string(u)))}
	}
	return nil
}

var suffixForm = regexp.MustCompile(`^(\.[A-Za-z0-9]+)+$`)

// checkSuffixes checks the suffixes of archives. If one were the tail of another, a name could be read in two ways.
func checkSuffixes(field string, suffixes []string) error {
	if len(suffixes) == 0 || len(suffixes) > maxFormatEntries {
		return &fieldError{field, fmt.Errorf("the list has %d suffixes, want 1 to %d", len(suffixes), maxFormatEntries)}
	}
	for i, suffix := range suffixes {
		field := fmt.Sprintf("%s[%d]", field, i)
		if !suffixForm.MatchString(suffix) || len(suffix) > maxFormatText {
			return &fieldError{field, fmt.Errorf("suffix %s does not match (\\.[A-Za-z0-9]+)+, such as .tar.gz", quote(suffix))}
		}
		for _, other := range suffixes[:i] {
			switch {
			case other == suffix:
				return &fieldError{field, fmt.Errorf("suffix %s is there twice", quote(suffix))}
			case strings.HasSuffix(other, suffix), strings.HasSuffix(suffix, other):
				return &fieldError{field, fmt.Errorf("of the suffixes %s and %s one is the end of the other", quote(other), quote(suffix))}
			}
		}
	}
	return nil
}

func checkPhases(field string, phases map[string]string) error {
	if len(phases) > maxFormatEntries {
		return &fieldError{field, fmt.Errorf("%d words are more than %d", len(phases), maxFormatEntries)}
	}
	for _, word := range slices.Sorted(maps.Keys(phases)) {
		field := entryField(field, word)
		if err := checkText(field, word); err != nil {
			return err
		}
		if !knownPhase(phases[word]) {
			return &fieldError{field, fmt.Errorf("%s is not a phase: they are %s", quote(phases[word]), strings.Join(phaseNames(), ", "))}
		}
	}
	return nil
}

func checkSources(field string, sources map[string]SourceFormat) error {
	if len(sources) > maxFormatEntries {
		return &fieldError{field, fmt.Errorf("%d sources are more than %d", len(sources), maxFormatEntries)}
	}
	if _, ok := sources[AnySource]; !ok {
		return &fieldError{field, fmt.Errorf("there is no line %q", AnySource)}
	}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		field, source := entryField(field, name), sources[name]
		if name != AnySource {
			if err := checkChannel(name + ".field"); err != nil || strings.Contains(name, ".") {
				return &fieldError{field, fmt.Errorf("source %s does not match [A-Za-z0-9_-]{1,%d}", quote(name), maxChannelPart)}
			}
			if strings.Contains(source.Member, "*") {
				return &fieldError{field + ".member", fmt.Errorf(`%s has a "*", which only the source "*" may have`, quote(source.Member))}
			}
		}
		if err := source.validate(field); err != nil {
			return err
		}
	}
	return nil
}

func checkChannels(field string, channels map[string]Channel) error {
	if len(channels) > maxFormatEntries {
		return &fieldError{field, fmt.Errorf("%d channels are more than %d", len(channels), maxFormatEntries)}
	}
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		field := entryField(field, name)
		if err := checkChannel(name); err != nil {
			return &fieldError{field, err}
		}
		if err := channels[name].validate(field); err != nil {
			return err
		}
	}
	return nil
}

// validate checks a channel of a spec, in which an empty field means its default.
func (c Channel) validate(field string) error {
	switch c.Kind {
	case "", Counter, Gauge:
	default:
		return &fieldError{field + ".kind", fmt.Errorf("%s is neither %s nor %s", quote(string(c.Kind)), Counter, Gauge)}
	}
	if !(math.Abs(c.Scale) <= maxScale) {
		return &fieldError{field + ".scale", fmt.Errorf("%g is not a number of at most %g in magnitude", c.Scale, maxScale)}
	}
	if !ValidUnit(c.Unit) {
		return &fieldError{field + ".unit", fmt.Errorf("%s has more than %d characters, or some that cannot be printed", quote(c.Unit), maxUnit)}
	}
	if c.Field == "" {
		return nil
	}
	return checkText(field+".field", c.Field)
}

// ValidUnit reports whether a text can be shown as a unit: at most 24 printable characters.
func ValidUnit(text string) bool { return utf8.RuneCountInString(text) <= maxUnit && printable(text) }

// checkMembers checks that no member of an archive is read in two ways: as meta, labels and rows, or as rows of two forms.
func (f Format) checkMembers(field string, used []string) error {
	if f.Meta.Member != "" && sameMember(f.Meta.Member, f.Labels.Member) {
		return &fieldError{field + ".labels.member", fmt.Errorf("%s is also the member of meta", quote(f.Labels.Member))}
	}
	names := slices.Sorted(maps.Keys(f.Sources))
	names = append(names, used...)
	names = slices.DeleteFunc(names, func(name string) bool { return name == AnySource })
	slices.Sort(names)
	names = slices.Compact(names)
	for i, name := range names {
		if err := f.checkMember(name, names[:i]); err != nil {
			at := field + ".sources"
			if _, ok := f.Sources[name]; ok {
				at = entryField(at, name)
			}
			return &fieldError{at, err}
		}
	}
	return nil
}

// checkMember compares the member of a source with those of meta, the labels and the sources before it.
func (f Format) checkMember(name string, before []string) error {
	source := f.Source(name)
	switch {
	case f.Meta.Member != "" && sameMember(source.Member, f.Meta.Member):
		return fmt.Errorf("the member %s of source %s is also that of meta", quote(source.Member), name)
	case sameMember(source.Member, f.Labels.Member):
		return fmt.Errorf("the member %s of source %s is also that of labels", quote(source.Member), name)
	}
	for _, earlier := range before {
		other := f.Source(earlier)
		if sameMember(source.Member, other.Member) && (source.Time != other.Time || source.Unit != other.Unit || source.Rows != other.Rows) {
			return fmt.Errorf("the sources %s and %s have one member, so time, unit and rows must be the same", earlier, name)
		}
	}
	return nil
}

// sameMember reports whether one member of an archive can have both names.
func sameMember(a, b string) bool {
	return a == b || strings.HasSuffix(a, "/"+b) || strings.HasSuffix(b, "/"+a)
}

// checkMemberName checks the name of a member: one or more parts with "/" between them.
func checkMemberName(field, member string) error {
	if err := checkText(field, member); err != nil {
		return err
	}
	for part := range strings.SplitSeq(member, "/") {
		if part == "" || part == "." || part == ".." {
			return &fieldError{field, fmt.Errorf("member %s has a part that is empty, . or .. between its slashes", quote(member))}
		}
	}
	return nil
}

// checkText checks a name or path that comes from an archive or a validation file.
func checkText(field, text string) error {
	switch {
	case text == "":
		return &fieldError{field, errors.New("it is empty")}
	case len(text) > maxFormatText:
		return &fieldError{field, fmt.Errorf("%s has more than %d bytes", quote(text), maxFormatText)}
	case !printable(text):
		return &fieldError{field, fmt.Errorf("%s has characters that cannot be printed", quote(text))}
	}
	return nil
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// entryField returns the path of an entry of a mapping whose keys are free: they may have dots.
func entryField(field, key string) string { return field + "[" + key + "]" }

func (v Validation) validate(field string) error {
	if err := v.checkColumns(field); err != nil {
		return err
	}
	field += ".accepted"
	if v.Status != "" && len(v.Accepted) == 0 {
		return &fieldError{field, errors.New(`the list is empty, so no row could be accepted; with status: "" every row is`)}
	}
	if len(v.Accepted) > maxFormatEntries {
		return &fieldError{field, fmt.Errorf("%d statuses are more than %d", len(v.Accepted), maxFormatEntries)}
	}
	for i, status := range v.Accepted {
		if slices.Contains(v.Accepted[:i], status) {
			return &fieldError{fmt.Sprintf("%s[%d]", field, i), fmt.Errorf("status %s is there twice", quote(status))}
		}
	}
	return nil
}

// checkColumns checks that there are four columns, or three if there is no status.
func (v Validation) checkColumns(field string) error {
	columns := []struct{ key, name string }{
		{"episode_id", v.EpisodeID}, {"host_id", v.HostID}, {"profile", v.Profile}, {"status", v.Status},
	}
	if v.Status == "" {
		columns = columns[:3]
	}
	seen := map[string]string{}
	for _, column := range columns {
		field := field + "." + column.key
		if err := checkText(field, column.name); err != nil {
			return err
		}
		if other, there := seen[column.name]; there {
			return &fieldError{field, fmt.Errorf("column %s is also %s", quote(column.name), other)}
		}
		seen[column.name] = column.key
	}
	return nil
}
