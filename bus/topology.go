package bus

import (
	"cmp"
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

// How long and how often messages are kept. quota.go limits their bytes.
const (
	rejectedKept = 30 * 24 * time.Hour
	suspectsKept = 30 * 24 * time.Hour
	keyHistory   = 64 // of envelopes
)

// streams declares every stream and bucket. logBytes is the limit of the log in bytes; 0 means the default.
func streams(replicas int, logBytes int64) []jetstream.StreamConfig {
	attempts := bucket(AttemptsBucket, "marks of episodes that are being tried again", 1, replicas)
	attempts.MaxAge, attempts.AllowRollup = markTTL, true // workers remove marks by a rollup
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
			MaxBytes:    cmp.Or(logBytes, defaultLogBytes),
			AllowDirect: true,
		},
		{
			Name:        RejectedStream,
			Description: "messages that could not be used, with reason and detail in their headers",
			Subjects:    []string{subjectRejected + "*"},
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardOld,
			MaxAge:      rejectedKept,
			MaxBytes:    rejectedBytes,
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
			MaxBytes:    suspectsBytes,
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
			MaxBytes:          dashboardBytes,
			Storage:           jetstream.FileStorage,
			Replicas:          replicas,
			AllowDirect:       true,
			AllowMsgTTL:       true, // of events that say that another was removed
		},
		bucket(CurvesBucket, "one entry for each episode that was tried or retracted", 1, replicas),
		bucket(EnvelopesBucket, "one envelope a profile and generation", keyHistory, replicas),
		bucket(SignaturesBucket, "the signature of each profile and generation, in parts", 1, replicas),
		attempts,
		bucket(SpecsBucket, "fit specs by generation", 1, replicas),
	}
}

// bucket declares the stream of a KV bucket, with the settings that the NATS library gives
// it, but for one: it takes no message that asks the server to remove earlier ones.
func bucket(name, description string, history int64, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              client.BucketStream(name),
		Description:       description,
		Subjects:          []string{"$KV." + name + ".>"},
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardNew,
		MaxMsgsPerSubject: history,
		Storage:           jetstream.FileStorage,
		Replicas:          replicas,
		DenyDelete:        true,
		AllowDirect:       true,
	}
}

// Consumer settings. Each differs from the default of NATS or must not change with it.
const (
	// AlignAckWait is how long the server waits for the acknowledgement of an episode
	// before it delivers it again. Workers extend that three times in an AckWait.
	AlignAckWait = 30 * time.Second
	// ReduceAckWait is the same for puts.
	ReduceAckWait = 10 * time.Second

	// alignPending is the most episodes that are delivered and not acknowledged. Those
	// that were handed back with a delay count, too, so it is far more than all workers
	// have in hand: they bound that themselves.
	alignPending  = 100_000
	reducePending = 10_000 // puts in the hands of all workers together
	alignFetch    = 500    // episodes of one fetch, at most, while most need no archive
	alignAhead    = 16     // episodes that a worker fetches ahead for each handler, while all need an archive
	alignKept     = 500    // episodes that wait in one worker for another try; further ones are handed back
	alignAwait    = 512    // episodes for which one worker waits at the same time for the store's answer
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
