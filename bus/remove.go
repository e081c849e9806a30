package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/fit"
)

// A Use is what the bus can tell of who works on a generation.
type Use struct {
	Consumers int // of its two, those that are there
	Waiting   int // requests for messages that wait at them. A worker between two requests has none
	Unacked   int // messages that were handed out; those of a worker that was killed stay
	// Idle is how long ago the last of these was, by the server's clock: it was
	// registered, a consumer was made, a message was handed out or acknowledged.
	Idle time.Duration
}

// Use asks for the use of a generation. It may be one that is not registered.
func (b *Bus) Use(ctx context.Context, gen Generation) (Use, error) {
	s, err := b.look(ctx, bucketStream(SpecsBucket))
	if err != nil {
		return Use{}, err
	}
	u := Use{Idle: s.CachedInfo().TimeStamp.Sub(gen.RegisteredAt)}
	for stream, name := range consumersOf(gen.ID) {
		info, err := b.consumerInfo(ctx, stream, name)
		if absent(err) {
			continue
		}
		if err != nil {
			return Use{}, err
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
	return u, nil
}

// consumersOf names a generation's two consumers by their streams.
func consumersOf(gen fit.Generation) map[string]string {
	return map[string]string{EpisodesStream: AlignConsumer(gen), bucketStream(CurvesBucket): ReduceConsumer(gen)}
}

// Consumed returns the generations that have a consumer, registered or not, in
// order of their ids.
func (b *Bus) Consumed(ctx context.Context) ([]fit.Generation, error) {
	var ids []fit.Generation
	for stream, prefix := range consumersOf("") {
		names, err := b.consumerNames(ctx, stream)
		if absent(err) {
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

func (b *Bus) consumerNames(ctx context.Context, stream string) ([]string, error) {
	s, err := b.look(ctx, stream)
	if err != nil {
		return nil, err
	}
	ctx, done := b.heed(ctx, apiSubject("CONSUMER.NAMES."+stream))
	defer done()
	var names []string
	lister := s.ConsumerNames(ctx)
	for name := range lister.Name() {
		names = append(names, name)
	}
	if err := lister.Err(); err != nil {
		return nil, fmt.Errorf("list the consumers of %s: %w", stream, toldBy(ctx, err))
	}
	return names, nil
}

// Shown returns the profiles that the last events on the dashboard show, by the
// generation that they show them of.
func (b *Bus) Shown(ctx context.Context) (map[fit.Generation][]string, error) {
	shown := map[fit.Generation][]string{}
	_, err := b.readAll(ctx, DashboardStream, subjectDashboard+TypeAttackProfile+".>", func(msg *jetstream.RawStreamMsg) error {
		var event AttackProfile
		if json.Unmarshal(msg.Data, &event) == nil && event.Generation != "" {
			shown[event.Generation] = append(shown[event.Generation], event.Name)
		}
		return nil
	})
	return shown, err
}

// A Holding is what a generation has in the buckets.
type Holding struct {
	Entries    int   `json:"entries"`    // in curves
	Envelopes  int   `json:"envelopes"`  // with their history
	Signatures int   `json:"signatures"` // parts of them
	Bytes      int64 `json:"bytes"`      // of all these values
}

// Holding counts what a generation has in the buckets; marks of attempts, which go
// after a day, are not counted.
func (b *Bus) Holding(ctx context.Context, gen fit.Generation) (Holding, error) {
	var h Holding
	for bucket, count := range map[string]*int{CurvesBucket: &h.Entries, EnvelopesBucket: &h.Envelopes, SignaturesBucket: &h.Signatures} {
		_, err := b.readAll(ctx, bucketStream(bucket), keysOf(bucket, gen), func(msg *jetstream.RawStreamMsg) error {
			*count++
			h.Bytes += int64(len(msg.Data))
			return nil
		})
		if err != nil && !absent(err) {
			return Holding{}, err
		}
	}
	return h, nil
}

// keysOf matches a generation's keys in a bucket.
func keysOf(bucket string, gen fit.Generation) string { return keySubject(bucket, string(gen)+".>") }

// removedPrefix and an id make the key of a mark in specs: the generation was
// removed.
const removedPrefix = "removed-"

// Remove removes a generation's consumers, then its keys from curves, envelopes,
// signatures and attempts. Its entry in specs stays; see Unregister. It may be called again,
// and by several at once.
//
// First of all comes a mark that stays for good. Who works on the generation, or
// is about to, sees it and begins the spec's next epoch. So nobody acknowledges
// episodes by entries that are being purged, and a worker that was cut off for
// long and comes back finds its consumers gone, not new ones of the same name.
func (b *Bus) Remove(ctx context.Context, gen fit.Generation) error {
	mark := nats.NewMsg(keySubject(SpecsBucket, removedPrefix+string(gen)))
	if _, err := b.publish(ctx, mark); err != nil {
		return fmt.Errorf("mark generation %s as removed: %w", gen, err)
	}
	for stream, name := range consumersOf(gen) {
		if err := b.deleteConsumer(ctx, stream, name); err != nil && !absent(err) {
			return err
		}
	}
	// Purging what a consumer has pending can move it past the rest: so only now.
	for _, bucket := range []string{CurvesBucket, EnvelopesBucket, SignaturesBucket, AttemptsBucket} {
		if err := b.purge(ctx, bucketStream(bucket), keysOf(bucket, gen)); err != nil && !absent(err) {
			return err
		}
	}
	return nil
}

func (b *Bus) deleteConsumer(ctx context.Context, stream, name string) error {
	ctx, done := b.heed(ctx, apiSubject("CONSUMER.DELETE."+stream+"."+name))
	defer done()
	if err := b.js.DeleteConsumer(ctx, stream, name); err != nil {
		return fmt.Errorf("delete consumer %s: %w", name, toldBy(ctx, err))
	}
	return nil
}

func (b *Bus) purge(ctx context.Context, stream, filter string) error {
	s, err := b.look(ctx, stream)
	if err != nil {
		return err
	}
	ctx, done := b.heed(ctx, apiSubject("STREAM.PURGE."+stream))
	defer done()
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(filter)); err != nil {
		return fmt.Errorf("purge %s: %w", filter, toldBy(ctx, err))
	}
	return nil
}

// Unregister removes a generation from specs and reports whether it did: not
// where somebody has registered it since.
//
// Of several of one spec the one that was registered last must go first: the
// spec's turn is where its first one stands, and must not rise by this.
func (b *Bus) Unregister(ctx context.Context, gen Generation) (bool, error) {
	_, err := b.swap(ctx, keySubject(SpecsBucket, string(gen.ID)), nil, gen.Registered, nats.Header{operation: {"DEL"}})
	if isConflict(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("remove generation %s from bucket %s: %w", gen.ID, SpecsBucket, err)
	}
	return true, nil
}
