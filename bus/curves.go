package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// ErrConflict says that a compare-and-set lost: somebody else wrote since the
// revision that was given. Read again and decide anew.
var ErrConflict = errors.New("somebody else wrote first")

// Curves is a generation's part of the curves bucket with this service's view
// of it. It is safe for concurrent use.
type Curves struct {
	bus  *Bus
	gen  fit.Generation
	spec *fit.Spec
	view *view[*samples]
	from *watch[*samples]
	memory
}

// samples is what the view folds entries into.
type samples struct {
	byProfile map[fit.ProfileName]entries
	last      Origin // latest place in the log that an entry stems from
}

// entries are those of one profile, with the revision of each key, also of those
// that hold no entry. The zero entries are of a profile that the spec lacks.
type entries struct {
	*fit.Sample
	revisions map[fit.Rank]uint64
}

// An Origin is the message of the log that an entry stems from, as the entry
// tells it.
type Origin struct {
	Seq                    uint64
	Host, Episode, Profile string
	Retracted              bool
}

type curveID struct {
	profile fit.ProfileName
	rank    fit.Rank
}

// OpenCurves returns when the view's first snapshot is whole. Run must follow.
func (b *Bus) OpenCurves(ctx context.Context, gen fit.Generation, spec *fit.Spec) (*Curves, error) {
	c := &Curves{bus: b, gen: gen, spec: spec}
	var err error
	c.view, c.from, err = newView(ctx, b, CurvesBucket, string(gen)+".>", c.fresh, c.fold)
	if err != nil {
		return nil, err
	}
	c.view.swapped = c.compare
	return c, nil
}

// Run keeps the view up to date until ctx ends.
func (c *Curves) Run(ctx context.Context) error { return c.view.run(ctx, c.from) }

func (c *Curves) fresh() *samples {
	s := &samples{byProfile: map[fit.ProfileName]entries{}}
	for _, p := range c.spec.Profiles {
		s.byProfile[p.Name] = entries{fit.NewSample(c.spec.Target), map[fit.Rank]uint64{}}
	}
	return s
}

// fold takes one entry in. What can't be an entry of ours was written by
// somebody else: it counts as nothing, but its revision is what the next
// compare-and-set must beat.
func (c *Curves) fold(s *samples, e jetstream.KeyValueEntry) {
	id, err := parseCurveKey(e.Key())
	of := s.byProfile[id.profile]
	if err != nil || of.Sample == nil {
		c.bus.log.Warn("ignore a key in bucket curves", "key", e.Key())
		return
	}
	of.revisions[id.rank] = e.Revision()
	if e.Operation() != jetstream.KeyValuePut {
		return
	}
	entry, err := c.decode(e.Value())
	if err != nil {
		c.bus.log.Warn("ignore an entry in bucket curves", "key", e.Key(), "err", err)
		return
	}
	of.Put(id.rank, entry)
	if entry.Seq > s.last.Seq {
		s.last = Origin{entry.Seq, entry.Host, entry.Episode, string(id.profile), entry.State == fit.StateRetracted}
	}
}

func (of entries) entry(r fit.Rank) (fit.Entry, bool) {
	if of.Sample == nil {
		return fit.Entry{}, false
	}
	return of.Get(r)
}

func (c *Curves) decode(data []byte) (fit.Entry, error) {
	entry, err := fit.DecodeEntry(data)
	if err != nil {
		return fit.Entry{}, err
	}
	if err := entry.Validate(c.spec); err != nil {
		return fit.Entry{}, err
	}
	return entry, nil
}

func (id curveID) key(gen fit.Generation) string {
	return string(gen) + "." + string(id.profile) + "." + id.rank.String()
}

func parseCurveKey(key string) (curveID, error) {
	parts := strings.Split(key, ".")
	if len(parts) != 3 {
		return curveID{}, fmt.Errorf("key %q is not <generation>.<profile>.<rank>", key)
	}
	rank, err := fit.ParseRank(parts[2])
	return curveID{fit.ProfileName(parts[1]), rank}, err
}

// Needed tells whether an episode of this rank may matter. False is for ever:
// the threshold only falls, and a view that lags has a higher one.
func (c *Curves) Needed(p fit.ProfileName, r fit.Rank) bool {
	c.view.mu.RLock()
	defer c.view.mu.RUnlock()
	of := c.view.state.byProfile[p]
	return of.Sample == nil || of.Needed(r)
}

// An Entry is an episode's entry with the revision to write against. Rev is 0
// where there was never one; Found tells whether there is one now.
type Entry struct {
	fit.Entry
	Found bool
	Rev   uint64
}

// Seen returns the entry as the view has it: the present or a past one. A view
// keeps no reason's detail, which Read gives.
func (c *Curves) Seen(p fit.ProfileName, r fit.Rank) Entry {
	c.view.mu.RLock()
	defer c.view.mu.RUnlock()
	var e Entry
	of := c.view.state.byProfile[p]
	e.Entry, e.Found = of.entry(r)
	e.Rev = of.revisions[r]
	return e
}

