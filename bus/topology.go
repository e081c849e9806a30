package bus

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// Names of streams, buckets and subjects.
const (
	EpisodesStream  = "EPISODES"
	RejectedStream  = "REJECTED"
	SuspectsStream  = "SUSPECTS"
	DashboardStream = "DASHBOARD"

	CurvesBucket     = "curves"
	EnvelopesBucket  = "envelopes"
	SignaturesBucket = "signatures"
	AttemptsBucket   = "attempts"
	SpecsBucket      = "specs"

	// ArchivesBucket is the object store of archives that package roles gives rights
	// to. An object store of another name needs rights of its own.
	ArchivesBucket = "episodes"

	SubjectAccepted  = subjectEpisode + "accepted"
	SubjectRetracted = subjectEpisode + "retracted"
	subjectEpisode   = "episode."
	subjectRejected  = subjectEpisode + "rejected." // + reason
	subjectSuspect   = subjectEpisode + "suspect."  // + profile

	SubjectDashboard = "dashboard." // + type + name
)

// Limits. A message over maxNoticeBytes is refused, which its sender sees at once.
// A longer one could not be copied to REJECTED with its headers, and its episode
// would be tried for ever.
const (
	maxNoticeBytes = 64 << 10
	rejectedKept   = 30 * 24 * time.Hour
	suspectsKept   = 30 * 24 * time.Hour
	keyHistory     = 64 // of envelopes
)

// streams declares every stream and bucket.
func streams(replicas int) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name:        EpisodesStream,
			Description: "the log of accepted and retracted episodes; new generations read it from the start",
			Subjects:    []string{SubjectAccepted, SubjectRetracted},
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardNew,
			Storage:     jetstream.FileStorage,
			Replicas:    replicas,
			MaxMsgSize:  maxNoticeBytes,
			AllowDirect: true,
		},
		{
			Name:        RejectedStream,
			Description: "messages that could not be used, with reason and detail in their headers",
			Subjects:    []string{subjectRejected + "*"},
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardOld,
			MaxAge:      rejectedKept,
			Storage:     jetstream.FileStorage,
			Replicas:    replicas,
			AllowDirect: true,
		},
		{
			Name:        SuspectsStream,
			Description: "accepted episodes that the models put in another profile",
			Subjects:    []string{subjectSuspect + "*"},
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardOld,
			MaxAge:      suspectsKept,
			Storage:     jetstream.FileStorage,
			Replicas:    replicas,
			AllowDirect: true,
		},
		{
			Name:              DashboardStream,
			Description:       "the last event of each subject, for browsers that come late",
			Subjects:          []string{SubjectDashboard + ">"},
			Retention:         jetstream.LimitsPolicy,
			Discard:           jetstream.DiscardOld,
			MaxMsgsPerSubject: 1,
			Storage:           jetstream.FileStorage,
			Replicas:          replicas,
			AllowDirect:       true,
		},
		bucket(CurvesBucket, "one entry for each episode that was tried or retracted", 1, 0, replicas),
		bucket(EnvelopesBucket, "one envelope a profile and generation", keyHistory, 0, replicas),
		bucket(SignaturesBucket, "the signature of each profile and generation, in parts", 1, 0, replicas),
		bucket(AttemptsBucket, "marks of episodes that are being tried again", 1, markTTL, replicas),
		bucket(SpecsBucket, "fit specs by generation", 1, 0, replicas),
	}
}

// bucket declares the stream of a KV bucket, with the settings that the NATS library gives it.
func bucket(name, description string, history int64, ttl time.Duration, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              client.BucketStream(name),
		Description:       description,
		Subjects:          []string{"$KV." + name + ".>"},
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardNew,
		MaxMsgsPerSubject: history,
		MaxAge:            ttl,
		Storage:           jetstream.FileStorage,
		Replicas:          replicas,
		AllowRollup:       true,
		DenyDelete:        true,
		AllowDirect:       true,
		AllowMsgTTL:       true,
	}
}

// Consumer settings. Each differs from the default of NATS or must not change with it.
const (
	// AlignAckWait is how long the server waits for the acknowledgement of an episode
	// before it delivers it again. Workers extend that three times in an AckWait.
	AlignAckWait = 30 * time.Second
	// ReduceAckWait is the same for puts.
	ReduceAckWait = 10 * time.Second

	alignPending  = 1_000  // episodes in the hands of all workers together
	reducePending = 10_000 // puts in the hands of all workers together
	alignFetch    = 500    // episodes of one fetch, at most, while most need no archive
	alignAhead    = 16     // episodes that a worker fetches ahead for each handler, while all need an archive
	reduceBatch   = 256    // puts of one reduce, at most
	reduceAhead   = 512    // puts that a worker fetches ahead
)

func alignConsumer(gen fit.Generation, wait time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       AlignConsumer(gen),
		Description:   "episodes to align for generation " + string(gen),
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       wait,
		MaxDeliver:    -1, // marks.go ends an episode that kills its readers
		MaxAckPending: alignPending,
	}
}

