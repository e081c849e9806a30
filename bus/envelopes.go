package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// An Envelope is a profile's envelope as bucket envelopes has it.
type Envelope struct {
	fit.Envelope
	AsOf      client.AsOf `json:"as_of"` // what it was computed from
	UpdatedAt time.Time   `json:"updated_at"`
	// AcceptedAt is when the earliest of the episodes was accepted that led to this envelope,
	// for measuring. It is zero if that is not known, or was before the generation began.
	AcceptedAt time.Time `json:"accepted_at,omitzero"`

	Generation  fit.Generation     `json:"-"` // of its key
	Profile     fit.ProfileName    `json:"-"` // of its key
	Revision    uint64             `json:"-"` // its sequence in the bucket's stream
	Incarnation client.Incarnation `json:"-"` // of the bucket's stream
}

// EnvelopeKey is the key of a profile's envelope in bucket envelopes.
func EnvelopeKey(gen fit.Generation, p fit.ProfileName) string { return string(gen) + "." + string(p) }

// WriteEnvelope stores an envelope by the rule of PutAsOf. accepted may be zero (Envelope.AcceptedAt).
func (b *Bus) WriteEnvelope(ctx context.Context, gen fit.Generation, p fit.ProfileName, env fit.Envelope, asOf client.AsOf, now, accepted time.Time) (bool, error) {
	data, err := json.Marshal(Envelope{Envelope: env, AsOf: asOf, UpdatedAt: now.UTC(), AcceptedAt: accepted})
	if err != nil {
		return false, fmt.Errorf("encode the envelope of %s: %w", p, err)
	}
	return b.PutAsOf(ctx, EnvelopesBucket, EnvelopeKey(gen, p), data, asOf)
}

// ReadEnvelope returns the stored envelope; false if no envelope is stored, or if
// another program wrote something else there.
func (b *Bus) ReadEnvelope(ctx context.Context, gen fit.Generation, p fit.ProfileName) (Envelope, bool, error) {
	v, err := b.Last(ctx, client.BucketStream(EnvelopesBucket), client.KeySubject(EnvelopesBucket, EnvelopeKey(gen, p)))
	if err != nil || !v.Exists {
		return Envelope{}, false, err
	}
	env := Envelope{Generation: gen, Profile: p, Revision: v.Revision}
	if json.Unmarshal(v.Data, &env) != nil || env.AsOf.Incarnation == "" {
		return Envelope{}, false, nil
	}
	return env, true, nil
}

// Envelopes is a view of all envelopes of all generations. It is safe for concurrent
// use.
type Envelopes struct {
	view *client.View[map[string]Envelope]
}

// OpenEnvelopes returns when the view's first snapshot is complete. Run must follow.
func (b *Bus) OpenEnvelopes(ctx context.Context) (*Envelopes, error) {
	view, err := client.OpenView(ctx, b.Client, EnvelopesBucket, ">", client.Fold[map[string]Envelope]{
		New: func() map[string]Envelope { return map[string]Envelope{} },
		Apply: func(all map[string]Envelope, kv jetstream.KeyValueEntry) {
			delete(all, kv.Key())
			if kv.Operation() != jetstream.KeyValuePut {
				return
			}
			env, err := parseEnvelope(kv)
			if err != nil { // another program wrote it
				b.Log().Warn("ignore an entry in bucket envelopes", logkey.Key, kv.Key(), logkey.Err, err)
				return
			}
			all[kv.Key()] = env
		},
	})
	return &Envelopes{view}, err
}

func parseEnvelope(kv jetstream.KeyValueEntry) (Envelope, error) {
	gen, profile, ok := strings.Cut(kv.Key(), ".")
	if !ok {
		return Envelope{}, errors.New("the key is not <generation>.<profile>")
	}
	env := Envelope{Generation: fit.Generation(gen), Profile: fit.ProfileName(profile), Revision: kv.Revision()}
	if err := json.Unmarshal(kv.Value(), &env); err != nil {
		return Envelope{}, fmt.Errorf("the value is not an envelope: %w", err)
	}
	if env.AsOf.Incarnation == "" {
		return Envelope{}, errors.New("the value lacks as_of, which every envelope of a worker has")
	}
	return env, nil
}

// Run keeps the view up to date until ctx ends.
func (e *Envelopes) Run(ctx context.Context) error { return e.view.Run(ctx) }

// Check returns client.ErrStreamReplaced where the bucket is not the one that the view
// follows.
func (e *Envelopes) Check(ctx context.Context) error { return e.view.Check(ctx) }

// Changed returns a channel that is closed at the next change.
func (e *Envelopes) Changed() <-chan struct{} { return e.view.Changed() }

// Get returns the envelope that the view has; false where it has none.
func (e *Envelopes) Get(gen fit.Generation, p fit.ProfileName) (env Envelope, found bool) {
	e.view.Read(func(all map[string]Envelope, at client.AsOf) {
		env, found = all[EnvelopeKey(gen, p)]
		env.Incarnation = at.Incarnation
	})
	return env, found
}

// Incarnation is that of the bucket's stream.
func (e *Envelopes) Incarnation() (now client.Incarnation) {
	e.view.Read(func(_ map[string]Envelope, at client.AsOf) { now = at.Incarnation })
	return now
}

// Seen is the revision up to which the view has all envelopes.
func (e *Envelopes) Seen() (revision uint64) {
	e.view.Read(func(_ map[string]Envelope, at client.AsOf) { revision = at.Seq })
	return revision
}

// Reached waits until the view has seen a revision, for at most limit. It returns
// client.ErrLagging then.
func (e *Envelopes) Reached(ctx context.Context, revision uint64, limit time.Duration) error {
	return e.view.Reached(ctx, revision, limit)
}
