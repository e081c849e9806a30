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

	"github.com/cis490/profiles/fit"
)

// A Generation is one fit spec as the specs bucket keeps it.
type Generation struct {
	Spec fit.Spec `json:"spec"`
	// Limits are the episode limits that are part of the generation, as JSON.
	Limits json.RawMessage `json:"limits"`
	// Base is the id of the spec and the limits alone: what a fit of the same
	// spec has that knows no streams. All epochs share it.
	Base  fit.Generation `json:"base"`
	Epoch uint64         `json:"epoch"`
	// Lives are those of the log that its entries stem from and of the bucket
	// that holds them. In others its entries mean nothing.
	Lives Lives `json:"lives"`

	ID           fit.Generation `json:"-"` // its key
	Registered   uint64         `json:"-"` // its sequence in the bucket's stream
	RegisteredAt time.Time      `json:"-"` // by the server's clock
	// Turn is the spec's place among all: where its first epoch that is still
	// there was registered. Of two of one revision the one that came later is
	// wanted, however far the epochs of the other got.
	Turn uint64 `json:"-"`
	Life Life   `json:"-"` // of the bucket's stream
}

// Lives are what the entries of a generation hang on: their sequences are those
// of one life of the log, and they are kept in one life of the curves bucket.
type Lives struct {
	Log    Life `json:"log"`
	Curves Life `json:"curves"`
}

// Lives asks for the present lives, and for the last sequence of the log.
func (b *Bus) Lives(ctx context.Context) (lives Lives, last uint64, err error) {
	if lives.Log, last, err = b.life(ctx, EpisodesStream); err != nil {
		return
	}
	lives.Curves, _, err = b.life(ctx, bucketStream(CurvesBucket))
	return
}

// Present returns the generation that a spec works on now, which may not be
// registered yet: its latest epoch or its first; or the next, where the log or
// the curves bucket isn't the one that the latest is of, so that its entries
// are void, or where it was removed. Limits are hashed by their JSON.
func (b *Bus) Present(ctx context.Context, specs *Specs, spec *fit.Spec, limits any) (Generation, error) {
	text, err := json.Marshal(limits)
	if err != nil {
		return Generation{}, fmt.Errorf("encode the limits: %w", err)
	}
	lives, _, err := b.Lives(ctx)
	if err != nil {
		return Generation{}, err
	}
	g := Generation{Spec: *spec, Limits: text, Base: spec.Generation(limits, 0), Lives: lives}
	if latest, ok := specs.Latest(g.Base); ok {
		g.Epoch = latest.Epoch
		if latest.Lives != lives {
			g.Epoch++
		}
	}
	g.ID = g.id()
	for specs.Removed(g.ID) {
		g = g.Next()
	}
	return g, nil
}

// Next is the generation of the same spec at the next epoch: new keys, new
// consumers, the log from its start.
func (g Generation) Next() Generation {
	g.Epoch++
	g.ID = g.id()
	return g
}

// id hashes all that a generation hangs on. The lives are among it so that
// whoever still works on streams that are gone asks for consumers and writes
// keys that the new streams don't have: by views of another life nothing can be
// acknowledged, whatever comes before the next check of the lives.
func (g Generation) id() fit.Generation {
	return g.Spec.Generation(struct {
		Limits json.RawMessage `json:"limits"`
		Lives  Lives           `json:"lives"`
	}{g.Limits, g.Lives}, g.Epoch)
}

// Register makes a generation known. One that is known stays as it is, unless
// the revision is higher: new shape texts go with a new revision. It is an error
// where messages of the server are too small for what the spec asks for: each of
// its episodes would be tried for ever.
func (b *Bus) Register(ctx context.Context, s Generation) error {
	if need, have := s.Spec.MessageBytes(), b.nc.MaxPayload(); int64(need) > have {
		return fmt.Errorf("register spec %s: %d points and %d channels of signature may take messages of %d bytes, and the server takes %d: ask for fewer, or raise its max_payload",
			s.ID, s.Spec.Points.Total(), len(s.Spec.Signature.Channels), need, have)
	}
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode spec %s: %w", s.ID, err)
	}
	subject := keySubject(SpecsBucket, string(s.ID))
	for read := b.last; ; read = b.lastNow {
		v, err := read(ctx, bucketStream(SpecsBucket), subject)
		if err != nil {
			return err
		}
		if v.live {
			if have, err := parseSpec(string(s.ID), v.data); err == nil && have.Spec.Revision >= s.Spec.Revision {
				return nil
			}
		}
		_, err = b.swap(ctx, subject, data, v.rev, nil)
		if err == nil {
			return nil
		}
		if !isConflict(err) {
			return fmt.Errorf("register spec %s: %w", s.ID, err)
		}
		if err := pause(ctx, conflictPause); err != nil {
			return err
		}
	}
}

// Specs is a view of all generations. It is safe for concurrent use.
type Specs struct {
	view *view[*generations]
	from *watch[*generations]
}

