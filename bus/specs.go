package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// Register stores a generation in bucket specs. One that is there stays as it is,
// unless the revision is higher: new shape texts need a new revision. It is an error
// if the server's messages are too small for the entries of the spec: each of its
// episodes would be tried for ever.
func (b *Bus) Register(ctx context.Context, g Generation) error {
	if need, have := g.Spec.MessageBytes(), b.MaxPayload(); int64(need) > have {
		return fmt.Errorf("register spec %s: %d points and %d channels of signature may take messages of %d bytes, and the server takes %d: ask for fewer, or raise its max_payload",
			g.ID, g.Spec.Points.Total(), len(g.Spec.Signature.Channels), need, have)
	}
	data, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("encode spec %s: %w", g.ID, err)
	}
	key := string(g.ID)
	_, err = b.Update(ctx, client.BucketStream(SpecsBucket), client.KeySubject(SpecsBucket, key), func(have client.Value) (*client.Write, error) {
		if have.Exists {
			if known, err := parseGeneration(key, have.Data); err == nil && known.Spec.Revision >= g.Spec.Revision {
				return nil, nil
			}
		}
		return &client.Write{Data: data}, nil
	})
	if err != nil {
		return fmt.Errorf("register spec %s: %w", g.ID, err)
	}
	return nil
}

func parseGeneration(key string, value []byte) (Generation, error) {
	id, err := fit.ParseGeneration(key)
	if err != nil {
		return Generation{}, err
	}
	g := Generation{ID: id}
	if err := json.Unmarshal(value, &g); err != nil {
		return Generation{}, err
	}
	return g, g.Spec.Validate()
}

// Specs is a view of all generations. It is safe for concurrent use.
type Specs struct {
	view *client.View[*generations]
}

// generations is the state of the view.
type generations struct {
	known   map[fit.Generation]Generation
	removed map[fit.Generation]bool // by Remove

	madeUp   LogLosses // see MakeUpFor
	madeUpAt uint64    // its sequence in the bucket
}

// OpenSpecs returns when the view's first snapshot is complete. Run must follow.
func (b *Bus) OpenSpecs(ctx context.Context) (*Specs, error) {
	view, err := client.OpenView(ctx, b.Client, SpecsBucket, ">", b.foldSpecs())
	return &Specs{view}, err
}

// ReadSpecs returns all generations as they are now. It does not follow the bucket
// and must not Run.
func (b *Bus) ReadSpecs(ctx context.Context) (*Specs, error) {
	view, err := client.ReadView(ctx, b.Client, SpecsBucket, ">", b.foldSpecs())
	return &Specs{view}, err
}

func (b *Bus) foldSpecs() client.Fold[*generations] {
	return client.Fold[*generations]{
		New: func() *generations {
			return &generations{known: map[fit.Generation]Generation{}, removed: map[fit.Generation]bool{}}
		},
		Apply: b.applySpec,
	}
}

// applySpec applies one entry of the bucket.
func (b *Bus) applySpec(all *generations, kv jetstream.KeyValueEntry) {
	put := kv.Operation() == jetstream.KeyValuePut
	if id, ok := strings.CutPrefix(kv.Key(), removedPrefix); ok {
		all.removed[fit.Generation(id)] = put
		return
	}
	if kv.Key() == LogKey {
		all.madeUp, all.madeUpAt = LogLosses{}, 0
		if put && json.Unmarshal(kv.Value(), &all.madeUp) == nil {
			all.madeUpAt = kv.Revision()
		}
		return
	}
	id := fit.Generation(kv.Key())
	delete(all.known, id)
	if !put {
		return
	}
	g, err := parseGeneration(kv.Key(), kv.Value())
	if err != nil { // another program wrote it, or a later version of this one
		b.Log().Warn("ignore an entry in bucket specs", logkey.Key, kv.Key(), logkey.Err, err)
		return
	}
	g.Registered, g.RegisteredAt = kv.Revision(), kv.Created()
	all.known[id] = g
}

// Run keeps the view up to date until ctx ends.
func (s *Specs) Run(ctx context.Context) error { return s.view.Run(ctx) }

// Reached waits until the view has seen a sequence, for at most limit; then the error is
// client.ErrLagging.
func (s *Specs) Reached(ctx context.Context, seq uint64, limit time.Duration) error {
	return s.view.Reached(ctx, seq, limit)
}

// Check returns client.ErrStreamReplaced where the bucket is not the one that the view
// follows.
func (s *Specs) Check(ctx context.Context) error { return s.view.Check(ctx) }

// Changed returns a channel that is closed at the next change.
func (s *Specs) Changed() <-chan struct{} { return s.view.Changed() }

// All returns every generation, the wanted one last.
func (s *Specs) All() []Generation {
	var all []Generation
	s.view.Read(func(state *generations, at client.AsOf) {
		for _, g := range state.known {
			all = append(all, state.placed(g, at))
		}
	})
	slices.SortFunc(all, func(a, b Generation) int {
		return cmp.Or(cmp.Compare(a.Spec.Revision, b.Spec.Revision), cmp.Compare(a.Turn, b.Turn), a.compare(b))
	})
	return all
}

// placed fills in the fields of a generation that depend on the others.
func (s *generations) placed(g Generation, at client.AsOf) Generation {
	g.Turn, g.Incarnation = g.Registered, at.Incarnation
	for _, x := range s.known {
		if x.Base == g.Base {
			g.Turn = min(g.Turn, x.Registered)
		}
	}
	return g
}

// Wanted returns the generation that the dashboard must show: the latest epoch of
// the spec with the highest revision; false where no generation is known yet.
func (s *Specs) Wanted() (Generation, bool) {
	all := s.All()
	if len(all) == 0 {
		return Generation{}, false
	}
	return all[len(all)-1], true
}

// Latest returns the generation of the latest epoch of a spec, given its base. Of two
// of one epoch it is the one that was registered later.
func (s *Specs) Latest(base fit.Generation) (latest Generation, found bool) {
	s.view.Read(func(state *generations, at client.AsOf) {
		for _, x := range state.known {
			if x.Base == base && (!found || x.compare(latest) > 0) {
				latest, found = x, true
			}
		}
		latest = state.placed(latest, at)
	})
	return latest, found
}

// Get returns a generation by its id.
func (s *Specs) Get(id fit.Generation) (g Generation, found bool) {
	s.view.Read(func(state *generations, at client.AsOf) {
		g, found = state.known[id]
		g = state.placed(g, at)
	})
	return g, found
}

// Removed reports whether a generation was removed. Its id is not used again.
func (s *Specs) Removed(id fit.Generation) (removed bool) {
	s.view.Read(func(state *generations, _ client.AsOf) { removed = state.removed[id] })
	return removed
}
