package inspect

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cis490/profiles/fit"
)

// A Channel is a field with numbers that a spec can name: <source>.<field>.
type Channel struct {
	Name  string          `json:"channel"`
	Kind  fit.ChannelKind `json:"kind"` // by the spec
	Unit  string          `json:"unit"` // of its curve
	Field *Field          `json:"field"`

	FirstRows int `json:"first_rows,omitempty"` // as in Member
}

// channelForm is what the name of a channel must match.
var channelForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}\.[A-Za-z0-9_.-]{1,128}$`)

// Channels returns the channels that the archives have in the format of a spec, in the order of members and fields. A field whose
// name cannot be that of a channel is there only if the spec gives it another name.
func (s *Summary) Channels(spec *fit.Spec) []Channel {
	var all []Channel
	for _, m := range s.Members {
		for _, source := range sourcesOf(spec.Format, m.path) {
			for _, f := range m.Fields {
				if f.Path == spec.Format.Source(source).Time || !f.IsNumber() {
					continue
				}
				name := channelName(spec.Format, source, f.Path)
				if !channelForm.MatchString(name) {
					continue
				}
				c := spec.Channel(name)
				all = append(all, Channel{Name: name, Kind: c.Kind, Unit: c.Unit, Field: f, FirstRows: m.FirstRows})
			}
		}
	}
	return all
}

// anySource is the name of the source of a member that has the rows of all sources: any name will do.
const anySource = "rows"

// channelName returns the name of a field: that of the channel whose path it is, or else <source>.<field>.
func channelName(f fit.Format, source, path string) string {
	for _, name := range slices.Sorted(maps.Keys(f.Channels)) {
		of, _, _ := strings.Cut(name, ".")
		if f.Channels[name].Field == path && (of == source || source == anySource) {
			return name
		}
	}
	return source + "." + path
}

// sourcesOf returns the sources whose rows are in the member of a path.
func sourcesOf(f fit.Format, path string) []string {
	is := func(member string) bool { return tail(path, strings.Count(member, "/")+1) == member }
	var sources []string
	for _, name := range slices.Sorted(maps.Keys(f.Sources)) {
		if name != fit.AnySource && is(f.Sources[name].Member) {
			sources = append(sources, name)
		}
	}
	pattern := f.Sources[fit.AnySource].Member
	before, after, starred := strings.Cut(pattern, "*")
	if !starred {
		if is(pattern) {
			sources = append(sources, anySource)
		}
		return sources
	}
	name := tail(path, strings.Count(pattern, "/")+1)
	if len(name) <= len(before)+len(after) || !strings.HasPrefix(name, before) || !strings.HasSuffix(name, after) {
		return sources
	}
	source := name[len(before) : len(name)-len(after)]
	if _, named := f.Sources[source]; !named && is(f.Source(source).Member) {
		sources = append(sources, source)
	}
	return sources
}
