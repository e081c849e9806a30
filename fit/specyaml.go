package fit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ParseSpec reads a spec from YAML. A missing key has its default ([DefaultSpec]), also within points; an empty document is the
// default spec. Likely mistakes are errors that name the line: an unknown key, a key or a profile that comes twice, a
// value of another type or out of range, an alias, a second document.
func ParseSpec(document []byte) (*Spec, error) {
	dec := yaml.NewDecoder(bytes.NewReader(document))
	var first yaml.Node
	switch err := dec.Decode(&first); {
	case err == io.EOF:
		return DefaultSpec(), nil
	case err != nil:
		return nil, fmt.Errorf("parse spec: %w", err)
	}
	var second yaml.Node
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, fmt.Errorf("parse spec line %d: a second document", second.Line)
	case err != io.EOF:
		return nil, fmt.Errorf("parse spec: %w", err)
	}

	r := specReader{lines: map[string]int{"": first.Line}}
	spec := DefaultSpec()
	spec.Format = partialFormat()
	err := r.spec(first.Content[0], spec)
	spec.Format.complete()
	if err == nil {
		err = spec.Validate()
	}
	if err != nil {
		return nil, r.located(err)
	}
	return spec, nil
}

// A specReader reads the YAML tree: one method for each mapping of a spec, with a case for each of its keys. It remembers the
// line of each field, for the errors of [Spec.Validate].
type specReader struct {
	lines map[string]int // by field path; "" is the document
}