// generations is what the view folds the bucket into.
type generations struct {
	known   map[fit.Generation]Generation
	removed map[fit.Generation]bool // by the marks of Remove
}

// OpenSpecs returns when the view's first snapshot is whole. Run must follow.
func (b *Bus) OpenSpecs(ctx context.Context) (*Specs, error) {
	s := &Specs{}
	var err error
	s.view, s.from, err = newView(ctx, b, SpecsBucket, ">", freshSpecs, b.foldSpec)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func freshSpecs() *generations {
	return &generations{known: map[fit.Generation]Generation{}, removed: map[fit.Generation]bool{}}
}

// foldSpec takes one key of the bucket in.
func (b *Bus) foldSpec(all *generations, kv jetstream.KeyValueEntry) {
	put := kv.Operation() == jetstream.KeyValuePut
	if id, ok := strings.CutPrefix(kv.Key(), removedPrefix); ok {
		all.removed[fit.Generation(id)] = put
		return
	}
	gen := fit.Generation(kv.Key())
	delete(all.known, gen)
	if !put {
		return
	}
	spec, err := parseSpec(kv.Key(), kv.Value())
	if err != nil { // somebody else wrote it, or a version that knows more than this one
		b.log.Warn("ignore an entry in bucket specs", "key", kv.Key(), "err", err)
		return
	}
	spec.Registered, spec.RegisteredAt = kv.Revision(), kv.Created()
	all.known[gen] = spec
}

func parseSpec(key string, value []byte) (Generation, error) {
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

// Run keeps the view up to date until ctx ends.
func (s *Specs) Run(ctx context.Context) error { return s.view.run(ctx, s.from) }

// Check returns ErrNewLife where the bucket is not the one that the view is of.
func (s *Specs) Check(ctx context.Context) error { return s.view.check(ctx) }

// Moved returns a channel that is closed at the next change.
func (s *Specs) Moved() <-chan struct{} { return s.view.changed() }

// All returns every generation, the wanted one last.
func (s *Specs) All() []Generation {
	s.view.mu.RLock()
	defer s.view.mu.RUnlock()
	var all []Generation
	for _, g := range s.view.state.known {
		all = append(all, s.placed(g))
	}
	slices.SortFunc(all, func(a, b Generation) int {
		return cmp.Or(cmp.Compare(a.Spec.Revision, b.Spec.Revision), cmp.Compare(a.Turn, b.Turn), a.compare(b))
	})
	return all
}

// compare orders the generations of one spec: by epoch; of two of one epoch, which
// hang on different lives of the streams, the one that was registered later is later.
func (g Generation) compare(x Generation) int {
	return cmp.Or(cmp.Compare(g.Epoch, x.Epoch), cmp.Compare(g.Registered, x.Registered))
}

// Superseded tells whether a worker at g is to begin anew, given its spec's latest
// generation: that is of a later epoch; or of the same and of other lives of the
// streams, registered by one who has not noticed that they were made again, or who
// noticed before us. Whoever begins anew takes the latest, or the next epoch where
// the latest does not hang on the streams that there are.
func (g Generation) Superseded(latest Generation) bool {
	return latest.Epoch > g.Epoch || latest.Epoch == g.Epoch && latest.Lives != g.Lives
}

// placed fills in what a generation is among the others. The view's lock is held.
func (s *Specs) placed(g Generation) Generation {
	g.Turn, g.Life = g.Registered, s.view.life
	for _, x := range s.view.state.known {
		if x.Base == g.Base {
			g.Turn = min(g.Turn, x.Registered)
		}
	}
	return g
}

// Wanted returns the generation that the dashboard shall show: that of the
// highest revision, at its latest epoch. False: none is known yet.
func (s *Specs) Wanted() (Generation, bool) {
	all := s.All()
	if len(all) == 0 {
		return Generation{}, false
	}
	return all[len(all)-1], true
}

// Latest returns the latest epoch of a spec, given its base; of two of one epoch
// that which was registered later.
func (s *Specs) Latest(base fit.Generation) (Generation, bool) {
	s.view.mu.RLock()
	defer s.view.mu.RUnlock()
	var latest Generation
	found := false
	for _, x := range s.view.state.known {
		if x.Base == base && (!found || x.compare(latest) > 0) {
			latest, found = x, true
		}
	}
	return s.placed(latest), found
}

// Get returns a generation by its id.
func (s *Specs) Get(id fit.Generation) (Generation, bool) {
	s.view.mu.RLock()
	defer s.view.mu.RUnlock()
	g, ok := s.view.state.known[id]
	return s.placed(g), ok
}

// Removed tells whether a generation was removed. Its id is not used again.
func (s *Specs) Removed(id fit.Generation) bool {
	s.view.mu.RLock()
	defer s.view.mu.RUnlock()
	return s.view.state.removed[id]
}