func reduceConsumer(gen fit.Generation, wait time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       ReduceConsumer(gen),
		Description:   "puts to reduce for generation " + string(gen),
		FilterSubject: "$KV." + CurvesBucket + "." + string(gen) + ".>",
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       wait,
		MaxDeliver:    -1,
		MaxAckPending: reducePending,
		HeadersOnly:   true, // the entry itself is in the view
	}
}

// AlignConsumer names the consumer on EPISODES that a generation's workers share.
func AlignConsumer(gen fit.Generation) string { return "align-" + string(gen) }

// ReduceConsumer names the consumer on the curves bucket's stream that a
// generation's workers share.
func ReduceConsumer(gen fit.Generation) string { return "reduce-" + string(gen) }

// EnsureTopology creates every stream and bucket where absent and mends settings
// that differ. With TOPOLOGY=expect it waits until they exist. Any number of
// services may call it at the same time. The replicas of a stream that exists stay.
func (b *Bus) EnsureTopology(ctx context.Context) error {
	for _, want := range streams(b.Replicas()) {
		mend := func(have jetstream.StreamConfig) (jetstream.StreamConfig, bool) { return mendStream(have, want) }
		if err := b.EnsureStream(ctx, want, mend); err != nil {
			return err
		}
	}
	return nil
}

// keepTopologyTime is how long KeepTopology waits.
const keepTopologyTime = 15 * time.Second

// KeepTopology is EnsureTopology for a service at work. It gives up after 15 s and
// logs why: the service may not need the stream that is missing. The checks of its
// views report those that it needs.
func (b *Bus) KeepTopology(ctx context.Context) {
	ensuring, end := context.WithTimeout(ctx, keepTopologyTime)
	defer end()
	if err := b.EnsureTopology(ensuring); err == nil || ctx.Err() == nil {
		b.WarnOnce("topology", err)
	}
}

// mendStream returns have with the settings of want that the project relies on,
// and whether they differ. The server fills in the others.
func mendStream(have, want jetstream.StreamConfig) (mended jetstream.StreamConfig, differs bool) {
	limit := func(n int64) int64 { // the server writes -1 for "no limit"
		if n <= 0 {
			return -1
		}
		return n
	}
	same := slices.Equal(have.Subjects, want.Subjects) && have.Discard == want.Discard && have.MaxAge == want.MaxAge &&
		limit(have.MaxMsgsPerSubject) == limit(want.MaxMsgsPerSubject) &&
		limit(int64(have.MaxMsgSize)) == limit(int64(want.MaxMsgSize)) &&
		have.AllowRollup == want.AllowRollup && have.DenyDelete == want.DenyDelete &&
		have.AllowDirect == want.AllowDirect && have.AllowMsgTTL == want.AllowMsgTTL
	mended = have
	mended.Description, mended.Subjects, mended.Discard, mended.MaxAge = want.Description, want.Subjects, want.Discard, want.MaxAge
	mended.MaxMsgsPerSubject, mended.MaxMsgSize = want.MaxMsgsPerSubject, want.MaxMsgSize
	mended.AllowRollup, mended.DenyDelete, mended.AllowDirect, mended.AllowMsgTTL = want.AllowRollup, want.DenyDelete, want.AllowDirect, want.AllowMsgTTL
	return mended, !same
}

// EnsureConsumers is EnsureTopology for a generation's two consumers. The consumers
// of a raised epoch are created also with TOPOLOGY=expect: workers raise the epoch
// themselves, and no operator knows of it.
func (b *Bus) EnsureConsumers(ctx context.Context, gen Generation, alignWait, reduceWait time.Duration) error {
	create := b.Creates() || gen.Epoch > 0
	for stream, want := range map[string]jetstream.ConsumerConfig{
		EpisodesStream:                    alignConsumer(gen.ID, alignWait),
		client.BucketStream(CurvesBucket): reduceConsumer(gen.ID, reduceWait),
	} {
		err := b.Ensure(ctx, "consumer "+want.Durable, func(ctx context.Context) error { return b.ensureConsumer(ctx, stream, want, create) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *Bus) ensureConsumer(ctx context.Context, stream string, want jetstream.ConsumerConfig, create bool) error {
	have, err := b.JetStream().Consumer(ctx, stream, want.Durable)
	if errors.Is(err, jetstream.ErrStreamNotFound) && b.Creates() {
		if err := b.EnsureTopology(ctx); err != nil { // the stream was lost since it was created
			return err
		}
		return err
	}
	if errors.Is(err, jetstream.ErrConsumerNotFound) && create {
		_, err = b.JetStream().CreateConsumer(ctx, stream, want)
		return err
	}
	if err != nil || !b.Creates() {
		return err
	}
	cfg := have.CachedInfo().Config
	if cfg.AckWait == want.AckWait && cfg.MaxAckPending == want.MaxAckPending && cfg.MaxDeliver == want.MaxDeliver {
		return nil
	}
	cfg.AckWait, cfg.MaxAckPending, cfg.MaxDeliver = want.AckWait, want.MaxAckPending, want.MaxDeliver
	_, err = b.JetStream().UpdateConsumer(ctx, stream, cfg)
	return err
}
