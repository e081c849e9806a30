package fit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
)

// Generation identifies everything that curves depend on: for equal generations, an episode has equal curves. It has ten
// characters of [a-z0-9], which may stand in names of consumers and keys.
type Generation string

const generationLength = 10

// Generation returns the id of the spec with the given episode limits and epoch: the first 50 bits, in lower-case base32, of
// SHA-256 over the canonical JSON of the code version of this package, the spec without what changes no curve, the limits, and the
// epoch. The revision, the shapes and groups, the units that are shown and the columns of the validation file change no curve, nor does what
// the format says about sources and channels that the spec does not use. Canonical JSON has sorted keys and no spaces, so the order
// of keys in a YAML file or of fields in a Go struct does not matter; nor does it matter whether a default is written.
//
// limits is any value that encoding/json can write; the method panics if it can't. epoch is raised if a sample has lost too many
// episodes to retractions, so that the episode log must be read again.
func (s *Spec) Generation(limits any, epoch uint64) Generation {
	sum := sha256.Sum256(s.canonical(limits, epoch))
	return Generation(base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").EncodeToString(sum[:])[:generationLength])
}

// canonical returns the canonical JSON whose hash is the generation.
func (s *Spec) canonical(limits any, epoch uint64) []byte {
	type profile struct {
		Name    ProfileName `json:"name"`
		Channel string      `json:"channel"`
	}
	profiles := make([]profile, len(s.Profiles))
	for i, p := range s.Profiles {
		profiles[i] = profile{p.Name, p.Channel}
	}
	return canonicalJSON(map[string]any{
		"code":     codeVersion,
		"target":   s.Target,
		"seed":     s.Seed,
		"resample": s.Resample,
		"points":   s.Points,
		"profiles": profiles,
		"signature": SignatureSpec{
			Resample: s.Signature.Resample,
			Channels: append([]string{}, s.Signature.Channels...), // an empty list is [], not null
		},
		"format":  s.canonicalFormat(),
		"quality": s.Quality,
		"limits":  limits,
		"epoch":   epoch,
	})
}

// canonicalFormat returns what the format says about the sources and channels that the spec uses, with all defaults filled in.
func (s *Spec) canonicalFormat() any {
	meta := s.Format.Meta
	if meta.Member == "" {
		meta = MetaFormat{}
	}
	sources := map[string]SourceFormat{}
	for _, name := range s.sources() {
		sources[name] = s.Format.Source(name)
	}
	channels := map[string]Channel{}
	for _, name := range s.channels() {
		channel := s.Channel(name)
		channel.Unit = ""
		channels[name] = channel
	}
	return map[string]any{
		"suffixes": s.Format.Suffixes,
		"meta":     meta,
		"labels":   s.Format.Labels,
		"phases":   s.Format.phaseWords(),
		"sources":  sources,
		"channels": channels,
	}
}

// ParseGeneration accepts ten characters of [a-z0-9].
func ParseGeneration(text string) (Generation, error) {
	if len(text) != generationLength {
		return "", fmt.Errorf("generation %s has not %d characters", quote(text), generationLength)
	}
	for i := range len(text) {
		if c := text[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			return "", fmt.Errorf("generation %s has other characters than a-z and 0-9", quote(text))
		}
	}
	return Generation(text), nil
}

// canonicalJSON returns the JSON of v with the keys of all objects sorted. Numbers keep their digits.
func canonicalJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("fit: the limits have no JSON form: %v", err))
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		panic(fmt.Sprintf("fit: read back own JSON: %v", err))
	}
	text, err = json.Marshal(tree) // maps are written with sorted keys
	if err != nil {
		panic(fmt.Sprintf("fit: write own JSON: %v", err))
	}
	return text
}
