package signatures

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
)

// Scores are the measured accuracy of the models of a generation's samples: how often
// each finds the profile of an episode.
type Scores struct {
	Layout   int           `json:"layout"` // version of the model's layout; scores of another version are measured again
	Models   []model.Score `json:"models"`
	WithGaps int           `json:"with_gaps"` // members that have gaps, so that the models do not use them as examples
	Suspects []bus.Suspect `json:"suspects"`  // members of the samples, by host and episode
	Stamp                  // its digest is that of all samples together
}

// DigestOfSamples is the digest of all samples of a generation together, given those of its
// profiles in the order of the spec.
func DigestOfSamples(digests []fit.Digest) fit.Digest {
	all := sha256.New()
	for _, d := range digests {
		all.Write([]byte(d))
	}
	return fit.Digest(hex.EncodeToString(all.Sum(nil)[:8]))
}

const partScores = "scores"

// scoresKey cannot be the key of a signature: no profile's name begins with "_".
func scoresKey(gen fit.Generation) string { return string(gen) + "._models." + partScores }

// WriteScores stores a generation's scores and reports whether it did: false where
// later ones are there.
func WriteScores(ctx context.Context, b *bus.Bus, gen fit.Generation, s Scores) (bool, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return false, fmt.Errorf("encode the scores: %w", err)
	}
	return b.PutAsOf(ctx, bus.SignaturesBucket, scoresKey(gen), data, s.AsOf)
}

// ReadScores returns the stored scores as the stream's leader has them, so they are
// never older than a version seen before; false if no scores are stored.
func ReadScores(ctx context.Context, b *bus.Bus, gen fit.Generation) (Scores, bool, error) {
	v, err := b.LastFromLeader(ctx, client.BucketStream(bus.SignaturesBucket), client.KeySubject(bus.SignaturesBucket, scoresKey(gen)))
	if err != nil || !v.Exists {
		return Scores{}, false, err
	}
	s, ok := parseScores(v.Data)
	return s, ok, nil
}

// maxID is the length of the longest id of a host or an episode (package episode
// checks them), in bytes.
const maxID = 128

// parseScores returns false where another program wrote the value. A name of any
// length would become a subject for which the server ends the connection, or an event
// that is too large for a message.
func parseScores(data []byte) (Scores, bool) {
	var s Scores
	if json.Unmarshal(data, &s) != nil {
		return Scores{}, false
	}
	for _, m := range s.Models {
		if _, err := fit.ParseProfileName(m.Method); err != nil { // methods have the same grammar
			return Scores{}, false
		}
	}
	for _, x := range s.Suspects {
		_, accepted := fit.ParseProfileName(string(x.Profile))
		_, said := fit.ParseProfileName(string(x.Said))
		if accepted != nil || said != nil || len(x.Host) > maxID || len(x.Episode) > maxID {
			return Scores{}, false
		}
	}
	return s, true
}
