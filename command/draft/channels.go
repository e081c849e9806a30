package draft

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/cis490/profiles/command/inspect"
	"github.com/cis490/profiles/fit"
)

// A channel is a field of a source that has numbers.
type channel struct {
	name    string // <source>.<field>
	field   *inspect.Field
	words   []string // of the field's path
	counter bool     // it looks like a counter, or is one of ours
	ours    bool     // it is a counter that is known without a spec
	path    bool     // the spec must say its path, since the name differs from it
	usual   bool     // its source is written as by default
}

// isOurs reports whether a field of the source proc is a counter that is known without a spec.
func isOurs(field string) bool {
	return (&fit.Spec{}).Channel("proc."+field).Kind == fit.Counter
}

// ourName returns the field of the source proc that a path names: cpu.user_jiffies, stat.cpuUserJiffies and cpu_user_jiffies are
// all cpu_user_jiffies. It returns "" for others.
func ourName(path string) string {
	if isOurs(path) {
		return path
	}
	words := splitWords(path)
	for i := range words {
		if name := strings.Join(words[i:], "_"); isOurs(name) {
			return name
		}
	}
	return ""
}

// splitWords returns the words of a path in lower case: cpu.userTime has cpu, user and time.
func splitWords(path string) []string {
	var spaced strings.Builder
	before := ' '
	for _, r := range path {
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			spaced.WriteByte(' ')
		}
		spaced.WriteRune(unicode.ToLower(r))
		before = r
	}
	return strings.FieldsFunc(spaced.String(), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// process returns the source that has most of the counters of a process, at least two; nil if there is none.
func (d *drafter) process() *source {
	best, most := -1, 1
	for i, s := range d.sources {
		n := 0
		for _, f := range d.in.Summary.Member(s.Member).Fields {
			if f.IsNumber() && ourName(f.Path) != "" {
				n++
			}
		}
		if n > most {
			best, most = i, n
		}
	}
	if best < 0 {
		return nil
	}
	return &d.sources[best]
}

// nameChannels finds the channels of all sources.
func (d *drafter) nameChannels() {
	taken := map[string]bool{}
	for _, s := range d.sources {
		for _, f := range d.in.Summary.Member(s.Member).Fields {
			if strings.ContainsFunc(f.Path, func(r rune) bool { return !unicode.IsPrint(r) }) {
				continue // a spec cannot have it, and one such field must not make the whole spec invalid
			}
			if f.Path == s.Time || !f.IsNumber() || f.EpochUnit() != "" && f.Rises > f.Falls {
				continue
			}
			c := newChannel(s, f)
			if taken[c.name] {
				continue // two fields of nearly one name: the spec can be written by hand
			}
			taken[c.name] = true
			d.all = append(d.all, c)
		}
	}
}

func newChannel(s source, f *inspect.Field) channel {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r < 0x80 && isAlphanumeric(byte(r)) {
			return r
		}
		return '_'
	}, f.Path)
	usual := s.format() == fit.DefaultFormat().Source(s.name)
	c := channel{field: f, words: splitWords(f.Path), counter: f.LooksLikeCounter(), usual: usual}
	if s.name == "proc" {
		if ours := ourName(f.Path); ours != "" {
			name, c.ours, c.counter = ours, true, true
		}
	}
	name = name[:min(len(name), 128)]
	c.name = s.name + "." + name
	c.path = name != f.Path
	return c
}

// channel returns the channel of a name, or nil.
func (d *drafter) channel(name string) *channel {
	i := slices.IndexFunc(d.all, func(c channel) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &d.all[i]
}

// line returns the line of a counter in the key channels; "" if the channel needs none.
func (c channel) line() (text, comment string) {
	if !c.counter {
		return "", ""
	}
	var pairs [][2]string
	if !c.ours {
		pairs = append(pairs, [2]string{"kind", string(fit.Counter)})
		comment = fmt.Sprintf("guess: it grows, and falls in %d of %d steps", c.field.Falls, c.field.Rises+c.field.Falls+c.field.Repeats)
	}
	if c.path {
		pairs = append(pairs, [2]string{"field", scalar(c.field.Path)})
	}
	if pairs == nil {
		return "", ""
	}
	return scalar(c.name) + ": " + mapping(pairs...), comment
}

// maxChannels is how many channels are described.
const maxChannels = 300

// channels returns the lines of the key channels: counters that are not known without them, and paths. In a source that is written
// as by default all else is a gauge, so only the channels of the profiles are described there; the others are comments.
func (d *drafter) channels() []line {
	var lines []line
	active := false
	for _, c := range d.all {
		text, comment := c.line()
		switch {
		case text == "":
			continue
		case len(lines) == maxChannels:
			lines = append(lines, line{indent: 1, comment: "there are more; profiles inspect shows them"})
			continue
		case len(lines) > maxChannels:
			continue
		case c.usual && !slices.Contains(d.used, c.name):
			lines = append(lines, line{indent: 1, comment: text + "  (it looks like a counter; by default it is a gauge)"})
			continue
		}
		active = true
		lines = append(lines, line{indent: 1, text: text, comment: comment})
	}
	if lines == nil {
		return nil
	}
	head := line{text: "channels:"}
	if !active {
		head = line{comment: "channels:"}
	}
	return append([]line{head}, lines...)
}
