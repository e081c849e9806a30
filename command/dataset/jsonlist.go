package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxRowBytes is the most bytes of a row of CSV or JSON lines.
const maxRowBytes = 1 << 20

// A jsonList reads JSON lines.
type jsonList struct {
	mapping mapping
	lines   *bufio.Scanner
	line    int
}

func newJSONList(r io.Reader, m mapping) *jsonList {
	l := &jsonList{mapping: m, lines: bufio.NewScanner(r)}
	l.lines.Buffer(make([]byte, 0, 64<<10), maxRowBytes+len("\r\n")+1)
	return l
}

func (l *jsonList) read(rows []ValidationRow) (n int, err error) {
	for ; n < len(rows); n++ {
		if rows[n], err = l.next(); err != nil {
			rows[n] = ValidationRow{}
			return n, err
		}
	}
	return n, nil
}

// next returns the row of the next line that is not blank.
func (l *jsonList) next() (ValidationRow, error) {
	for l.lines.Scan() {
		l.line++
		if len(l.lines.Bytes()) > maxRowBytes {
			return ValidationRow{}, longRow(l.line)
		}
		if text := bytes.TrimSpace(l.lines.Bytes()); len(text) > 0 {
			return l.row(text)
		}
	}
	err := l.lines.Err()
	switch {
	case err == nil:
		err = io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		err = longRow(l.line + 1)
	}
	return ValidationRow{}, err
}

func longRow(line int) error {
	return damagedf("line %d: a row of more than %d bytes", line, maxRowBytes)
}

func (l *jsonList) row(text []byte) (ValidationRow, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		if err == nil {
			err = errors.New("null")
		}
		return ValidationRow{}, damagedf("line %d is not one JSON object: %v (each row must be an object on a line of its own)", l.line, err)
	}
	var cells [fields]cell
	for i, path := range l.mapping.columns {
		if path == "" {
			continue
		}
		if value, ok := find(object, path); ok {
			cells[i] = jsonCell(value)
		} else {
			cells[i].lacks = fmt.Sprintf("no such key; the row has %s (the spec's key validation.%s names the column)", shownNames(paths(object)), specKeys[i])
		}
	}
	row, err := l.mapping.row(&cells)
	if err != nil {
		return row, fmt.Errorf("line %d, %w", l.line, err)
	}
	row.Line = l.line
	return row, nil
}

// find returns the value of the key path or, if there is no such key, of the path in which each dot walks into an object.
func find(object map[string]json.RawMessage, path string) (json.RawMessage, bool) {
	if value, ok := object[path]; ok {
		return value, true
	}
	for {
		key, rest, more := strings.Cut(path, ".")
		value, ok := object[key]
		if !ok || !more {
			return value, ok
		}
		object = nil
		if json.Unmarshal(value, &object) != nil {
			return nil, false
		}
		path = rest
	}
}

// jsonCell returns a value as a cell: a string, or the text of a number, true or false.
func jsonCell(value json.RawMessage) cell {
	switch value[0] {
	case 'n':
		return cell{lacks: "null, want a string"}
	case '{':
		return cell{lacks: "an object, want a string"}
	case '[':
		return cell{lacks: "an array, want a string"}
	case '"':
		var text string
		_ = json.Unmarshal(value, &text) // it was checked with the line
		return cell{text: []byte(text)}
	default:
		return cell{text: value}
	}
}

// paths returns the keys of an object, sorted. Of a key whose value is an object it returns the paths to the keys within.
func paths(object map[string]json.RawMessage) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(object)) {
		var inner map[string]json.RawMessage
		if json.Unmarshal(object[key], &inner) != nil || len(inner) == 0 {
			all = append(all, key)
			continue
		}
		for _, k := range slices.Sorted(maps.Keys(inner)) {
			all = append(all, key+"."+k)
		}
	}
	return all
}

func (l *jsonList) close() {}
