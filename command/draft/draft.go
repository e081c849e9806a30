// Package draft writes a spec for archives. All that it knows of them is what package inspect found.
//
// Only what differs from the defaults is written, so archives in the default format give the default spec. What was guessed has a
// comment that says so, and what cannot be guessed is a question: a comment to fill in, and a sentence for the person.
//
//	draft.go     the whole spec
//	format.go    members, times and suffixes; phases.go: the words for phases
//	channels.go  names and kinds of channels
//	profiles.go  profiles, and the signature
//	list.go      the columns of the list of episodes
//	yaml.go      writes YAML
package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cis490/profiles/command/inspect"
	"github.com/cis490/profiles/fit"
)

// Input is what is known.
type Input struct {
	From     string           // the archives, for the first comment: a path
	Summary  *inspect.Summary // of some archives
	Suffixes []string         // of all archives, the most frequent first; empty if the store is not known
	List     *List            // nil if there is no list of episodes
}

// A Draft is a spec with comments.
type Draft struct {
	YAML []byte
	Spec *fit.Spec // what fit.ParseSpec makes of the YAML
	// Questions say what a person must fill in or look at, one sentence each.
	Questions []string
}

// Make makes a spec. An error means that the guess is not a valid spec, and says why; the draft has the YAML all the same.
func Make(in Input) (*Draft, error) {
	d := &drafter{in: in, defaults: fit.DefaultSpec()}
	d.nameSources()
	d.nameChannels()
	format := d.format()
	profiles := d.profiles()
	d.askNumbered()
	signature := d.signature()
	points := d.points()
	format = append(format, d.channels()...)

	var y yamlText
	y.comment(0, fmt.Sprintf("A spec for %s, made from %d archives by profiles inspect --write-spec.", in.From, in.Summary.Archives))
	y.comment(0, "It has what differs from the defaults (docs/OPERATIONS.md, \"The spec\"). Look at each line that says guess.")
	y.section("format", format)
	y.section("points", points)
	y.section("profiles", profiles)
	y.section("signature", signature)
	y.section("validation", d.validation())
	for _, q := range d.questions {
		y.comment(0, "FILL IN: "+q)
	}
	out := &Draft{YAML: y.bytes(), Questions: d.questions}
	spec, err := fit.ParseSpec(out.YAML)
	if err != nil {
		return out, fmt.Errorf("the spec that was guessed is not valid, correct it by hand: %w", err)
	}
	out.Spec = spec
	return out, nil
}

// A drafter makes one draft.
type drafter struct {
	in        Input
	defaults  *fit.Spec
	sources   []source
	all       []channel // of all sources
	used      []string  // channels of the profiles
	questions []string
}

func (d *drafter) ask(format string, args ...any) {
	if q := fmt.Sprintf(format, args...); !slices.Contains(d.questions, q) {
		d.questions = append(d.questions, q)
	}
}

// quoted lists words for a comment or a sentence.
func quoted(words []string) string { return inspect.Quoted(words) }

// oneLine returns text without line breaks and other control characters, for a comment.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return '?'
		}
		return r
	}, text)
}
