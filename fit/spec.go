package fit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ProfileName is the name of a profile: [A-Za-z0-9][A-Za-z0-9_-]{0,62}. The zero value is not valid.
type ProfileName string

// maxProfileName is the most bytes that a profile's name may have.
const maxProfileName = 63

// ParseProfileName accepts a name that matches [A-Za-z0-9][A-Za-z0-9_-]{0,62}.
func ParseProfileName(text string) (ProfileName, error) {
	if text == "" {
		return "", errors.New("profile name is empty")
	}
	if len(text) > maxProfileName {
		return "", fmt.Errorf("profile name %s has more than %d bytes", quote(text), maxProfileName)
	}
	for i := range len(text) {
		if c := text[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || (c == '-' || c == '_') && i > 0) {
			return "", fmt.Errorf("profile name %s does not match [A-Za-z0-9][A-Za-z0-9_-]*", quote(text))
		}
	}
	return ProfileName(text), nil
}

// A Profile is one profile of a spec.
type Profile struct {
	Name    ProfileName `json:"name"`
	Channel string      `json:"channel"`         // of the profile's curve: <source>.<field>
	Shape   string      `json:"shape"`           // a description of the profile, for people only
	Group   string      `json:"group,omitempty"` // a heading under which the dashboard can show the profile; may be empty
}

// Spec defines what is fitted and how. A Spec from [ParseSpec], [DefaultSpec] or JSON is valid; call [Spec.Validate] for any
// other.
type Spec struct {
	Revision int64     `json:"revision"` // of several specs, the one with the highest revision is shown; at least 0
	Target   int       `json:"target"`   // N, the episodes in a full sample: 1 to 100,000
	Seed     uint64    `json:"seed"`     // of the ranks; keep it secret if an adversary can choose episode ids
	Resample Resample  `json:"resample"` // linear or mean
	Points   Points    `json:"points"`   // of the five slices of a curve
	Profiles []Profile `json:"profiles"` // at least one; names differ by more than case; results come in this order

	Signature SignatureSpec `json:"signature"` // the channels that an entry has besides its curve

	Format     Format        `json:"format"`     // how archives are written
	Quality    QualityLimits `json:"quality"`    // which recordings are too sloppy to give a curve
	Validation Validation    `json:"validation"` // the columns of the validation file
}

// SignatureSpec defines the channels of an episode's [Signature]. They are the same for all profiles, so that episodes of
// different profiles can be compared.
type SignatureSpec struct {
	Resample Resample `json:"resample"` // mean, or linear
	Channels []string `json:"channels"` // <source>.<field>, each once, at most 32; if the list is empty, entries have no signature
}

const (
	maxTarget      = 100_000
	maxChannelPart = 128
	maxGroup       = 64
	// maxSignature bounds the channels of a signature, and so the memory for the rows of an archive.
	maxSignature = 32
)

// DefaultSignature returns the bin means of seven channels: CPU time, waiting, page faults, reads and writes of a process. It
// belongs to the caller.
func DefaultSignature() SignatureSpec {
	return SignatureSpec{Resample: Mean, Channels: []string{
		"proc.cpu_user_jiffies", "proc.cpu_sys_jiffies", "proc.ctxt_voluntary", "proc.minflt",
		"proc.io_wchar", "proc.io_write_bytes", "proc.io_rchar",
	}}
}

// DefaultSpec returns the spec of the Python program (six profiles, 100 episodes, 80 points) with the [DefaultSignature]. It
// belongs to the caller.
func DefaultSpec() *Spec {
	const user, sys = "proc.cpu_user_jiffies", "proc.cpu_sys_jiffies"
	return &Spec{
		Revision: 1,
		Target:   100,
		Seed:     0,
		Resample: Linear,
		Points:   DefaultPoints(),
		Profiles: []Profile{
			{Name: "cpu-saturate", Channel: user, Shape: "sustained 1-vCPU peg (XMRig)"},
			{Name: "io-walk", Channel: sys, Shape: "fs traversal + urandom writes"},
			{Name: "bursty-c2", Channel: user, Shape: "long idle + 3-packet egress bursts"},
			{Name: "low-and-slow", Channel: user, Shape: "minimal CPU + periodic memory churn"},
			{Name: "scan-and-dial", Channel: sys, Shape: "SYN-style probes + dial-home"},
			{Name: "shell-resident", Channel: sys, Shape: "persistent TCP socket + command ticks"},
		},
		Signature:  DefaultSignature(),
		Format:     DefaultFormat(),
		Quality:    DefaultQuality(),
		Validation: DefaultValidation(),
	}
}

