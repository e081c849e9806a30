package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/cis490/profiles/bus/events"
)

// Limits of a posted event.
const (
	maxBody  = 64 << 10 // bytes
	maxDepth = 64       // of nested arrays and objects
	maxToken = 200      // bytes of the percent-encoded name in the subject
)

// subjectOf returns the subject of a posted event: dashboard.<type>.<name>, or
// dashboard.<type>.<model> where the event has no name. If the body is no valid
// event, the error is one sentence for its producer.
func subjectOf(body []byte) (string, error) {
	if !utf8.Valid(body) {
		return "", errors.New("the body is not UTF-8")
	}
	if err := checkDepth(body); err != nil {
		return "", err
	}
	object, err := parseObject(body)
	if err != nil {
		return "", err
	}
	fields, err := fieldsOf(object, "type", "name", "model")
	if err != nil {
		return "", err
	}
	kind, err := stringOf(fields, "type")
	switch {
	case err != nil:
		return "", err
	case fields["type"] == nil:
		return "", errors.New(`the event has no "type"`)
	case !isType(kind):
		return "", fmt.Errorf("type must have 1 to %d characters of a-z, 0-9 and _", maxType)
	case reserved[kind]:
		return "", fmt.Errorf("type %s is reserved for the bridge and the browser", kind)
	}
	name, err := stringOf(fields, "name")
	if err == nil && name == "" {
		name, err = stringOf(fields, "model")
	}
	if err != nil {
		return "", err
	}
	subject := events.Subject(kind, name)
	if n := len(subject) - len(events.Subject(kind, "")) + 1; n > maxToken {
		return "", fmt.Errorf("the percent-encoded name has %d bytes, more than %d", n, maxToken)
	}
	return subject, nil
}

// checkDepth returns an error if arrays and objects are nested more than
// maxDepth deep. It accepts input that is not JSON.
func checkDepth(body []byte) error {
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

// parseObject returns the one JSON object that the body must be.
func parseObject(body []byte) (json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	var object json.RawMessage
	err := dec.Decode(&object)
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the body is empty: it must be one JSON object")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("the body is not JSON: it ends too early")
	case err != nil:
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	case object[0] != '{':
		return nil, errors.New("the body must be one JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object: the body must be one object")
	}
	return object, nil
}

// fieldsOf returns the named fields of a valid JSON object. Names are compared
// case-sensitively. A named field that occurs twice is an error, since readers
// differ on which of the two counts.
func fieldsOf(object json.RawMessage, names ...string) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil { // the opening brace
		return nil, err
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		name, _ := key.(string)
		if !slices.Contains(names, name) {
			continue
		}
		if fields[name] != nil {
			return nil, fmt.Errorf("the field %s occurs twice", name)
		}
		fields[name] = value
	}
	return fields, nil
}

// stringOf returns a field that must be a string, and "" if it is missing.
func stringOf(fields map[string]json.RawMessage, name string) (string, error) {
	raw := fields[name]
	if raw == nil {
		return "", nil
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", fmt.Errorf("%s must be a string", name)
	}
	return *s, nil
}
