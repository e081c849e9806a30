package inspect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// NoCurve returns the archives that give no curve, whatever a spec says: those without labels or without rows that have a time.
func (s *Summary) NoCurve() []Unreadable {
	out := []Unreadable{}
	for _, a := range s.archives {
		switch {
		case s.Labels == nil:
			out = append(out, Unreadable{a.String(), "no member looks like labels: JSON lines with a time and a phase" + s.oddDate()})
		case memberOf(a.Members, s.Labels.Member) == nil:
			out = append(out, Unreadable{a.String(), fmt.Sprintf("no member %q, which has the labels in other archives; it has %s", s.Labels.Member, a.names())})
		case !slices.ContainsFunc(s.Sources, func(src Source) bool { return memberOf(a.Members, src.Member) != nil }):
			out = append(out, Unreadable{a.String(), "no member looks like telemetry: rows with a time and numbers; it has " + a.names()})
		default:
			if two := s.ambiguous(a); two != "" {
				out = append(out, Unreadable{a.String(), two})
			}
		}
	}
	return out
}

// oddDate says which field has dates that are not as RFC 3339 has them, or "".
func (s *Summary) oddDate() string {
	for _, m := range s.Members {
		for _, f := range m.Fields {
			if len(f.Words) > 0 && likeDate.MatchString(f.Words[0]) {
				return fmt.Sprintf("; %s of %s has dates such as %s, and RFC 3339 writes them as 2026-01-01T00:00:00Z, with an offset or Z",
					clip(f.Path), clip(m.Name), clip(f.Words[0]))
			}
		}
	}
	return ""
}

var likeDate = regexp.MustCompile(`^[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[Tt ][0-9]{2}:[0-9]{2}`)

// ambiguous says which of the members that are needed has a name that another member has too, or "".
func (s *Summary) ambiguous(a *Archive) string {
	needed := []string{s.Labels.Member}
	if s.Meta != nil {
		needed = append(needed, s.Meta.Member)
	}
	for _, src := range s.Sources {
		needed = append(needed, src.Member)
	}
	for _, name := range needed {
		var paths []string
		for _, m := range a.Members {
			if m.path == name || strings.HasSuffix(m.path, "/"+name) {
				paths = append(paths, m.path)
			}
		}
		if len(paths) > 1 {
			return fmt.Sprintf("several members are named %s, and it is not clear which one is meant: %s", clip(name), Quoted(paths))
		}
	}
	return ""
}

// names lists the members of an archive.
func (a *Archive) names() string {
	var names []string
	for _, m := range a.Members {
		names = append(names, m.Name)
	}
	if len(names) == 0 {
		return "no member"
	}
	return Quoted(names)
}

// Quoted lists names in quotes, and cuts long lists.
func Quoted(names []string) string {
	const most = 8
	var quoted []string
	for _, n := range names[:min(most, len(names))] {
		quoted = append(quoted, clip(n))
	}
	text := strings.Join(quoted, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// maxDifferences is how many differences are listed.
const maxDifferences = 50

// differences returns a sentence for each difference of the archives.
func (s *Summary) differences() []string {
	all := []string{}
	add := func(format string, args ...any) {
		if len(all) < maxDifferences {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	for _, m := range s.Members {
		if m.Archives < s.Archives {
			add("member %s is in %d of %d archives, not in %s", clip(m.Name), m.Archives, s.Archives, s.without(m.Name, ""))
		}
		for _, f := range m.Fields {
			if f.Archives < m.Archives {
				add("%s: field %s is in %d of %d archives, not in %s", clip(m.Name), clip(f.Path), f.Archives, m.Archives, s.without(m.Name, f.Path))
			}
		}
	}
	for _, src := range s.Sources {
		s.clockDifferences(src.Member, src.Time, add)
	}
	if s.Labels != nil {
		s.clockDifferences(s.Labels.Member, s.Labels.Time, add)
		s.phaseDifferences(add)
	}
	if len(all) == maxDifferences {
		all = append(all, "there are more differences")
	}
	return all
}

// without returns the first archive that lacks a member, or that has it without a field.
func (s *Summary) without(member, field string) string {
	for _, a := range s.archives {
		m := memberOf(a.Members, member)
		if m == nil && field == "" || m != nil && field != "" && m.Field(field) == nil {
			return a.String()
		}
	}
	return "the others"
}

// clockDifferences compares the units of a time.
func (s *Summary) clockDifferences(member, field string, add func(string, ...any)) {
	first, unit := "", ""
	for _, a := range s.archives {
		m := memberOf(a.Members, member)
		if m == nil || m.Field(field) == nil {
			continue
		}
		u := string(m.Field(field).EpochUnit())
		if u == "" {
			u = "not since 1970"
		}
		if first == "" {
			first, unit = a.String(), u
		}
		if u != unit {
			add("%s: the time %s is in %s in %s, and in %s in %s", clip(member), clip(field), unit, first, u, a.String())
			return
		}
	}
}

// phaseDifferences compares the phases that occur.
func (s *Summary) phaseDifferences(add func(string, ...any)) {
	counts := map[string]int{}
	var words []string
	for _, w := range s.Walks {
		for _, word := range w.Phases() {
			if counts[word]++; counts[word] == 1 {
				words = append(words, word)
			}
		}
	}
	for _, word := range words {
		if counts[word] == len(s.Walks) {
			continue
		}
		for _, w := range s.Walks {
			if !slices.Contains(w.Phases(), word) {
				add("phase %s is in the labels of %d of %d archives, not in %s", clip(word), counts[word], len(s.Walks), w.Archive)
				break
			}
		}
	}
}

// Phases returns the different phases of the labels, in the order in which they come first.
func (w Walk) Phases() []string {
	var words []string
	for _, l := range w.Labels {
		if l.Phase != "" && !slices.Contains(words, l.Phase) {
			words = append(words, l.Phase)
		}
	}
	return words
}