// located adds the line to an error about a field. A missing field has the line of the field that lacks it.
func (r specReader) located(err error) error {
	var at *fieldError
	if !errors.As(err, &at) {
		return fmt.Errorf("parse spec: %w", err)
	}
	path := at.field
	for path != "" && r.lines[path] == 0 {
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return fmt.Errorf("parse spec line %d: %w", r.lines[path], err)
}

func (r specReader) spec(node *yaml.Node, s *Spec) error {
	if node.ShortTag() == "!!null" {
		return nil // a document with only comments
	}
	return r.mapping(node, "", func(key, path string, value *yaml.Node) error {
		switch key {
		case "revision":
			return integer(value, path, &s.Revision)
		case "target":
			return count(value, path, &s.Target)
		case "seed":
			return parseUint(value, path, &s.Seed)
		case "resample":
			return text(value, path, &s.Resample)
		case "points":
			return r.points(value, path, &s.Points)
		case "profiles":
			return r.profiles(value, path, &s.Profiles)
		case "signature":
			return r.signature(value, path, &s.Signature)
		case "format":
			return r.format(value, path, &s.Format)
		case "quality":
			return r.quality(value, path, &s.Quality)
		case "validation":
			return r.validation(value, path, &s.Validation)
		case "channels":
			return &fieldError{path, errors.New("the key stands under format: write format: {channels: ...}")}
		}
		return errUnknownKey
	})
}

func (r specReader) points(node *yaml.Node, path string, p *Points) error {
	return r.mapping(node, path, func(key, path string, value *yaml.Node) error {
		switch key {
		case SliceCleanLead:
			return count(value, path, &p.CleanLead)
		case SliceArmed:
			return count(value, path, &p.Armed)
		case SliceInfecting:
			return count(value, path, &p.Infecting)
		case SliceInfectedRunning:
			return count(value, path, &p.InfectedRunning)
		case SliceCleanTail:
			return count(value, path, &p.CleanTail)
		}
		return errUnknownKey
	})
}

func (r specReader) profiles(node *yaml.Node, path string, profiles *[]Profile) error {
	if node.Kind != yaml.SequenceNode {
		return mismatch(node, path, "a list")
	}
	*profiles = make([]Profile, len(node.Content))
	for i, item := range node.Content {
		path := fmt.Sprintf("%s[%d]", path, i)
		r.lines[path] = item.Line
		if err := r.profile(item, path, &(*profiles)[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r specReader) profile(node *yaml.Node, path string, p *Profile) error {
	return r.mapping(node, path, func(key, path string, value *yaml.Node) error {
		switch key {
		case "name":
			return text(value, path, &p.Name)
		case "channel":
			return text(value, path, &p.Channel)
		case "shape":
			return text(value, path, &p.Shape)
		case "group":
			return text(value, path, &p.Group)
		}
		return errUnknownKey
	})
}

func (r specReader) signature(node *yaml.Node, path string, s *SignatureSpec) error {
	return r.mapping(node, path, func(key, path string, value *yaml.Node) error {
		switch key {
		case "resample":
			return text(value, path, &s.Resample)
		case "channels":
			return r.texts(value, path, &s.Channels)
		}
		return errUnknownKey
	})
}

// texts reads a list of texts.
func (r specReader) texts(node *yaml.Node, path string, texts *[]string) error {
	if node.Kind != yaml.SequenceNode {
		return mismatch(node, path, "a list")
	}
	*texts = make([]string, len(node.Content))
	for i, item := range node.Content {
		path := fmt.Sprintf("%s[%d]", path, i)
		r.lines[path] = item.Line
		if err := text(item, path, &(*texts)[i]); err != nil {
			return err
		}
	}
	return nil
}

var errUnknownKey = errors.New("unknown key")

// A visitor is called for each key of a mapping, with the path of its field and its value.
type visitor func(key, path string, value *yaml.Node) error

// mapping visits a mapping whose keys are those of a spec.
func (r specReader) mapping(node *yaml.Node, path string, visit visitor) error {
	return r.visit(node, path, func(key string) string { return strings.TrimPrefix(path+"."+key, ".") }, visit)
}

// entries visits a mapping whose keys are free, such as the names of channels.
func (r specReader) entries(node *yaml.Node, path string, visit visitor) error {
	return r.visit(node, path, func(key string) string { return entryField(path, key) }, visit)
}

func (r specReader) visit(node *yaml.Node, path string, fieldOf func(key string) string, visit visitor) error {
	if node.Kind != yaml.MappingNode {
		return mismatch(node, path, "keys and values")
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Value == "" {
			field := fieldOf("?")
			r.lines[field] = key.Line
			return mismatch(key, field, "a word for a key")
		}
		field := fieldOf(key.Value)
		twice := r.lines[field] != 0
		r.lines[field] = key.Line
		if twice {
			return &fieldError{field, errors.New("the key is there twice")}
		}
		switch err := visit(key.Value, field, value); {
		case err == errUnknownKey:
			return &fieldError{field, err}
		case err != nil:
			return err
		}
	}
	return nil
}

// The following read scalars. A value must be written in its type: "100" in quotes is not an integer, and 1 is not text. Integers
// are decimal, without the sign +, underscores or leading zeros, because YAML versions differ in their meaning.

func integer(node *yaml.Node, path string, to *int64) error {
	n, err := strconv.ParseInt(node.Value, 10, 64)
	if node.ShortTag() != "!!int" || err != nil || strconv.FormatInt(n, 10) != node.Value {
		return mismatch(node, path, "a decimal integer")
	}
	*to = n
	return nil
}

func parseUint(node *yaml.Node, path string, to *uint64) error {
	n, err := strconv.ParseUint(node.Value, 10, 64)
	if node.ShortTag() != "!!int" || err != nil || strconv.FormatUint(n, 10) != node.Value {
		return mismatch(node, path, "a decimal integer from 0 to 18446744073709551615")
	}
	*to = n
	return nil
}

func count(node *yaml.Node, path string, to *int) error {
	var n int64
	if err := integer(node, path, &n); err != nil {
		return err
	}
	if int64(int(n)) != n {
		return mismatch(node, path, "a smaller integer")
	}
	*to = int(n)
	return nil
}

func text[T ~string](node *yaml.Node, path string, to *T) error {
	if node.Kind != yaml.ScalarNode || node.ShortTag() != "!!str" {
		return mismatch(node, path, "text")
	}
	*to = T(node.Value)
	return nil
}

func mismatch(node *yaml.Node, path, want string) error {
	have := quote(node.Value)
	switch node.Kind {
	case yaml.MappingNode:
		have = "keys and values"
	case yaml.SequenceNode:
		have = "a list"
	case yaml.AliasNode:
		have = "an alias"
	}
	return &fieldError{path, fmt.Errorf("want %s, have %s", want, have)}
}
