package bus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// Curves is a view of a generation's entries in bucket curves, and the way to write
// them. It is safe for concurrent use.
type Curves struct {
	bus    *Bus
	gen    fit.Generation
	spec   *fit.Spec
	view   *client.View[*curvesState]
	losses lossDetector
	damage chan struct{} // gets a value when a key has a value that is no entry
}

// curvesState is the state of the view.
type curvesState struct {
	byProfile map[fit.ProfileName]*profileEntries // of every profile of the spec
	last      Origin                              // the latest message of the log that an entry was made from
}

// profileEntries are the entries of one profile.
type profileEntries struct {
	sample *fit.Sample
	// revisions has the revision of each key, also of keys without a valid entry: the
	// next compare-and-set must name it.
	revisions map[fit.Rank]uint64
	// damaged has the revision of each key whose value is no entry. The sample keeps the
	// entry that was there before, if this view has seen it.
	damaged map[fit.Rank]uint64
}

// An EntryID identifies an entry of a generation.
type EntryID struct {
	Profile fit.ProfileName
	Rank    fit.Rank
}

func (id EntryID) key(gen fit.Generation) string {
	return string(gen) + "." + string(id.Profile) + "." + id.Rank.String()
}

func parseEntryID(key string) (EntryID, error) {
	parts := strings.Split(key, ".")
	if len(parts) != 3 {
		return EntryID{}, fmt.Errorf("key %q is not <generation>.<profile>.<rank>", key)
	}
	rank, err := fit.ParseRank(parts[2])
	return EntryID{fit.ProfileName(parts[1]), rank}, err
}

// OpenCurves returns when the view's first snapshot is complete. Run must follow.
func (b *Bus) OpenCurves(ctx context.Context, gen fit.Generation, spec *fit.Spec) (*Curves, error) {
	c := &Curves{bus: b, gen: gen, spec: spec, damage: make(chan struct{}, 1)}
	var err error
	c.view, err = client.OpenView(ctx, b.Client, CurvesBucket, string(gen)+".>", c.fold())
	return c, err
}

// ReadCurves returns a generation's entries as they are now. It does not follow the
// bucket and must not Run.
func (b *Bus) ReadCurves(ctx context.Context, gen Generation) (*Curves, error) {
	c := &Curves{bus: b, gen: gen.ID, spec: &gen.Spec, damage: make(chan struct{}, 1)}
	var err error
	c.view, err = client.ReadView(ctx, b.Client, CurvesBucket, string(gen.ID)+".>", c.fold())
	return c, err
}

// Run keeps the view up to date until ctx ends.
func (c *Curves) Run(ctx context.Context) error { return c.view.Run(ctx) }

func (c *Curves) fold() client.Fold[*curvesState] {
	return client.Fold[*curvesState]{New: c.newState, Apply: c.apply, Replaced: c.losses.compare}
}

func (c *Curves) newState() *curvesState {
	s := &curvesState{byProfile: map[fit.ProfileName]*profileEntries{}}
	for _, p := range c.spec.Profiles {
		s.byProfile[p.Name] = &profileEntries{fit.NewSample(c.spec.Target), map[fit.Rank]uint64{}, map[fit.Rank]uint64{}}
	}
	return s
}

// apply applies one entry of the bucket. An invalid entry, which another program wrote,
// is noted as damage: see Damaged.
func (c *Curves) apply(s *curvesState, e jetstream.KeyValueEntry) {
	id, err := parseEntryID(e.Key())
	entries := s.byProfile[id.Profile]
	if err != nil || entries == nil {
		c.bus.Log().Warn("ignore a key in bucket curves", logkey.Key, e.Key())
		return
	}
	entries.revisions[id.Rank] = e.Revision()
	if e.Operation() != jetstream.KeyValuePut {
		return
	}
	entry, err := c.decode(e.Value())
	if err != nil {
		c.bus.Log().Warn("an entry in bucket curves is not valid", logkey.Key, e.Key(), logkey.Err, err)
		entries.damaged[id.Rank] = e.Revision()
		select {
		case c.damage <- struct{}{}:
		default:
		}
		return
	}
	delete(entries.damaged, id.Rank)
	entries.sample.Put(id.Rank, entry)
	if entry.Seq > s.last.Seq {
		s.last = Origin{entry.Seq, entry.Host, entry.Episode, string(id.Profile), entry.State == fit.StateRetracted}
	}
}

// get returns an entry; false if the state has no such entry.
func (s *curvesState) get(id EntryID) (fit.Entry, bool) {
	entries := s.byProfile[id.Profile]
	if entries == nil {
		return fit.Entry{}, false
	}
	return entries.sample.Get(id.Rank)
}

func (c *Curves) decode(data []byte) (fit.Entry, error) {
	entry, err := fit.DecodeEntry(data)
	if err != nil {
		return fit.Entry{}, err
	}
	return entry, entry.Validate(c.spec)
}

// Needed reports whether an episode of this rank may become part of the sample. Once
// false it stays false: the threshold only falls, and a view that lags has a higher
// one.
func (c *Curves) Needed(id EntryID) (needed bool) {
	c.view.Read(func(s *curvesState, _ client.AsOf) {
		entries := s.byProfile[id.Profile]
		needed = entries == nil || entries.sample.Needed(id.Rank)
	})
	return needed
}

// Damage returns a channel that gets a value when Damaged may have more.
func (c *Curves) Damage() <-chan struct{} { return c.damage }

// Damaged returns the revision of each key whose value is no entry: another program wrote
// it. The entry that was there can only be made anew, from the log.
func (c *Curves) Damaged() map[EntryID]uint64 {
	damaged := map[EntryID]uint64{}
	c.view.Read(func(s *curvesState, _ client.AsOf) {
		for p, entries := range s.byProfile {
			for rank, revision := range entries.damaged {
				damaged[EntryID{p, rank}] = revision
			}
		}
	})
	return damaged
}

