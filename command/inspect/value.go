// Package inspect finds out what archives hold, without knowing their format: members, fields, times, labels, counters.
//
// [Read] describes one archive, [Summarize] several ones together with a guess of their format, and [Store] some archives of a
// directory. Nothing of an archive is trusted: what is kept of it is bounded, and values are not kept.
//
//	store.go        chooses and reads archives of a directory
//	archive.go      one archive
//	member.go       one member: JSON lines, CSV or a JSON document
//	value.go        the values of a JSON object; lines.go: lines and cells
//	field.go        what the values of one field are
//	summary.go      several archives together
//	guess.go        which members and fields are labels, telemetry and duration
//	times.go        which fields are times, and in which unit
//	differences.go  where archives differ
//	channels.go     the channels that archives have in the format of a spec
package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A value is one value of a row. A member of an object in the row has the keys on the way to it, joined by dots, as its path.
type value struct {
	kind valueKind
	text string // of a number, of a word (without its quotes), or the JSON of anything else
}

type valueKind uint8

const (
	isNumber valueKind = iota
	isWord             // a string
	isOther            // true, false, NaN, Infinity, an array, or an object without members
)

// visitor is called for each value of a row that is not null. The path is valid until it returns.
type visitor func(path []byte, v value)

// maxDepth is the deepest nesting that is followed.
const maxDepth = 100

// walkObject calls visit for each value of a JSON object. NaN, Infinity and -Infinity are let pass, as Python's json module writes
// them. The error says what is wrong, and matches errEndsEarly if the object goes on behind the text.
func walkObject(text string, visit visitor) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not UTF-8")
	}
	w := walker{rest: text, visit: visit}
	w.space()
	if !strings.HasPrefix(w.rest, "{") {
		return errors.New("it is not a JSON object")
	}
	w.value(0)
	w.space()
	if w.err == nil && w.rest != "" {
		w.err = errors.New("there is more behind the object")
	}
	return w.err
}

// errEndsEarly is the error about JSON that is cut off.
var errEndsEarly = errors.New("the JSON ends early")

// A walker walks through JSON. After an error it does nothing more.
type walker struct {
	rest  string
	path  []byte
	visit visitor
	err   error
}

func (w *walker) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
	w.rest = ""
}

func (w *walker) space() { w.rest = strings.TrimLeft(w.rest, " \t\r\n") }

// take reads a character if it is next.
func (w *walker) take(c byte) bool {
	w.space()
	if w.rest == "" || w.rest[0] != c {
		return false
	}
	w.rest = w.rest[1:]
	return true
}

// value reads a value of any kind, and visits it.
func (w *walker) value(depth int) {
	w.space()
	switch {
	case w.err != nil:
	case w.rest == "":
		w.err = errEndsEarly
	case depth > maxDepth:
		w.fail("it is nested more than %d deep", maxDepth)
	case w.rest[0] == '{':
		w.object(depth)
	case w.rest[0] == '[':
		before := w.rest
		visit := w.visit
		w.visit = nil
		w.array(depth)
		w.visit = visit
		w.found(isOther, before[:len(before)-len(w.rest)])
	case w.rest[0] == '"':
		if text, ok := w.text(); ok {
			w.found(isWord, text)
		}
	default:
		w.scalar()
	}
}

func (w *walker) found(kind valueKind, text string) {
	if w.visit != nil && w.err == nil {
		w.visit(w.path, value{kind, text})
	}
}

func (w *walker) object(depth int) {
	w.rest = w.rest[1:]
	if w.take('}') {
		w.found(isOther, "{}")
		return
	}
	length := len(w.path)
	for w.err == nil {
		w.space()
		key, ok := w.text()
		if !ok {
			return
		}
		if !w.take(':') {
			w.missing("a colon")
			return
		}
		if length > 0 {
			w.path = append(w.path, '.')
		}
		w.path = append(w.path, key...)
		w.value(depth + 1)
		w.path = w.path[:length]
		if w.take('}') {
			return
		}
		if !w.take(',') {
			w.missing("a comma")
			return
		}
	}
}

func (w *walker) array(depth int) {
	w.rest = w.rest[1:]
	if w.take(']') {
		return
	}
	for w.err == nil {
		w.value(depth + 1)
		if w.take(']') {
			return
		}
		if !w.take(',') {
			w.missing("a comma")
			return
		}
	}
}

func (w *walker) missing(what string) {
	if w.rest == "" {
		if w.err == nil {
			w.err = errEndsEarly
		}
		return
	}
	w.fail("%s is missing before %s", what, clip(w.rest))
}

// text reads a string.
func (w *walker) text() (string, bool) {
	if w.rest == "" || w.rest[0] != '"' {
		w.missing("a string")
		return "", false
	}
	for i := 1; i < len(w.rest); i++ {
		switch w.rest[i] {
		case '\\':
			i++
		case '"':
			quoted := w.rest[:i+1]
			w.rest = w.rest[i+1:]
			return w.unquote(quoted)
		}
	}
	w.rest = ""
	if w.err == nil {
		w.err = errEndsEarly
	}
	return "", false
}

// unquote returns a JSON string without quotes and escapes.
func (w *walker) unquote(quoted string) (text string, ok bool) {
	if inner := quoted[1 : len(quoted)-1]; strings.IndexFunc(inner, func(r rune) bool { return r < ' ' || r == '\\' }) < 0 {
		return inner, true
	}
	if err := json.Unmarshal([]byte(quoted), &text); err != nil {
		w.fail("%s is not a JSON string", clip(quoted))
		return "", false
	}
	return text, true
}

// scalar reads a number or a literal.
func (w *walker) scalar() {
	n := strings.IndexAny(w.rest, ",]} \t\r\n")
	if n < 0 {
		n = len(w.rest)
	}
	text := w.rest[:n]
	w.rest = w.rest[n:]
	switch text {
	case "null":
	case "true", "false", "NaN", "Infinity", "-Infinity":
		w.found(isOther, text)
	default:
		if !isJSONNumber(text) {
			w.fail("%s is not a JSON value", clip(text))
			return
		}
		w.found(isNumber, text)
	}
}

// isJSONNumber reports whether text is one JSON number.
func isJSONNumber(text string) bool {
	text = strings.TrimPrefix(text, "-")
	whole, rest := cutDigits(text)
	if whole == "" || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		digits, behind := cutDigits(fraction)
		if digits == "" {
			return false
		}
		rest = behind
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if rest != "" && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		digits, behind := cutDigits(rest)
		return digits != "" && behind == ""
	}
	return rest == ""
}

// cutDigits cuts text behind the digits at its start.
func cutDigits(text string) (digits, rest string) {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return text[:n], text[n:]
}

// clip returns text in quotes, cut if it is long.
func clip(text string) string {
	const most = 40
	if len(text) <= most {
		return fmt.Sprintf("%q", text)
	}
	n := most
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return fmt.Sprintf("%q...", text[:n])
}
