package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
)

// Scores are how well the models of a generation's samples tell its profiles
// apart, as a worker measured it.
type Scores struct {
	Models    []model.Score `json:"models"`
	Suspects  []Suspect     `json:"suspects"` // members that all models refute, by host and episode
	Digest    fit.Digest    `json:"digest"`   // of all samples together
	AsOf      AsOf          `json:"as_of"`
	UpdatedAt time.Time     `json:"updated_at"`
}

// scoresKey is beside the signatures. No profile's name begins with "_".
func scoresKey(gen fit.Generation) string { return string(gen) + "._models." + partScores }

const partScores = "scores"

// WriteScores stores a generation's scores by the rule of WriteEnvelope, and
// tells whether it did.
func (b *Bus) WriteScores(ctx context.Context, gen fit.Generation, s Scores) (bool, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return false, fmt.Errorf("encode the scores: %w", err)
	}
	return b.write(ctx, SignaturesBucket, scoresKey(gen), data, s.AsOf)
}

// ReadScores returns the stored scores, as the stream's leader has them: nobody who
// has seen their mark reads earlier ones. false: there are none.
func (b *Bus) ReadScores(ctx context.Context, gen fit.Generation) (Scores, bool, error) {
	v, err := b.lastNow(ctx, bucketStream(SignaturesBucket), keySubject(SignaturesBucket, scoresKey(gen)))
	if err != nil || !v.live {
		return Scores{}, false, err
	}
	s, ok := parseScores(v.data)
	return s, ok, nil
}

// longestID is how long the id of a host or an episode may be (package episode checks them).
const longestID = 128

// parseScores returns false where somebody else wrote what is there: names of any
// length would be subjects that a server ends the connection for, and events that no
// message holds.
func parseScores(data []byte) (Scores, bool) {
	var s Scores
	if json.Unmarshal(data, &s) != nil {
		return Scores{}, false
	}
	for _, m := range s.Models {
		if _, err := fit.ParseProfileName(m.Method); err != nil { // the same grammar
			return Scores{}, false
		}
	}
	for _, x := range s.Suspects {
		_, accepted := fit.ParseProfileName(string(x.Profile))
		_, said := fit.ParseProfileName(string(x.Said))
		if accepted != nil || said != nil || len(x.Host) > longestID || len(x.Episode) > longestID {
			return Scores{}, false
		}
	}
	return s, true
}
