package emit

import (
	"encoding/binary"
	"strings"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
)

// An assignment is an episode under a profile. Other programs publish to the log,
// too, so the names may not be well-formed.
type assignment struct{ host, episode, profile string }

func assignmentOf(n bus.Notice) assignment { return assignment{n.Host, n.Episode, n.Profile} }

// wellFormed reports whether it names an episode and a profile.
func (a assignment) wellFormed() bool {
	_, badRef := episode.ParseRef(a.host, a.episode)
	_, badProfile := fit.ParseProfileName(a.profile)
	return badRef == nil && badProfile == nil
}

// text returns a well-formed assignment as text. The order of texts is that of host, episode and
// profile, since the byte between them is lower than any in a name.
func (a assignment) text() string { return episodeText(a.host, a.episode) + a.profile }

// episodeText is what the texts of an episode's assignments begin with.
func episodeText(host, id string) string { return host + between + id + between }

const between = "\x00"

// assignmentIn returns the assignment that a text begins with. The profile ends at the end of the
// text or before the byte between.
func assignmentIn(text string) assignment {
	host, rest, _ := strings.Cut(text, between)
	id, rest, _ := strings.Cut(rest, between)
	profile, _, _ := strings.Cut(rest, between)
	return assignment{host, id, profile}
}

// numberLen is the length of a number in a text.
const numberLen = 8

// numberText returns a number as text. The order of texts is that of numbers.
func numberText(n uint64) string {
	var text [numberLen]byte
	binary.BigEndian.PutUint64(text[:], n)
	return string(text[:])
}

func numberIn(text string) uint64 { return binary.BigEndian.Uint64([]byte(text[:numberLen])) }

// assignments is a set.
type assignments map[assignment]struct{}

func (s assignments) has(a assignment) bool {
	_, ok := s[a]
	return ok
}
