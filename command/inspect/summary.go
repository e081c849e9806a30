package inspect

import (
	"slices"
	"strings"

	"github.com/cis490/profiles/episode"
)

// A Summary is what several archives hold together: those of a store, or one.
type Summary struct {
	Archives     int            `json:"archives"` // that were read
	Compressions map[string]int `json:"compressions"`
	Bytes        int64          `json:"bytes"`
	Members      []*Member      `json:"members"`                // in the order of their names
	MoreMembers  int            `json:"more_members,omitempty"` // in all archives
	Labels       *Labels        `json:"labels,omitempty"`       // where the labels seem to be; nil if they were not found
	Meta         *Meta          `json:"meta,omitempty"`         // where the duration seems to be
	Sources      []Source       `json:"sources"`                // where the rows of telemetry seem to be
	Walks        []Walk         `json:"walks,omitempty"`        // the labels of each archive

	archives []*Archive
}

// Summarize returns what the archives hold together.
func Summarize(archives []*Archive) *Summary {
	s := &Summary{Archives: len(archives), Compressions: map[string]int{}, archives: archives, Sources: []Source{}}
	setNames(archives)
	byName := map[string]*Member{}
	for _, a := range archives {
		s.Compressions[a.Compression]++
		s.Bytes += a.Bytes
		s.MoreMembers += a.MoreMembers
		for _, m := range a.Members {
			all := byName[m.Name]
			if all == nil {
				all = &Member{Name: m.Name, Kind: m.Kind, path: m.path}
				byName[m.Name] = all
				s.Members = append(s.Members, all)
			}
			all.merge(m)
		}
	}
	slices.SortFunc(s.Members, func(a, b *Member) int { return strings.Compare(a.Name, b.Name) })
	s.guess()
	return s
}

// setNames gives each member the shortest name that no other member of its archive has: the last part of its path, or more parts.
func setNames(archives []*Archive) {
	for parts := 2; parts <= maxParts; parts++ {
		twice := map[string]bool{}
		for _, a := range archives {
			a.addRepeated(twice)
		}
		for _, a := range archives {
			for _, m := range a.Members {
				if twice[m.Name] {
					m.Name = tail(m.path, parts)
				}
			}
		}
	}
}

// addRepeated adds the names that two members have.
func (a *Archive) addRepeated(twice map[string]bool) {
	seen := map[string]bool{}
	for _, m := range a.Members {
		if seen[m.Name] {
			twice[m.Name] = true
		}
		seen[m.Name] = true
	}
}

// Member returns the member of a name, or nil.
func (s *Summary) Member(name string) *Member { return memberOf(s.Members, name) }

func memberOf(members []*Member, name string) *Member {
	for _, m := range members {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// TimeOf returns the field that seems to be the time of a member's rows; "" if none does.
func (s *Summary) TimeOf(member string) string {
	if s.Labels != nil && s.Labels.Member == member {
		return s.Labels.Time
	}
	for _, src := range s.Sources {
		if src.Member == member {
			return src.Time
		}
	}
	return ""
}

// Labels say where the labels of episodes seem to be.
type Labels struct {
	Member string           `json:"member"`
	Time   string           `json:"time"`
	Unit   episode.TimeUnit `json:"unit"`
	Phase  string           `json:"phase"`
}

// Meta says where the duration of episodes seems to be.
type Meta struct {
	Member   string           `json:"member"`
	Duration string           `json:"duration"` // "": no field looks like it
	Unit     episode.TimeUnit `json:"unit"`
	Sure     bool             `json:"sure"` // its name says it, and it fits the times of the labels
}

// A Source says where rows of telemetry seem to be.
type Source struct {
	Member string           `json:"member"`
	Time   string           `json:"time"`
	Unit   episode.TimeUnit `json:"unit"`
	Epoch  bool             `json:"since_1970"`
	Rows   Kind             `json:"rows"`
}

// A Walk is the labels of one archive, in their order.
type Walk struct {
	Archive string      `json:"archive,omitempty"`
	Labels  []WalkLabel `json:"labels"`
}

// A WalkLabel is one label.
type WalkLabel struct {
	Time  float64 `json:"time"`  // seconds since the first label
	Phase string  `json:"phase"` // "" if it has none
}
