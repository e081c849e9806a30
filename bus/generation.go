package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// A Generation is one fit spec at work: with the episode limits, the incarnations of
// the streams that its entries are in, and an epoch. Its JSON is the value in bucket
// specs.
type Generation struct {
	Spec fit.Spec `json:"spec"`
	// Limits are the episode limits, as JSON. They are part of the id.
	Limits json.RawMessage `json:"limits"`
	// Base is the id of the spec and the limits alone. All epochs share it, and so
	// does a batch fit, which has no streams.
	Base fit.Generation `json:"base"`
	// Epoch is raised to read the log again: new keys, new consumers.
	Epoch uint64 `json:"epoch"`
	// Streams are the incarnations that the entries of the generation belong to.
	Streams Incarnations `json:"lives"`

	ID           fit.Generation `json:"-"` // the key
	Registered   uint64         `json:"-"` // the sequence in the bucket's stream
	RegisteredAt time.Time      `json:"-"` // by the server's clock
	// Turn orders the specs of one revision: it is the lowest Registered of the
	// generations with the same Base. Of two specs the one with the higher Turn is
	// wanted, also if its epoch is lower.
	Turn        uint64             `json:"-"`
	Incarnation client.Incarnation `json:"-"` // of the bucket's stream
}

// Incarnations are those of the streams that the entries of a generation depend on:
// an entry has the sequence of a message of the log, and is stored in bucket curves.
type Incarnations struct {
	Log    client.Incarnation `json:"log"`
	Curves client.Incarnation `json:"curves"`
}

// Incarnations asks for the present incarnations, and for the last sequence of the
// log.
func (b *Bus) Incarnations(ctx context.Context) (now Incarnations, last uint64, err error) {
	log, err := b.End(ctx, EpisodesStream)
	if err != nil {
		return
	}
	curves, err := b.End(ctx, client.BucketStream(CurvesBucket))
	return Incarnations{log.Incarnation, curves.Incarnation}, log.Seq, err
}

// Present returns the generation that a spec works on now; it may not be registered
// yet. It is the spec's latest epoch, or its first if no epoch is registered. It is the
// next epoch if the latest was removed, or belongs to other incarnations of the
// streams: its entries are void then.
func (b *Bus) Present(ctx context.Context, specs *Specs, spec *fit.Spec, limits any) (Generation, error) {
	text, err := json.Marshal(limits)
	if err != nil {
		return Generation{}, fmt.Errorf("encode the limits: %w", err)
	}
	streams, _, err := b.Incarnations(ctx)
	if err != nil {
		return Generation{}, err
	}
	g := Generation{Spec: *spec, Limits: text, Base: spec.Generation(limits, 0), Streams: streams}
	if latest, ok := specs.Latest(g.Base); ok {
		g.Epoch = latest.Epoch
		if latest.Streams != streams {
			g.Epoch++
		}
	}
	g.ID = g.id()
	for specs.Removed(g.ID) {
		g = g.Next()
	}
	return g, nil
}

// Next returns the generation of the same spec at the next epoch.
func (g Generation) Next() Generation {
	g.Epoch++
	g.ID = g.id()
	return g
}

// id hashes everything that a generation depends on. The incarnations are part of
// it, so that a worker which has not noticed that the streams were created again
// asks for a consumer that does not exist. Otherwise it would acknowledge messages
// that only its views of the old streams have.
func (g Generation) id() fit.Generation {
	return g.Spec.Generation(struct {
		Limits  json.RawMessage `json:"limits"`
		Streams Incarnations    `json:"lives"`
	}{g.Limits, g.Streams}, g.Epoch)
}

// compare orders the generations of one spec: by epoch, then by registration. Two of
// one epoch belong to different incarnations of the streams.
func (g Generation) compare(x Generation) int {
	return cmp.Or(cmp.Compare(g.Epoch, x.Epoch), cmp.Compare(g.Registered, x.Registered))
}

// SupersededBy reports whether a worker at g must start again, given the latest
// generation of its spec: one of a later epoch, or one of the same epoch and other
// incarnations of the streams. The second was registered by a worker that noticed
// the new streams before this one, or has not noticed them yet. Present decides
// which generation the worker starts with.
func (g Generation) SupersededBy(latest Generation) bool {
	return latest.Epoch > g.Epoch || latest.Epoch == g.Epoch && latest.Streams != g.Streams
}