// An Entry is an episode's entry as it was read.
type Entry struct {
	fit.Entry
	Found    bool   // false: there is no entry
	Revision uint64 // of the key; 0 where nothing was ever stored
}

// Seen returns the entry that the view has: the present one or an earlier one,
// without the detail of a reason, which a view does not keep. A damaged entry is not found.
func (c *Curves) Seen(id EntryID) (e Entry) {
	c.view.Read(func(s *curvesState, _ client.AsOf) {
		entries := s.byProfile[id.Profile]
		if entries == nil {
			return
		}
		e.Revision = entries.revisions[id.Rank]
		if _, damaged := entries.damaged[id.Rank]; !damaged {
			e.Entry, e.Found = s.get(id)
		}
	})
	return e
}

// Read asks the leader of the bucket's stream for the entry.
func (c *Curves) Read(ctx context.Context, id EntryID) (Entry, error) {
	v, err := c.readValue(ctx, id)
	if err != nil {
		return Entry{}, err
	}
	return c.fromValue(id, v), nil
}

func (c *Curves) readValue(ctx context.Context, id EntryID) (client.Value, error) {
	return c.bus.LastFromLeader(ctx, client.BucketStream(CurvesBucket), client.KeySubject(CurvesBucket, id.key(c.gen)))
}

// fromValue decodes what the leader has stored for an entry.
func (c *Curves) fromValue(id EntryID, v client.Value) Entry {
	e := Entry{Revision: v.Revision}
	if !v.Exists {
		return e
	}
	entry, err := c.decode(v.Data)
	if err != nil {
		return e
	}
	e.Entry, e.Found = entry, true
	c.noteKnown(id, v.Revision, entry)
	return e
}

// Update changes an entry by compare-and-set, as often as it takes until no other
// worker writes in between. change gets the entry, first the given one, which the
// caller knows from Seen or Read, and returns the entry to be stored, or nil to
// leave it as it is. acceptedAt is sent with the entry to measure latency; it may be zero.
// The result reports whether an entry was stored.
func (c *Curves) Update(ctx context.Context, id EntryID, have Entry, acceptedAt time.Time, change func(have Entry) (*fit.Entry, error)) (bool, error) {
	var header nats.Header
	if !acceptedAt.IsZero() {
		header = nats.Header{headerAcceptedAt: {acceptedAt.UTC().Format(time.RFC3339Nano)}}
	}
	first := true
	var stored *fit.Entry
	revision, err := c.bus.UpdateFrom(ctx, client.Value{Revision: have.Revision}, client.KeySubject(CurvesBucket, id.key(c.gen)),
		func(v client.Value) (*client.Write, error) {
			if !first {
				have = c.fromValue(id, v)
			}
			first = false
			var err error
			if stored, err = change(have); stored == nil || err != nil {
				return nil, err
			}
			data, err := fit.EncodeEntry(*stored)
			if err != nil {
				return nil, fmt.Errorf("encode entry %s/%s: %w", stored.Host, stored.Episode, err)
			}
			return &client.Write{Data: data, Header: header}, nil
		}, func(ctx context.Context) (client.Value, error) { return c.readValue(ctx, id) })
	if revision == 0 || err != nil {
		return false, err
	}
	c.view.NoteGiven(revision)
	c.noteKnown(id, revision, *stored)
	return true, nil
}

// noteKnown notes an entry that the bucket has now.
func (c *Curves) noteKnown(id EntryID, revision uint64, e fit.Entry) {
	c.view.Read(func(s *curvesState, _ client.AsOf) { c.losses.note(s, id, revision, e) })
}

// Reached waits until the view has seen a sequence that the caller was given, for at
// most limit. It returns client.ErrLagging then.
func (c *Curves) Reached(ctx context.Context, seq uint64, limit time.Duration) error {
	return c.view.Reached(ctx, seq, limit)
}

// Inspect calls inspect with the sample of a profile and the place in the stream that
// it shows. inspect must not keep the sample. It is an error if the spec does not
// name the profile.
func (c *Curves) Inspect(p fit.ProfileName, inspect func(*fit.Sample, client.AsOf)) error {
	entries := (*profileEntries)(nil)
	c.view.Modify(func(s *curvesState, at client.AsOf) { // a sample caches results, so reading it changes it
		if entries = s.byProfile[p]; entries != nil {
			inspect(entries.sample, at)
		}
	})
	if entries == nil {
		return fmt.Errorf("generation %s has no profile %q", c.gen, p)
	}
	return nil
}

// A Reduction is a profile's envelope, computed from the view.
type Reduction struct {
	Envelope fit.Envelope
	AsOf     client.AsOf
	// Short means that the sample is not full although episodes above the threshold
	// were skipped: retractions have used up the reserve. Then the envelope is not that
	// of the whole log, and the log must be read again in a new epoch.
	Short bool
}

// Reduce computes a profile's envelope. It is an error if the spec does not name the
// profile.
func (c *Curves) Reduce(p fit.ProfileName) (r Reduction, err error) {
	err = c.Inspect(p, func(s *fit.Sample, at client.AsOf) {
		r = Reduction{Envelope: s.Envelope(c.spec.Points.Total()), AsOf: at, Short: s.Short()}
	})
	return r, err
}

// Last returns the latest message of the log that an entry was made from; zero where
// there is no entry.
func (c *Curves) Last() (last Origin) {
	c.view.Read(func(s *curvesState, _ client.AsOf) { last = s.last })
	return last
}