// Profile returns the profile of that name, and whether the spec has it.
func (s *Spec) Profile(name ProfileName) (Profile, bool) {
	i := slices.IndexFunc(s.Profiles, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return s.Profiles[i], true
}

// Validate returns an error that names the first field with an invalid value, and the value.
func (s *Spec) Validate() error {
	if s.Revision < 0 {
		return &fieldError{"revision", fmt.Errorf("%d is below 0", s.Revision)}
	}
	if s.Target < 1 || s.Target > maxTarget {
		return &fieldError{"target", fmt.Errorf("%d is not from 1 to %d", s.Target, maxTarget)}
	}
	if _, err := ParseResample(string(s.Resample)); err != nil {
		return &fieldError{"resample", err}
	}
	if err := s.Points.check("points"); err != nil {
		return err
	}
	if err := validateProfiles("profiles", s.Profiles); err != nil {
		return err
	}
	if err := s.Signature.validate("signature"); err != nil {
		return err
	}
	if err := s.Format.validate("format", s.sources()); err != nil {
		return err
	}
	if err := s.Quality.validate("quality", s.Points.Total()); err != nil {
		return err
	}
	return s.Validation.validate("validation")
}

// channels returns the channels that curves and signatures are made of, each once.
func (s *Spec) channels() []string {
	all := slices.Clone(s.Signature.Channels)
	for _, p := range s.Profiles {
		all = append(all, p.Channel)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sources returns the sources of these channels. A source may be there several times.
func (s *Spec) sources() []string {
	var all []string
	for _, channel := range s.channels() {
		source, _, _ := strings.Cut(channel, ".")
		all = append(all, source)
	}
	return all
}

func validateProfiles(field string, profiles []Profile) error {
	if len(profiles) == 0 {
		return &fieldError{field, errors.New("the list is empty")}
	}
	seen := make(map[string]ProfileName, len(profiles)) // by the name in lower case
	for i, p := range profiles {
		field := fmt.Sprintf("%s[%d]", field, i)
		if _, err := ParseProfileName(string(p.Name)); err != nil {
			return &fieldError{field + ".name", err}
		}
		lower := strings.ToLower(string(p.Name))
		switch other, there := seen[lower]; {
		case there && other == p.Name:
			return &fieldError{field + ".name", fmt.Errorf("profile %q is there twice", p.Name)}
		case there: // some file systems, and people, take them for one
			return &fieldError{field + ".name", fmt.Errorf("profiles %q and %q differ by case alone", other, p.Name)}
		}
		seen[lower] = p.Name
		if err := checkChannel(p.Channel); err != nil {
			return &fieldError{field + ".channel", err}
		}
		if len(p.Group) > maxGroup {
			return &fieldError{field + ".group", fmt.Errorf("%s has more than %d bytes", quote(p.Group), maxGroup)}
		}
	}
	return nil
}

func (s SignatureSpec) validate(field string) error {
	if _, err := ParseResample(string(s.Resample)); err != nil {
		return &fieldError{field + ".resample", err}
	}
	if len(s.Channels) > maxSignature {
		return &fieldError{field + ".channels", fmt.Errorf("%d channels are more than %d", len(s.Channels), maxSignature)}
	}
	for i, name := range s.Channels {
		field := fmt.Sprintf("%s.channels[%d]", field, i)
		if err := checkChannel(name); err != nil {
			return &fieldError{field, err}
		}
		if slices.Contains(s.Channels[:i], name) {
			return &fieldError{field, fmt.Errorf("channel %s is there twice", quote(name))}
		}
	}
	return nil
}

// MessageBytes returns the greatest size in bytes, as JSON, of an entry with its curve, an envelope, or an event that shows the
// envelope both raw and normalised. Messages of that size must be allowed.
func (s *Spec) MessageBytes() int {
	const (
		others  = 4096 // names, times, digests
		value   = 25   // the longest float64, with its comma
		count   = 7    // the longest number of episodes, with its comma
		example = 512  // a kind of doubt or a reason, with an episode

		examples = (qualityValues + maxReasons) * example
	)
	entry := value + (16*len(s.Signature.Channels)+2)/3 // four bytes of a float32 as base64
	points := s.Points.Total()
	return others + max(entry*points, (6*value+count)*points+examples)
}

// checkChannel returns an error unless name is <source>.<field>. The source ends at the first dot and matches [A-Za-z0-9_-]+, the
// field matches [A-Za-z0-9_.-]+, and each has at most 128 bytes.
func checkChannel(name string) error {
	source, field, dotted := strings.Cut(name, ".")
	switch {
	case name == "":
		return errors.New("channel is empty")
	case !dotted || source == "" || field == "":
		return fmt.Errorf("channel %s is not <source>.<field>", quote(name))
	case len(source) > maxChannelPart || len(field) > maxChannelPart:
		return fmt.Errorf("channel %s has more than %d bytes before or after its first dot", quote(name), maxChannelPart)
	}
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.') {
			return fmt.Errorf("channel %s has other characters than A-Z a-z 0-9 _ - and dots", quote(name))
		}
	}
	return nil
}

// A fieldError is an error about one field of a spec. The field is a path such as profiles[2].channel, by which the parser finds
// its line.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return e.field + ": " + e.err.Error() }

// UnmarshalJSON reads the JSON that encoding/json writes for a Spec. As in YAML, a missing key has its default, and an unknown
// key or an invalid value is an error. On an error s is unchanged.
func (s *Spec) UnmarshalJSON(data []byte) error {
	if string(bytes.TrimSpace(data)) == "null" {
		return errors.New("parse spec: it is null") // encoding/json would treat it as an object without keys
	}
	type plain Spec // does not have this method
	read := plain(*DefaultSpec())
	defaults := read
	// Lists are read over the defaults element by element, so they begin empty.
	read.Profiles, read.Format, read.Validation.Accepted = nil, partialFormat(), nil
	read.Format.Suffixes = nil

	if err := decodeStrict(data, &read); err != nil {
		return fmt.Errorf("parse spec: %w", err)
	}
	if read.Profiles == nil {
		read.Profiles = defaults.Profiles
	}
	if read.Format.Suffixes == nil {
		read.Format.Suffixes = defaults.Format.Suffixes
	}
	if read.Validation.Accepted == nil {
		read.Validation.Accepted = defaults.Validation.Accepted
	}
	read.Format.complete()
	spec := Spec(read)
	if err := spec.Validate(); err != nil {
		return fmt.Errorf("parse spec: %w", err)
	}
	*s = spec
	return nil
}

// decodeStrict reads one JSON value and nothing behind it. An unknown key is an error.
func decodeStrict(data []byte, to any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("there is more after the object")
	}
	return nil
}

// quote returns text in quotes for an error message, cut to 64 bytes.
func quote(text string) string {
	const most = 64
	if len(text) > most {
		return fmt.Sprintf("%q...", text[:most])
	}
	return fmt.Sprintf("%q", text)
}
