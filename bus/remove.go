package bus

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// A Usage is what NATS knows of the workers of a generation.
type Usage struct {
	Consumers int // how many of its two consumers exist
	Waiting   int // open requests for messages. A worker between two requests has none
	Unacked   int // messages delivered and not acknowledged; those of a killed worker stay
	// Idle is the time, by the server's clock, since the last of these: the generation
	// was registered, a consumer was created, a message was delivered or acknowledged.
	Idle time.Duration
}

// Usage asks for the usage of a generation, which need not be registered.
func (b *Bus) Usage(ctx context.Context, gen Generation) (Usage, error) {
	s, err := b.OpenStream(ctx, client.BucketStream(SpecsBucket))
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Idle: s.CachedInfo().TimeStamp.Sub(gen.RegisteredAt)}
	for stream, name := range consumersOf(gen.ID) {
		info, err := b.ConsumerInfo(ctx, stream, name)
		if client.IsAbsent(err) {
			continue
		}
		if err != nil {
			return Usage{}, err
		}
		last := info.Created
		for _, at := range []*time.Time{info.Delivered.Last, info.AckFloor.Last} {
			if at != nil && at.After(last) {
				last = *at
			}
		}
		u.Consumers++
		u.Waiting += info.NumWaiting
		u.Unacked += info.NumAckPending
		u.Idle = min(u.Idle, info.TimeStamp.Sub(last))
	}
	u.Idle = max(u.Idle, 0) // another server's clock may be ahead
	return u, nil
}

// consumersOf names a generation's two consumers by their streams.
func consumersOf(gen fit.Generation) map[string]string {
	return map[string]string{EpisodesStream: AlignConsumer(gen), client.BucketStream(CurvesBucket): ReduceConsumer(gen)}
}

// GenerationsWithConsumers returns the generations that have a consumer, registered
// or not, in order of their ids.
func (b *Bus) GenerationsWithConsumers(ctx context.Context) ([]fit.Generation, error) {
	var ids []fit.Generation
	for stream, prefix := range consumersOf("") {
		names, err := b.ConsumerNames(ctx, stream)
		if client.IsAbsent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if id, ok := strings.CutPrefix(name, prefix); ok {
				if gen, err := fit.ParseGeneration(id); err == nil {
					ids = append(ids, gen)
				}
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Stored is how much a generation has in the buckets.
type Stored struct {
	Entries    int   `json:"entries"`    // in curves
	Envelopes  int   `json:"envelopes"`  // with their history
	Signatures int   `json:"signatures"` // parts of them
	Bytes      int64 `json:"bytes"`      // of all these values
}

// Stored counts the values of a generation in the buckets. It leaves out the marks in
// bucket attempts, which are deleted after a day.
func (b *Bus) Stored(ctx context.Context, gen fit.Generation) (Stored, error) {
	var s Stored
	for bucket, count := range map[string]*int{CurvesBucket: &s.Entries, EnvelopesBucket: &s.Envelopes, SignaturesBucket: &s.Signatures} {
		_, err := b.ReadAll(ctx, client.BucketStream(bucket), keysOf(bucket, gen), func(msg *jetstream.RawStreamMsg) error {
			*count++
			s.Bytes += int64(len(msg.Data))
			return nil
		})
		if err != nil && !client.IsAbsent(err) {
			return Stored{}, err
		}
	}
	return s, nil
}

// keysOf matches a generation's keys in a bucket.
func keysOf(bucket string, gen fit.Generation) string {
	return client.KeySubject(bucket, string(gen)+".>")
}

// removedPrefix and the id of a generation make a key in bucket specs. If it has a
// value, the generation was removed.
const removedPrefix = "removed-"

// Remove deletes a generation's consumers, then its keys in curves, envelopes,
// signatures and attempts. Its entry in specs stays; see Unregister. Remove may be
// called again, and by several programs at the same time.
//
// First it puts a key in specs that stays for good: a worker that works on the
// generation, or is about to, sees it and begins the spec's next epoch. So no worker
// acknowledges episodes because of entries that are being purged, and a worker that
// was cut off for long finds its consumers gone, not new ones of the same name.
func (b *Bus) Remove(ctx context.Context, gen fit.Generation) error {
	mark := nats.NewMsg(client.KeySubject(SpecsBucket, removedPrefix+string(gen)))
	if _, err := b.PublishMsg(ctx, mark); err != nil {
		return fmt.Errorf("mark generation %s as removed: %w", gen, err)
	}
	for stream, name := range consumersOf(gen) {
		if err := b.DeleteConsumer(ctx, stream, name); err != nil && !client.IsAbsent(err) {
			return err
		}
	}
	// Purge only after that: if a pending message is purged, its consumer can skip others.
	for _, bucket := range []string{CurvesBucket, EnvelopesBucket, SignaturesBucket, AttemptsBucket} {
		if err := b.PurgeSubjects(ctx, client.BucketStream(bucket), keysOf(bucket, gen)); err != nil && !client.IsAbsent(err) {
			return err
		}
	}
	return nil
}

// Unregister removes a generation from bucket specs and reports whether it did: not
// if the generation was registered again meanwhile.
//
// To remove several generations of one spec, begin with the one that was registered
// last: the Registered of the first decides which of two specs is wanted
// (Generation.Turn).
func (b *Bus) Unregister(ctx context.Context, gen Generation) (bool, error) {
	_, err := b.CompareAndSet(ctx, client.KeySubject(SpecsBucket, string(gen.ID)), client.Delete(), gen.Registered)
	if client.IsConflict(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("remove generation %s from bucket %s: %w", gen.ID, SpecsBucket, err)
	}
	return true, nil
}
