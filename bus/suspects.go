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

// A Suspect is an accepted episode that every model of the samples puts in another
// profile: it may be mislabelled, or its run failed.
type Suspect struct {
	Host    string          `json:"host_id"`
	Episode string          `json:"episode_id"`
	Profile fit.ProfileName `json:"profile"`    // accepted for this one
	Said    fit.ProfileName `json:"looks_like"` // the models' answer
}

// PublishSuspect stores an episode in SUSPECTS. Within two minutes the same episode
// of one generation is stored once.
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
	if _, err := b.PublishMsg(ctx, msg); err != nil {
		return fmt.Errorf("publish suspect %s/%s: %w", s.Host, s.Episode, err)
	}
	return nil
}
