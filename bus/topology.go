package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

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

	// ArchivesBucket is the object store of archives that the rights in package
	// roles are for; one of another name needs its own.
	ArchivesBucket = "episodes"

	SubjectAccepted  = subjectEpisode + "accepted"
	SubjectRetracted = subjectEpisode + "retracted"
	subjectEpisode   = "episode."
	subjectRejected  = subjectEpisode + "rejected." // + reason
	subjectSuspect   = subjectEpisode + "suspect."  // + profile
	subjectDashboard = "dashboard."                 // + type + name
)

// Limits of the bus. A refused message costs its sender one clear error; one
// that could not be copied to REJECTED with its headers would be stuck for ever.
const (
	maxNoticeBytes = 64 << 10
	rejectedKept   = 30 * 24 * time.Hour
	suspectsKept   = 30 * 24 * time.Hour
	attemptKept    = 24 * time.Hour
	keyHistory     = 64 // of envelopes
)

// streams declares everything that is stored, once.
func streams(replicas int) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name:        EpisodesStream,
			Description: "the log of accepted and retracted episodes; re-fits read it from the start",
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
			Subjects:          []string{subjectDashboard + ">"},
			Retention:         jetstream.LimitsPolicy,
			Discard:           jetstream.DiscardOld,
			MaxMsgsPerSubject: 1,
			Storage:           jetstream.FileStorage,
			Replicas:          replicas,
			AllowDirect:       true,
		},
		bucket(CurvesBucket, "one entry an episode that mattered", 1, 0, replicas),
		bucket(EnvelopesBucket, "one envelope a profile and generation", keyHistory, 0, replicas),
		bucket(SignaturesBucket, "the signature of each profile and generation, in parts", 1, 0, replicas),
		bucket(AttemptsBucket, "marks of episodes that are being tried again", 1, attemptKept, replicas),
		bucket(SpecsBucket, "fit specs by generation", 1, 0, replicas),
	}
}

// bucket declares the stream under a KV bucket as the client makes it.
func bucket(name, description string, history int64, ttl time.Duration, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              bucketStream(name),
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

// bucketStream names the stream that a bucket is.
func bucketStream(bucket string) string { return "KV_" + bucket }

// Consumer settings. Every one is set on purpose: the defaults prefetch 500,
// wait 30 s from delivery, and never give up.
const (
	// AlignAckWait is how long a delivered episode may go without a sign of
	// life; work in hand signals each third of it.
	AlignAckWait = 30 * time.Second
	// ReduceAckWait is the same for puts.
	ReduceAckWait = 10 * time.Second

	alignPending  = 1_000  // episodes in the hands of all workers together
	reducePending = 10_000 // puts in the hands of all workers together
	alignPull     = 500    // most that a worker fetches at once; what is skipped is skipped in the callback
	alignAhead    = 16     // what a worker fetches ahead for each of its handlers, where all must be worked on
	reduceBatch   = 256    // puts that one reduce takes at most
	reduceAhead   = 512    // puts that a worker fetches ahead
)

func alignConsumer(gen fit.Generation, wait time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       AlignConsumer(gen),
		Description:   "episodes to align for generation " + string(gen),
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       wait,
		MaxDeliver:    -1, // the attempts marks end what never ends well
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

// EnsureTopology makes every stream and bucket where absent and mends settings
// that differ, or with TOPOLOGY=expect waits until they are there. Any number
// of services may call it at once. Replicas of what exists stay as they are.
func (b *Bus) EnsureTopology(ctx context.Context) error {
	for _, want := range streams(b.cfg.Replicas) {
		if err := b.ensure(ctx, "stream "+want.Name, func(ctx context.Context) error { return b.ensureStream(ctx, want) }); err != nil {
			return err
		}
	}
	return nil
}

// topologyWithin is how long KeepTopology waits.
const topologyWithin = 15 * time.Second

// KeepTopology is EnsureTopology for a service at work, which may need none of
// the streams that are missing: it gives up after a while, and logs why. Whether
// those that the service needs are there tell the checks of its views.
func (b *Bus) KeepTopology(ctx context.Context) {
	ensuring, end := context.WithTimeout(ctx, topologyWithin)
	defer end()
	if err := b.EnsureTopology(ensuring); err != nil && ctx.Err() == nil {
		b.log.Warn("make sure of the streams", "err", err)
	}
}

// EnsureConsumers is EnsureTopology for a generation's two consumers. Those of a
// raised epoch are made also with TOPOLOGY=expect: workers raise it by
// themselves, and nobody else would know.
func (b *Bus) EnsureConsumers(ctx context.Context, gen Generation, alignWait, reduceWait time.Duration) error {
	for stream, want := range map[string]jetstream.ConsumerConfig{
		EpisodesStream:             alignConsumer(gen.ID, alignWait),
		bucketStream(CurvesBucket): reduceConsumer(gen.ID, reduceWait),
	} {
		create := b.cfg.Topology == TopologyCreate || gen.Epoch > 0
		err := b.ensure(ctx, "consumer "+want.Durable, func(ctx context.Context) error { return b.ensureConsumer(ctx, stream, want, create) })
		if err != nil {
			return err
		}
	}
	return nil
}

// ensure tries one piece until it stands: elections, servers that start, and
// others who create at the same moment all pass. A refusal ends it.
func (b *Bus) ensure(ctx context.Context, what string, try func(context.Context) error) error {
	wait := 50 * time.Millisecond
	for said := false; ; {
		// Without a leader nobody answers; that must not use up the caller's time.
		once, end := context.WithTimeout(ctx, requestTimeout)
		once, done := b.heed(once, apiSubject(">"))
		err := toldBy(once, try(once))
		done()
		end()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("ensure %s: %w", what, context.Cause(ctx))
		case refused(err) && !absent(err) && !inUse(err) && !noPeers(err):
			return fmt.Errorf("ensure %s: %w", what, err)
		}
		if !said && wait > 500*time.Millisecond {
			b.log.Info("waiting for the topology", "piece", what, "err", err)
			said = true
		}
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("ensure %s: %w", what, err)
		}
		wait = min(2*wait, 2*time.Second)
	}
}

