package synth

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/cis490/profiles/episode"
)

// Store renders archives as they are opened: a store of any size that takes no
// room. It implements episode.Store and may be used concurrently.
type Store struct {
	generator *Generator
	number    int
	profiles  map[string]bool
}

// NewStore is the store that Write would write with the same arguments, byte for
// byte: the first perProfile episodes of each of profiles (none named: all of
// Profiles).
func NewStore(g *Generator, perProfile int, profiles ...string) (*Store, error) {
	profiles, err := checkStore(perProfile, profiles)
	if err != nil {
		return nil, err
	}
	s := &Store{generator: g, number: perProfile, profiles: make(map[string]bool)}
	for _, p := range profiles {
		s.profiles[p] = true
	}
	return s, nil
}

// Open renders an archive. The error matches episode.ErrNotFound where the store
// has none of that name, and is ctx's where that has ended.
func (s *Store) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	profile, i, ok := s.generator.Find(string(ref.Host), string(ref.ID))
	if !ok || i >= s.number || !s.profiles[profile] {
		return nil, fmt.Errorf("%w: %s is not in the synthetic store", episode.ErrNotFound, ref)
	}
	packed, err := s.generator.render(profile, i)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(packed)), nil
}

// checkStore fills in the default of a store's profiles.
func checkStore(perProfile int, profiles []string) ([]string, error) {
	if perProfile < 1 || perProfile > MaxIndex+1 {
		return nil, fmt.Errorf("make synthetic store: %d episodes a profile is not from 1 to %d", perProfile, MaxIndex+1)
	}
	if len(profiles) == 0 {
		return Profiles(), nil
	}
	seen := make(map[string]bool)
	for _, p := range profiles {
		if err := check(p, 0); err != nil {
			return nil, fmt.Errorf("make synthetic store: %w", err)
		}
		if seen[p] {
			return nil, fmt.Errorf("make synthetic store: profile %s is named twice", p)
		}
		seen[p] = true
	}
	return profiles, nil
}
