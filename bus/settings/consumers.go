package settings

import (
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

type consumerConfig = jetstream.ConsumerConfig

// Consumers compares the settings of a consumer of a generation. An AckWait of 0 in want means
// that any up to 1 h is right: another program chose it. It returns the settings that are
// wrong, and have with those mended that an update can mend without a loss.
func Consumers(stream string, have, want jetstream.ConsumerConfig, now time.Time) (mended jetstream.ConsumerConfig, wrong []Wrong) {
	if have.PauseUntil != nil && !have.PauseUntil.After(now) {
		have.PauseUntil = nil // the pause is over
	}
	mended, wrong = compare(consumerRules, have, want)
	mend := "run `profiles topology --spec FILE`"
	return mended, fill(wrong, stream, want.Durable, map[Repair]string{ByUpdate: mend, ByNextEpoch: "the workers, or `profiles topology --spec FILE`, begin the next epoch"})
}

// ConsumerRows describes the settings of a consumer with the wanted configuration.
func ConsumerRows(want jetstream.ConsumerConfig) []Row { return rows(consumerRules, want) }

const (
	maxAckWait = time.Hour // that of the settings of workers
	// usualWaiting is the number of requests that NATS keeps by default.
	usualWaiting = 512
)

// consumerRules are the settings of the two consumers of a generation. Description, metadata
// and sampling are the operator's choice.
var consumerRules = []rule[consumerConfig]{
	{
		name: "filter", by: ByNextEpoch, level: Unsettled,
		value: func(c consumerConfig) string { return list(filters(c)) },
		harm:  "messages are passed over, such as every retraction",
	}, {
		name: "headers only", by: ByNextEpoch, level: Unsettled,
		value: func(c consumerConfig) string { return yesNo(c.HeadersOnly) },
		harm:  "every message of the log counts as malformed, or puts cost more to deliver",
	}, {
		name: "deliver policy", by: ByNextEpoch, level: Unsettled,
		value: func(c consumerConfig) string { return c.DeliverPolicy.String() },
		harm:  "messages before the consumer's start are never delivered",
	}, {
		name: "ack policy", by: ByNextEpoch, level: Unsettled,
		value: func(c consumerConfig) string { return strings.ToLower(strings.TrimPrefix(c.AckPolicy.String(), "Ack")) },
		harm:  "messages count as done before they are",
	}, {
		name: "replay policy", by: ByNextEpoch, level: Unsettled,
		value: func(c consumerConfig) string { return c.ReplayPolicy.String() },
		harm:  "the log is delivered as slowly as it was written",
	}, {
		name: "max deliver", by: ByNextEpoch, level: Unsettled,
		value: func(c consumerConfig) string { return limit(c.MaxDeliver) },
		harm:  "a message whose reader died is not delivered again",
	}, {
		name: "storage", by: ByNextEpoch, level: Unsettled,
		value: func(c consumerConfig) string {
			return map[bool]string{true: "memory", false: "that of the stream"}[c.MemoryStorage]
		},
		harm: "the consumer is lost when the servers restart",
	}, {
		name: "deliver subject", by: ByNextEpoch, level: Unsettled,
		value: func(c consumerConfig) string {
			if c.DeliverSubject == "" {
				return none
			}
			return c.DeliverSubject
		},
		harm: "messages are pushed to a subject, where no worker gets them",
	}, {
		name: "max waiting", by: ByNextEpoch, level: Unsettled,
		fits:   func(have, _ consumerConfig) bool { return have.MaxWaiting >= usualWaiting },
		mustBe: func(consumerConfig) string { return limit(usualWaiting) + " or more" },
		value:  func(c consumerConfig) string { return limit(c.MaxWaiting) },
		harm:   "only so many workers get messages",
	}, {
		name: "ack wait", level: Unsettled,
		fits: func(have, want consumerConfig) bool {
			if want.AckWait == 0 {
				return have.AckWait <= maxAckWait
			}
			return have.AckWait == want.AckWait
		},
		mustBe: func(want consumerConfig) string {
			if want.AckWait == 0 {
				return maxAckWait.String() + " or less"
			}
			return want.AckWait.String()
		},
		value: func(c consumerConfig) string { return c.AckWait.String() },
		set: func(to *consumerConfig, want consumerConfig) {
			if to.AckWait = want.AckWait; to.AckWait == 0 {
				to.AckWait = 30 * time.Second
			}
		},
		harm: "messages in work are delivered again, or those of a dead worker much later",
	}, {
		name: "backoff", level: Unsettled,
		value: func(c consumerConfig) string {
			var all []string
			for _, d := range c.BackOff {
				all = append(all, d.String())
			}
			return list(all)
		},
		set:  func(to *consumerConfig, want consumerConfig) { to.BackOff = want.BackOff },
		harm: "it replaces the ack wait: messages in work are delivered again",
	}, {
		name: "max ack pending", level: Unsettled,
		value: func(c consumerConfig) string { return limit(c.MaxAckPending) },
		set:   func(to *consumerConfig, want consumerConfig) { to.MaxAckPending = want.MaxAckPending },
		harm:  "only so many messages are in work at once, or one worker holds them all",
	}, {
		name: "inactive threshold", level: Unsettled,
		value: func(c consumerConfig) string { return span(c.InactiveThreshold) },
		set:   func(to *consumerConfig, want consumerConfig) { to.InactiveThreshold = want.InactiveThreshold },
		harm:  "the consumer is removed when no worker has run for so long",
	}, {
		name: "pause", by: ByHand, level: Unsettled, cure: "run `nats consumer resume STREAM CONSUMER`, or wait until then",
		value: func(c consumerConfig) string {
			if c.PauseUntil == nil {
				return none
			}
			return "until " + c.PauseUntil.UTC().Format(time.RFC3339)
		},
		harm: "nothing is delivered",
	}, {
		name: "limits of a request", level: Unsettled,
		value: func(c consumerConfig) string {
			if c.MaxRequestBatch <= 0 && c.MaxRequestExpires <= 0 && c.MaxRequestMaxBytes <= 0 {
				return none
			}
			return limit(c.MaxRequestBatch) + " messages, " + limit(c.MaxRequestMaxBytes) + " bytes, " + span(c.MaxRequestExpires)
		},
		set: func(to *consumerConfig, want consumerConfig) {
			to.MaxRequestBatch, to.MaxRequestExpires, to.MaxRequestMaxBytes = want.MaxRequestBatch, want.MaxRequestExpires, want.MaxRequestMaxBytes
		},
		harm: "requests of workers are refused",
	}, {
		name: "priority groups", level: Unsettled,
		value: func(c consumerConfig) string { return list(c.PriorityGroups) },
		set: func(to *consumerConfig, want consumerConfig) {
			to.PriorityGroups, to.PriorityPolicy, to.PinnedTTL = want.PriorityGroups, want.PriorityPolicy, want.PinnedTTL
		},
		harm: "requests of workers are refused",
	}, {
		name: "replicas", level: Told,
		fits:   func(have, _ consumerConfig) bool { return have.Replicas == 0 },
		value:  func(c consumerConfig) string { return limit(c.Replicas) },
		mustBe: func(consumerConfig) string { return "0 (as the stream)" },
		set:    func(to *consumerConfig, _ consumerConfig) { to.Replicas = 0 },
		harm:   "the loss of one server may lose the consumer: everything is read again",
	},
}

// filters returns the filters of a consumer, none where it takes everything.
func filters(c consumerConfig) []string {
	all := slices.Clone(c.FilterSubjects)
	if c.FilterSubject != "" && c.FilterSubject != ">" {
		all = append(all, c.FilterSubject)
	}
	return all
}
