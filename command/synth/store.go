package synth

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/cis490/profiles/episode"
)

// A Store computes archives when they are opened, so it takes no space on a disk. It implements episode.Store and may be used
// concurrently.
type Store struct {
	generator *Generator
	number    int
	profiles  map[string]bool
}

// NewStore returns a store of the first perProfile episodes of each of the profiles, or of all [Profiles] if profiles is empty. Its
// archives have the bytes that [Generator.Write] writes for the same arguments.
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

// Open returns an archive. The error matches episode.ErrNotFound if the store has no such archive, and is ctx.Err() if ctx has
// ended.
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

// checkStore checks the arguments of a store, and returns its profiles.
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
