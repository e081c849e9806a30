package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/cis490/profiles/bus"
)

// Limits of a posted event.
const (
	maxBody  = 64 << 10
	maxDepth = 64  // of arrays and objects in each other
	maxToken = 200 // bytes of the name in its subject, percent-encoded
)

// subjectOf finds out under which subject a posted body is kept:
// dashboard.<type>.<name or model>. Where the body can't be an event, the error
// is one sentence that says why.
func subjectOf(body []byte) (string, error) {
	if !utf8.Valid(body) {
		return "", errors.New("the body is not UTF-8")
	}
	if err := shallow(body); err != nil {
		return "", err
	}
	fields, err := topLevel(body, "type", "name", "model")
	if err != nil {
		return "", err
	}
	kind, err := text(fields, "type")
	switch {
	case err != nil:
		return "", err
	case fields["type"] == nil:
		return "", errors.New(`the event has no "type"`)
	case !isType(kind):
		return "", fmt.Errorf("type must be of the letters a-z, digits and _, at least one and at most %d", maxType)
	case reserved[kind]:
		return "", fmt.Errorf("type %s is taken: it would be mistaken for what the feed itself says", kind)
	}
	name, err := text(fields, "name")
	if err == nil && name == "" {
		name, err = text(fields, "model")
	}
	if err != nil {
		return "", err
	}
	subject := bus.EventSubject(kind, name)
	if n := len(subject) - len(bus.EventSubject(kind, "")) + 1; n > maxToken {
		return "", fmt.Errorf("the name is %d bytes long in its subject, percent-encoded; %d are allowed", n, maxToken)
	}
	return subject, nil
}

// text is a field that is a string or not there.
func text(fields map[string]json.RawMessage, key string) (string, error) {
	raw := fields[key]
	if raw == nil {
		return "", nil
	}
	if raw[0] != '"' {
		return "", fmt.Errorf("%s must be a string", key)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("%s must be a string", key)
	}
	return s, nil
}

// topLevel reads some fields of the one object that a body is. Field names are
// compared as they are, and must not come twice: readers would differ on which
// one counts.
func topLevel(body []byte, want ...string) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // whatever its size: it is not looked at
	open, err := dec.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the body is empty: it must be one JSON object")
	case err != nil:
		return nil, notJSON(err)
	case open != json.Delim('{'):
		return nil, errors.New("the body must be one JSON object")
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, notJSON(err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, notJSON(err)
		}
		for _, w := range want {
			if key == w {
				if fields[w] != nil {
					return nil, fmt.Errorf("%s stands there twice", w)
				}
				fields[w] = value
			}
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, notJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object: the body must be one")
	}
	// The decoder takes a little more than JSON is, token by token.
	if !json.Valid(body) {
		return nil, errors.New("the body is not JSON")
	}
	return fields, nil
}

func notJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the body is not JSON: it ends too early")
	}
	return fmt.Errorf("the body is not JSON: %w", err)
}

// shallow returns an error where arrays and objects are nested too deeply for
// what may read the event later.
func shallow(body []byte) error {
	depth, inString, escaped := 0, false, false
	for _, c := range body {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped = c == '\\'
			inString = c != '"'
		case c == '"':
			inString = true
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return fmt.Errorf("the body is nested more than %d deep", maxDepth)
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return nil
}
