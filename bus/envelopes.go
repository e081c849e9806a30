package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
)

// AsOf is how much of the curves stream an envelope is made of: everything up
// to Seq in that life of it.
type AsOf struct {
	Life Life   `json:"life"`
	Seq  uint64 `json:"seq"`
}

// An Envelope is a profile's envelope as the envelopes bucket keeps it.
type Envelope struct {
	fit.Envelope
	AsOf      AsOf      `json:"as_of"`
	UpdatedAt time.Time `json:"updated_at"`

	Generation fit.Generation  `json:"-"` // of its key
	Profile    fit.ProfileName `json:"-"` // of its key
	Revision   uint64          `json:"-"` // its sequence in the bucket's stream
	Life       Life            `json:"-"` // of the bucket's stream
}

func envelopeKey(gen fit.Generation, p fit.ProfileName) string { return string(gen) + "." + string(p) }

// WriteEnvelope stores an envelope unless the one there is later, and reports
// whether it did. Where the two are of different lives the caller's must be the
// present one, or the result is ErrNewLife; where one of them has seen more than
// the curves bucket holds, it is ErrWentBack.
func (b *Bus) WriteEnvelope(ctx context.Context, gen fit.Generation, p fit.ProfileName, env fit.Envelope, asOf AsOf, now time.Time) (bool, error) {
	data, err := json.Marshal(Envelope{Envelope: env, AsOf: asOf, UpdatedAt: now.UTC()})
	if err != nil {
		return false, fmt.Errorf("encode the envelope of %s: %w", p, err)
	}
	return b.write(ctx, EnvelopesBucket, envelopeKey(gen, p), data, asOf)
}

// write stores what was computed as of asOf unless what is there is later, by the
// rule of WriteEnvelope.
func (b *Bus) write(ctx context.Context, bucket, key string, data []byte, asOf AsOf) (bool, error) {
	subject := keySubject(bucket, key)
	for read := b.last; ; read = b.lastNow {
		v, err := read(ctx, bucketStream(bucket), subject)
		if err != nil {
			return false, err
		}
		later, err := later(v, asOf, func() (Life, uint64, error) { return b.life(ctx, bucketStream(CurvesBucket)) })
		if later || err != nil {
			return false, err
		}
		_, err = b.swap(ctx, subject, data, v.rev, nil)
		if err == nil {
			return true, nil
		}
		if !isConflict(err) {
			return false, fmt.Errorf("write %s in bucket %s: %w", key, bucket, err)
		}
		if err := pause(ctx, conflictPause); err != nil {
			return false, err
		}
	}
}

// later tells whether what is stored must stay: it has seen more than asOf
// has. One of another life is void. One from beyond the stream's end tells that
// the bucket lost puts: ErrWentBack. curves asks for the life of the curves stream
// and its last sequence.
func later(v value, asOf AsOf, curves func() (Life, uint64, error)) (bool, error) {
	var stored struct {
		AsOf AsOf `json:"as_of"`
	}
	if !v.live || json.Unmarshal(v.data, &stored) != nil {
		return false, nil // somebody else wrote that
	}
	if stored.AsOf.Life == asOf.Life && stored.AsOf.Seq <= asOf.Seq {
		return false, nil
	}
	// Rare: it is void, or we are the ones who lag.
	life, last, err := curves()
	switch {
	case err != nil:
		return false, err
	case life != asOf.Life:
		return false, fmt.Errorf("write as of %s: %w", asOf.Life, ErrNewLife)
	case last < asOf.Seq, stored.AsOf.Life == life && last < stored.AsOf.Seq:
		return false, fmt.Errorf("write as of %d: the curves end at %d, one stands as of %d: %w", asOf.Seq, last, stored.AsOf.Seq, ErrWentBack)
	}
	return stored.AsOf.Life == life, nil
}

// ReadEnvelope returns the stored envelope, and whether there is one.
func (b *Bus) ReadEnvelope(ctx context.Context, gen fit.Generation, p fit.ProfileName) (Envelope, bool, error) {
	v, err := b.last(ctx, bucketStream(EnvelopesBucket), keySubject(EnvelopesBucket, envelopeKey(gen, p)))
	if err != nil || !v.live {
		return Envelope{}, false, err
	}
	env := Envelope{Generation: gen, Profile: p, Revision: v.rev}
	if json.Unmarshal(v.data, &env) != nil {
		return Envelope{}, false, nil
	}
	return env, true, nil
}

// Envelopes is a view of all envelopes of all generations. It is safe for
// concurrent use.
type Envelopes struct {
	view *view[map[string]Envelope]
	from *watch[map[string]Envelope]
}

// OpenEnvelopes returns when the view's first snapshot is whole. Run must follow.
func (b *Bus) OpenEnvelopes(ctx context.Context) (*Envelopes, error) {
	e := &Envelopes{}
	var err error
	fresh := func() map[string]Envelope { return map[string]Envelope{} }
	e.view, e.from, err = newView(ctx, b, EnvelopesBucket, ">", fresh, func(m map[string]Envelope, kv jetstream.KeyValueEntry) {
		gen, profile, ok := strings.Cut(kv.Key(), ".")
		env := Envelope{Generation: fit.Generation(gen), Profile: fit.ProfileName(profile), Revision: kv.Revision()}
		if !ok || kv.Operation() != jetstream.KeyValuePut || json.Unmarshal(kv.Value(), &env) != nil {
			delete(m, kv.Key())
			return
		}
		m[kv.Key()] = env
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Run keeps the view up to date until ctx ends.
func (e *Envelopes) Run(ctx context.Context) error { return e.view.run(ctx, e.from) }

// Check returns ErrNewLife where the bucket is not the one that the view is of.
func (e *Envelopes) Check(ctx context.Context) error { return e.view.check(ctx) }

// Get returns the envelope as the view has it.
func (e *Envelopes) Get(gen fit.Generation, p fit.ProfileName) (Envelope, bool) {
	e.view.mu.RLock()
	defer e.view.mu.RUnlock()
	env, ok := e.view.state[envelopeKey(gen, p)]
	env.Life = e.view.life
	return env, ok
}

// Seen is the revision up to which the view has all envelopes.
func (e *Envelopes) Seen() uint64 {
	e.view.mu.RLock()
	defer e.view.mu.RUnlock()
	return e.view.seq
}

// Reached waits until the view has seen a revision, for at most limit; ErrLagging then.
func (e *Envelopes) Reached(ctx context.Context, revision uint64, limit time.Duration) error {
	return e.view.reached(ctx, revision, limit)
}

// All returns a copy of the view, by `<generation>.<profile>`.
func (e *Envelopes) All() map[string]Envelope {
	e.view.mu.RLock()
	defer e.view.mu.RUnlock()
	return maps.Clone(e.view.state)
}

// Moved returns a channel that is closed at the next change.
func (e *Envelopes) Moved() <-chan struct{} { return e.view.changed() }
