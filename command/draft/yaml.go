package draft

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// A line is a line of YAML, or a comment.
type line struct {
	indent  int    // in steps of two blanks
	text    string // "" for a line that is only a comment
	comment string
}

// A yamlText is YAML that grows line by line.
type yamlText struct{ b bytes.Buffer }

func (y *yamlText) comment(indent int, text string) { y.add(line{indent: indent, comment: text}) }

func (y *yamlText) add(l line) {
	y.b.WriteString(strings.Repeat("  ", l.indent))
	y.b.WriteString(l.text)
	if l.comment != "" {
		if l.text != "" {
			y.b.WriteString(" ")
		}
		y.b.WriteString("# " + oneLine(l.comment))
	}
	y.b.WriteByte('\n')
}

// section adds a key of the document with its lines, unless there are none. Lines that are only comments stand without the key.
func (y *yamlText) section(key string, lines []line) {
	if len(lines) == 0 {
		return
	}
	y.b.WriteByte('\n')
	only := true
	for _, l := range lines {
		only = only && l.text == ""
	}
	if !only {
		y.add(line{text: key + ":"})
	}
	for _, l := range lines {
		if !only {
			l.indent++
		}
		y.add(l)
	}
}

func (y *yamlText) bytes() []byte { return y.b.Bytes() }

// plainYAML matches text that means itself without quotes, everywhere in a document.
var plainYAML = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*$|^\.[A-Za-z][A-Za-z0-9.]*$`)

// scalar returns text as a YAML scalar that is a string.
func scalar(text string) string {
	switch strings.ToLower(text) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null", ".nan", ".inf":
	default:
		if plainYAML.MatchString(text) {
			return text
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(fmt.Sprintf("encode a string: %v", err)) // a string always has a JSON form
	}
	var escaped strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if unicode.IsPrint(r) {
			escaped.WriteRune(r)
		} else { // YAML rejects some of these, and a terminal obeys some
			fmt.Fprintf(&escaped, `\U%08X`, r)
		}
	}
	return escaped.String()
}

// list returns texts as a YAML list.
func list(texts []string) string {
	var all []string
	for _, t := range texts {
		all = append(all, scalar(t))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// mapping returns pairs of keys and values as a YAML mapping. A pair without a value is left out.
func mapping(pairs ...[2]string) string {
	var all []string
	for _, p := range pairs {
		if p[1] != "" {
			all = append(all, p[0]+": "+p[1])
		}
	}
	return "{" + strings.Join(all, ", ") + "}"
}