// Read asks the bucket for the entry, after a conflict.
func (c *Curves) Read(ctx context.Context, p fit.ProfileName, r fit.Rank) (Entry, error) {
	id := curveID{p, r}
	v, err := c.bus.lastNow(ctx, bucketStream(CurvesBucket), keySubject(CurvesBucket, id.key(c.gen)))
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Rev: v.rev}
	if v.live {
		if e.Entry, err = c.decode(v.data); err == nil {
			e.Found = true
			c.remember(id, v.rev, e.Entry)
		}
	}
	return e, nil
}

// Put writes an entry if the key's revision is still rev. acceptedAt travels
// beside it for measuring and may be zero.
func (c *Curves) Put(ctx context.Context, p fit.ProfileName, r fit.Rank, entry fit.Entry, rev uint64, acceptedAt time.Time) error {
	data, err := fit.EncodeEntry(entry)
	if err != nil {
		return fmt.Errorf("encode entry %s/%s: %w", entry.Host, entry.Episode, err)
	}
	var header nats.Header
	if !acceptedAt.IsZero() {
		header = nats.Header{headerAcceptedAt: {acceptedAt.UTC().Format(time.RFC3339Nano)}}
	}
	id := curveID{p, r}
	seq, err := c.bus.swap(ctx, keySubject(CurvesBucket, id.key(c.gen)), data, rev, header)
	if isConflict(err) {
		return fmt.Errorf("put entry %s/%s: %w", entry.Host, entry.Episode, ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("put entry %s/%s: %w", entry.Host, entry.Episode, err)
	}
	c.view.handed(seq)
	c.remember(id, seq, entry)
	return nil
}

// Reached waits until the view has seen a sequence that the caller was handed,
// for at most limit; ErrLagging then.
func (c *Curves) Reached(ctx context.Context, seq uint64, limit time.Duration) error {
	return c.view.reached(ctx, seq, limit)
}

// A Standing is what the view says of one profile at one moment.
type Standing struct {
	Envelope fit.Envelope
	AsOf     AsOf
	// Short says that retractions have used up the slack: the sample below the
	// threshold can't be full, though episodes beyond it were skipped. The
	// envelope is not that of the whole log then; a new epoch is due.
	Short bool
}

// Standing computes a profile's envelope from the view.
func (c *Curves) Standing(p fit.ProfileName) (Standing, error) {
	c.view.mu.Lock() // a sample keeps its answers, so asking writes
	defer c.view.mu.Unlock()
	s, err := c.sample(p)
	if err != nil {
		return Standing{}, err
	}
	return Standing{
		Envelope: s.Envelope(c.spec.Points.Total()),
		AsOf:     AsOf{Life: c.view.life, Seq: c.view.seq},
		Short:    s.Short(),
	}, nil
}

// sample returns what the view has of a profile. The view's mu is held.
func (c *Curves) sample(p fit.ProfileName) (*fit.Sample, error) {
	s := c.view.state.byProfile[p].Sample
	if s == nil {
		return nil, fmt.Errorf("generation %s has no profile %q", c.gen, p)
	}
	return s, nil
}

// A Sampled is what the view says of the episodes of one profile at one moment.
type Sampled struct {
	Members  []signature.Member // by rank; shared, never changed
	Digest   fit.Digest
	Accepted float64 // usable episodes accepted, as the sample estimates
	AsOf     AsOf
}

// Sampled returns a profile's members as the view has them.
func (c *Curves) Sampled(p fit.ProfileName) (Sampled, error) {
	c.view.mu.Lock() // a sample keeps its answers, so asking writes
	defer c.view.mu.Unlock()
	s, err := c.sample(p)
	if err != nil {
		return Sampled{}, err
	}
	return Sampled{
		Members:  signature.MembersOf(s),
		Digest:   s.Digest(),
		Accepted: s.Accepted(),
		AsOf:     AsOf{Life: c.view.life, Seq: c.view.seq},
	}, nil
}

// Digest returns the digest of a profile's sample, cheaper than Standing.
func (c *Curves) Digest(p fit.ProfileName) fit.Digest {
	c.view.mu.Lock() // a sample keeps its answers, so asking writes
	defer c.view.mu.Unlock()
	return c.view.state.byProfile[p].Digest()
}

// Last returns the latest message of the log that an entry stems from; of
// sequence 0 where there is no entry.
func (c *Curves) Last() Origin {
	c.view.mu.RLock()
	defer c.view.mu.RUnlock()
	return c.view.state.last
}

// Sizes returns how many episodes of a profile are used, attempted and kept.
func (c *Curves) Sizes(p fit.ProfileName) (used, attempted, kept int) {
	c.view.mu.Lock() // a sample keeps its answers, so asking writes
	defer c.view.mu.Unlock()
	s := c.view.state.byProfile[p]
	return s.Used(), s.Attempted(), s.Len()
}

// Pause waits a moment before reading again after a conflict.
func (c *Curves) Pause(ctx context.Context) error { return pause(ctx, conflictPause) }