func (b *Bus) ensureStream(ctx context.Context, want jetstream.StreamConfig) error {
	have, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if b.cfg.Topology == TopologyExpect {
			return err
		}
		_, err = b.js.CreateStream(ctx, want)
		return err
	}
	if err != nil || b.cfg.Topology == TopologyExpect {
		return err
	}
	cfg := have.CachedInfo().Config
	if sameStream(cfg, want) {
		return nil // an update, even of nothing, can disturb consumers
	}
	cfg.Description, cfg.Subjects, cfg.Discard, cfg.MaxAge = want.Description, want.Subjects, want.Discard, want.MaxAge
	cfg.MaxMsgsPerSubject, cfg.MaxMsgSize = want.MaxMsgsPerSubject, want.MaxMsgSize
	cfg.AllowRollup, cfg.DenyDelete, cfg.AllowDirect, cfg.AllowMsgTTL = want.AllowRollup, want.DenyDelete, want.AllowDirect, want.AllowMsgTTL
	_, err = b.js.UpdateStream(ctx, cfg)
	return err
}

// sameStream compares what the project sets; the server fills in the rest.
func sameStream(have, want jetstream.StreamConfig) bool {
	unset := func(n int64) int64 { // the server writes -1 for "no limit"
		if n <= 0 {
			return -1
		}
		return n
	}
	return slices.Equal(have.Subjects, want.Subjects) && have.Discard == want.Discard && have.MaxAge == want.MaxAge &&
		unset(have.MaxMsgsPerSubject) == unset(want.MaxMsgsPerSubject) &&
		unset(int64(have.MaxMsgSize)) == unset(int64(want.MaxMsgSize)) &&
		have.AllowRollup == want.AllowRollup && have.DenyDelete == want.DenyDelete &&
		have.AllowDirect == want.AllowDirect && have.AllowMsgTTL == want.AllowMsgTTL
}

func (b *Bus) ensureConsumer(ctx context.Context, stream string, want jetstream.ConsumerConfig, create bool) error {
	have, err := b.js.Consumer(ctx, stream, want.Durable)
	if errors.Is(err, jetstream.ErrStreamNotFound) && b.cfg.Topology == TopologyCreate {
		if err := b.EnsureTopology(ctx); err != nil { // it was lost since we made it
			return err
		}
		return err
	}
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		if !create {
			return err
		}
		_, err = b.js.CreateConsumer(ctx, stream, want)
		return err
	}
	if err != nil || b.cfg.Topology == TopologyExpect {
		return err
	}
	cfg := have.CachedInfo().Config
	if cfg.AckWait == want.AckWait && cfg.MaxAckPending == want.MaxAckPending && cfg.MaxDeliver == want.MaxDeliver {
		return nil
	}
	cfg.AckWait, cfg.MaxAckPending, cfg.MaxDeliver = want.AckWait, want.MaxAckPending, want.MaxDeliver
	_, err = b.js.UpdateConsumer(ctx, stream, cfg)
	return err
}

// absent tells whether err says that a stream, bucket or consumer is not there.
func absent(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) ||
		errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrConsumerDoesNotExist)
}

// inUse tells whether err says that somebody else has just created it.
func inUse(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) || errors.Is(err, jetstream.ErrConsumerExists)
}

// noPeers tells whether err says that too few servers of the cluster are there:
// the others may still be starting.
func noPeers(err error) bool {
	const code = 10005 // the client has no name for it
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == code
}
