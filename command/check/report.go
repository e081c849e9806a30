package check

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/cis490/profiles/command/roster"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// A Report says which episodes give a curve.
type Report struct {
	Tried    int       `json:"tried"`
	Curves   int       `json:"curves"` // of these, episodes that give a curve
	Profiles []Profile `json:"profiles"`
	// Twice are episodes that have several archives with different suffixes. The first suffix of the spec counts.
	Twice []Twice `json:"twice"`
}

// A Profile is the part of a report about one profile.
type Profile struct {
	Name    fit.ProfileName `json:"profile"`
	Channel string          `json:"channel"`
	Tried   int             `json:"tried"`
	Curves  int             `json:"curves"`
	// Unlisted says why the list has no episode of the profile; it is empty if it has one.
	Unlisted string         `json:"unlisted,omitempty"`
	Hosts    []Host         `json:"hosts"`    // in the order of their names
	Without  []Without      `json:"without"`  // why episodes give no curve, the most frequent reason first
	Quality  []fit.Affected `json:"quality"`  // what is wrong with the episodes that give a curve, in the order of the kinds
	Warnings []Warning      `json:"warnings"` // about them, one for each kind and channel

	hosts    map[episode.Host]*Host
	without  map[fit.Reason]*Without
	quality  map[fit.QualityKind]*affected
	warnings map[warningKey]*Warning
}

// A Host counts the episodes of one host.
type Host struct {
	Host   episode.Host `json:"host"`
	Tried  int          `json:"tried"`
	Curves int          `json:"curves"`
}

// A Without is a reason why episodes give no curve.
type Without struct {
	Reason   fit.Reason `json:"reason"`
	Episodes int        `json:"episodes"`
	Example  string     `json:"example"` // of these, the one of lowest rank: <host>/<episode>
	Detail   string     `json:"detail"`  // of the example: what was looked for, and what is there instead

	place int
}

// A Warning is one of [episode.Warning], of all episodes of a profile.
type Warning struct {
	Kind     episode.WarningKind `json:"kind"`
	Channel  string              `json:"channel"`
	Episodes int                 `json:"episodes"`
	Example  string              `json:"example"`
	Detail   string              `json:"detail"`

	place int
}

type warningKey struct {
	kind    episode.WarningKind
	channel episode.ChannelName
}

// affected is a fit.Affected with the place of its episode.
type affected struct {
	fit.Affected
	place int
}

// A Twice is an episode with several archives.
type Twice struct {
	Episode  string   `json:"episode"` // <host>/<episode>
	Suffixes []string `json:"suffixes"`
}

func newReport(spec *fit.Spec, r *roster.Roster) *Report {
	report := &Report{Twice: []Twice{}}
	for _, p := range spec.Profiles {
		report.Profiles = append(report.Profiles, Profile{
			Name: p.Name, Channel: p.Channel, Unlisted: r.Why(spec, p.Name),
			hosts: map[episode.Host]*Host{}, without: map[fit.Reason]*Without{},
			quality: map[fit.QualityKind]*affected{}, warnings: map[warningKey]*Warning{},
		})
	}
	return report
}

// add adds what came of a try. The order of the calls does not change the report: of several examples, that of lowest rank counts.
func (r *Report) add(o outcome) {
	p := &r.Profiles[o.profile]
	host := p.hosts[o.ref.Host]
	if host == nil {
		host = &Host{Host: o.ref.Host}
		p.hosts[o.ref.Host] = host
	}
	r.Tried, p.Tried, host.Tried = r.Tried+1, p.Tried+1, host.Tried+1
	if o.suffixes != nil {
		r.Twice = append(r.Twice, Twice{o.ref.String(), o.suffixes})
	}
	if o.alignment == nil {
		p.addReason(o)
		return
	}
	r.Curves, p.Curves, host.Curves = r.Curves+1, p.Curves+1, host.Curves+1
	p.addQuality(o)
	p.addWarnings(o)
}

func (p *Profile) addReason(o outcome) {
	w := p.without[o.reason]
	if w == nil {
		w = &Without{Reason: o.reason, place: o.place}
		p.without[o.reason] = w
	}
	if w.Episodes++; o.place <= w.place {
		w.Example, w.Detail, w.place = o.ref.String(), o.detail, o.place
	}
}

func (p *Profile) addQuality(o outcome) {
	kinds := fit.QualityKinds()
	for i, value := range o.alignment.Quality.Values() {
		if value <= 0 {
			continue
		}
		a := p.quality[kinds[i]]
		if a == nil {
			a = &affected{Affected: fit.Affected{Kind: kinds[i]}}
			p.quality[kinds[i]] = a
		}
		a.Episodes++
		if value > a.Worst || value == a.Worst && o.place < a.place {
			a.Worst, a.Host, a.Episode, a.place = value, string(o.ref.Host), string(o.ref.ID), o.place
		}
	}
}

func (p *Profile) addWarnings(o outcome) {
	for _, warning := range o.alignment.Warnings {
		key := warningKey{warning.Kind, warning.Channel}
		w := p.warnings[key]
		if w == nil {
			w = &Warning{Kind: warning.Kind, Channel: warning.Channel.String(), place: o.place}
			p.warnings[key] = w
		}
		if w.Episodes++; o.place <= w.place {
			w.Example, w.Detail, w.place = o.ref.String(), warning.Detail, o.place
		}
	}
}

// end makes the lists of the report.
func (r *Report) end() {
	slices.SortFunc(r.Twice, func(a, b Twice) int { return strings.Compare(a.Episode, b.Episode) })
	for i := range r.Profiles {
		p := &r.Profiles[i]
		p.Hosts, p.Without, p.Quality, p.Warnings = []Host{}, []Without{}, []fit.Affected{}, []Warning{}
		for _, name := range slices.Sorted(maps.Keys(p.hosts)) {
			p.Hosts = append(p.Hosts, *p.hosts[name])
		}
		for _, reason := range fit.Reasons() {
			if w := p.without[reason]; w != nil {
				p.Without = append(p.Without, *w)
			}
		}
		slices.SortStableFunc(p.Without, func(a, b Without) int { return cmp.Compare(b.Episodes, a.Episodes) })
		for _, kind := range fit.QualityKinds() {
			if a := p.quality[kind]; a != nil {
				p.Quality = append(p.Quality, a.Affected)
			}
		}
		for _, w := range p.warnings {
			p.Warnings = append(p.Warnings, *w)
		}
		slices.SortFunc(p.Warnings, func(a, b Warning) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Channel, b.Channel))
		})
	}
}

// Unreadable returns how many archives cannot be read: those that are corrupt or too large.
func (r *Report) Unreadable() int {
	n := 0
	for _, p := range r.Profiles {
		for _, w := range p.Without {
			if w.Reason == fit.ReasonCorrupt || w.Reason == fit.ReasonTooLarge {
				n += w.Episodes
			}
		}
	}
	return n
}
