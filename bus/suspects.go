package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
)

// A Suspect is an accepted episode that the models of the sample put firmly in
// another profile: a mislabelled run, or one that failed.
type Suspect struct {
	Host    string          `json:"host_id"`
	Episode string          `json:"episode_id"`
	Profile fit.ProfileName `json:"profile"`    // that it was accepted for
	Said    fit.ProfileName `json:"looks_like"` // what the models say
}

// PublishSuspect files an episode under SUSPECTS, at least once: the same of one
// generation within two minutes is stored once.
func (b *Bus) PublishSuspect(ctx context.Context, gen fit.Generation, s Suspect, now time.Time) error {
	data, err := json.Marshal(struct {
		Suspect
		Generation fit.Generation `json:"generation"`
		SeenAt     time.Time      `json:"seen_at"`
	}{s, gen, now.UTC()})
	if err != nil {
		return fmt.Errorf("encode suspect %s/%s: %w", s.Host, s.Episode, err)
	}
	msg := nats.NewMsg(subjectSuspect + string(s.Profile))
	msg.Data = data
	msg.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%s/%s/%s/%s", gen, s.Profile, s.Host, s.Episode))
	if _, err := b.publish(ctx, msg); err != nil {
		return fmt.Errorf("publish suspect %s/%s: %w", s.Host, s.Episode, err)
	}
	return nil
}
