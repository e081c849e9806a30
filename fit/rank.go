package fit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// Rank is an episode's position in the random order of sampling: the first 16 bytes of
//
//	SHA-256(seed in decimal, NUL, host, NUL, episode)
//
// Ranks are uniform, so the N lowest of a set are a uniform random sample of it without replacement, whatever the order in which
// the set arrived (a bottom-k sample; Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007).
type Rank [16]byte

// RankOf returns the rank of an episode under a seed. Neither id may contain a NUL byte; valid ids never do.
func RankOf(seed uint64, host, episode string) Rank {
	text := make([]byte, 0, 128)
	text = strconv.AppendUint(text, seed, 10)
	text = append(text, 0)
	text = append(text, host...)
	text = append(text, 0)
	text = append(text, episode...)
	sum := sha256.Sum256(text)
	return Rank(sum[:len(Rank{})])
}

// Rank returns the rank of an episode under the spec's seed.
func (s *Spec) Rank(host, episode string) Rank { return RankOf(s.Seed, host, episode) }

// ParseRank reads what [Rank.String] writes: exactly 32 lower-case hex digits.
func ParseRank(text string) (Rank, error) {
	var r Rank
	if len(text) != hex.EncodedLen(len(r)) {
		return Rank{}, fmt.Errorf("parse rank %s: want 32 hex digits", quote(text))
	}
	for i := range len(text) {
		if c := text[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return Rank{}, fmt.Errorf("parse rank %s: want lower-case hex digits", quote(text))
		}
	}
	if _, err := hex.Decode(r[:], []byte(text)); err != nil {
		return Rank{}, fmt.Errorf("parse rank %s: %w", quote(text), err)
	}
	return r, nil
}

// String returns the rank as 32 lower-case hex digits, which sort as the ranks do.
func (r Rank) String() string { return hex.EncodeToString(r[:]) }

// Compare returns -1, 0 or +1 as r is lower than, equal to or higher than other.
func (r Rank) Compare(other Rank) int { return bytes.Compare(r[:], other[:]) }

// MarshalText writes [Rank.String], so that ranks are JSON strings and keys.
func (r Rank) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, r[:]), nil }

// UnmarshalText is [ParseRank].
func (r *Rank) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRank(string(text))
	return err
}
