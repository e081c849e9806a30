package settings

import (
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

type streamConfig = jetstream.StreamConfig

// Streams compares the settings of a stream. It returns those that are wrong, and have with
// those mended that an update can mend without a loss. logStream is the name of the stream
// that must be filled again if it is made again.
func Streams(have, want jetstream.StreamConfig, logStream string) (mended jetstream.StreamConfig, wrong []Wrong) {
	mended, wrong = compare(streamRules, have, want)
	if have.Sealed { // NATS changes nothing else any more
		mended = have
		wrong = slices.DeleteFunc(wrong, func(w Wrong) bool { return w.Setting != sealed })
	}
	again := "run `nats stream rm STREAM -f`, then `profiles topology`"
	if want.Name == logStream {
		again += " and `profiles emit --validation FILE`"
	}
	return mended, fill(wrong, want.Name, "", map[Repair]string{ByUpdate: "run `profiles topology`", ByNewStream: again})
}

// StreamRows describes the settings of a stream with the wanted configuration.
func StreamRows(want jetstream.StreamConfig) []Row { return rows(streamRules, want) }

const (
	sealed = "sealed" // the setting that makes all others final
	maxAge = "max age"
)

// streamRules are the settings of streams and buckets. Settings that are not here are the
// operator's choice: description, metadata, placement, compression, and that nothing may be
// deleted or purged where the project does not need that.
var streamRules = []rule[streamConfig]{
	{
		name: "retention", level: Refused, loses: true,
		value: func(c streamConfig) string {
			return [...]string{jetstream.LimitsPolicy: "limits", jetstream.InterestPolicy: "interest", jetstream.WorkQueuePolicy: "work queue"}[c.Retention]
		},
		set:    func(to *streamConfig, want streamConfig) { to.Retention = want.Retention },
		except: "from work queue: the stream must be made again",
		byNow: func(have, _ streamConfig) Repair {
			if have.Retention == jetstream.WorkQueuePolicy {
				return ByNewStream
			}
			return ByUpdate
		},
		harm: "a message is deleted when it was acknowledged, so nobody can read it later",
	}, {
		name: "storage", by: ByNewStream, level: Refused,
		value: func(c streamConfig) string { return strings.ToLower(c.Storage.String()) },
		harm:  "everything is lost when the servers restart",
	}, {
		name: "max messages", level: Refused, loses: true,
		value: func(c streamConfig) string { return limit(c.MaxMsgs) },
		set:   func(to *streamConfig, want streamConfig) { to.MaxMsgs = want.MaxMsgs },
		harm:  "a full stream refuses new messages or deletes old ones",
	}, {
		name: "max bytes", level: Unsettled, loses: true,
		value: func(c streamConfig) string { return limit(c.MaxBytes) },
		set:   func(to *streamConfig, want streamConfig) { to.MaxBytes = want.MaxBytes },
		harm:  "a full stream refuses new messages or deletes old ones",
	}, {
		name: maxAge, level: Refused, loses: true,
		value: func(c streamConfig) string { return span(c.MaxAge) },
		set:   func(to *streamConfig, want streamConfig) { to.MaxAge = want.MaxAge },
		harm:  "messages are deleted at that age",
	}, {
		name: "max messages per subject", level: Refused, loses: true,
		value: func(c streamConfig) string { return limit(c.MaxMsgsPerSubject) },
		set:   func(to *streamConfig, want streamConfig) { to.MaxMsgsPerSubject = want.MaxMsgsPerSubject },
		harm:  "messages are deleted that are needed, or old values stay",
	}, {
		name: "max message size", level: Unsettled,
		value: func(c streamConfig) string { return limit(c.MaxMsgSize) },
		set:   func(to *streamConfig, want streamConfig) { to.MaxMsgSize = want.MaxMsgSize },
		harm:  "messages are refused, or one is taken that is too long to be copied to REJECTED",
	}, {
		name: "discard", level: Refused, loses: true,
		value: func(c streamConfig) string {
			return map[jetstream.DiscardPolicy]string{jetstream.DiscardOld: "old", jetstream.DiscardNew: "new"}[c.Discard]
		},
		set:  func(to *streamConfig, want streamConfig) { to.Discard = want.Discard },
		harm: "a full stream deletes old messages instead of refusing new ones, or the other way round",
	}, {
		name: "discard new per subject", level: Refused,
		value: func(c streamConfig) string { return yesNo(c.DiscardNewPerSubject) },
		set:   func(to *streamConfig, want streamConfig) { to.DiscardNewPerSubject = want.DiscardNewPerSubject },
		harm:  "a new value of a key, or a new event, is refused",
	}, {
		name: "subjects", level: Refused,
		value: func(c streamConfig) string { return list(c.Subjects) },
		set:   func(to *streamConfig, want streamConfig) { to.Subjects = want.Subjects },
		harm:  "messages are not stored, or others are stored, too",
	}, {
		name: "mirror", level: Refused,
		value: func(c streamConfig) string {
			if c.Mirror == nil {
				return none
			}
			return c.Mirror.Name
		},
		set:  func(to *streamConfig, want streamConfig) { to.Mirror, to.MirrorDirect = want.Mirror, want.MirrorDirect },
		harm: "the stream has the messages of another one and takes no others",
	}, {
		name: "sources", level: Refused,
		value: func(c streamConfig) string {
			var names []string
			for _, s := range c.Sources {
				names = append(names, s.Name)
			}
			return list(names)
		},
		set:  func(to *streamConfig, want streamConfig) { to.Sources = want.Sources },
		harm: "messages of other streams are copied into this one",
	}, {
		name: sealed, by: ByNewStream, level: Refused,
		value: func(c streamConfig) string { return yesNo(c.Sealed) },
		harm:  "the stream takes no messages any more",
	}, {
		name: "no acknowledgements", level: Refused,
		value: func(c streamConfig) string { return yesNo(c.NoAck) },
		set:   func(to *streamConfig, want streamConfig) { to.NoAck = want.NoAck },
		harm:  "nobody learns that a message was stored",
	}, {
		name: "persist mode", by: ByNewStream, level: Refused,
		value: func(c streamConfig) string { return strings.ToLower(c.PersistMode.String()) },
		harm:  "messages are acknowledged before they are written, and may be lost after that",
	}, {
		name: "direct get", level: Refused,
		value: func(c streamConfig) string { return yesNo(c.AllowDirect) },
		set:   func(to *streamConfig, want streamConfig) { to.AllowDirect = want.AllowDirect },
		harm:  "services cannot read the stream",
	}, {
		name: "subject transform", level: Refused,
		value: func(c streamConfig) string {
			if c.SubjectTransform == nil {
				return none
			}
			return c.SubjectTransform.Source + " to " + c.SubjectTransform.Destination
		},
		set:  func(to *streamConfig, want streamConfig) { to.SubjectTransform = want.SubjectTransform },
		harm: "messages are stored under other subjects, where nobody looks for them",
	}, {
		name: "counter", by: ByNewStream, level: Refused,
		value: func(c streamConfig) string { return yesNo(c.AllowMsgCounter) },
		harm:  "the stream takes only numbers that are added up",
	}, {
		name: "rollup headers", level: Unsettled, loses: true,
		value: func(c streamConfig) string { return yesNo(c.AllowRollup) },
		set:   func(to *streamConfig, want streamConfig) { to.AllowRollup = want.AllowRollup },
		harm:  "a sender may delete all earlier messages, or a bucket cannot purge a key",
	}, {
		name: "message TTL", level: Unsettled,
		// Buckets of an earlier version have it, and it can't be taken back. Only workers and
		// the operator publish there.
		fits: func(have, want streamConfig) bool {
			return have.AllowMsgTTL == want.AllowMsgTTL || want.DenyDelete && have.AllowMsgTTL
		},
		mustBe: func(want streamConfig) string { return eitherIf(want.DenyDelete, yesNo(want.AllowMsgTTL)) },
		value:  func(c streamConfig) string { return yesNo(c.AllowMsgTTL) },
		set:    func(to *streamConfig, want streamConfig) { to.AllowMsgTTL = want.AllowMsgTTL },
		except: "to off: the stream must be made again",
		byNow: func(have, _ streamConfig) Repair {
			if have.AllowMsgTTL {
				return ByNewStream
			}
			return ByUpdate
		},
		harm: "a sender may let a message expire, or marks of deleted keys stay for ever",
	}, {
		name: "TTL of delete markers", level: Unsettled,
		value: func(c streamConfig) string {
			if c.SubjectDeleteMarkerTTL == 0 {
				return none
			}
			return c.SubjectDeleteMarkerTTL.String()
		},
		set:  func(to *streamConfig, want streamConfig) { to.SubjectDeleteMarkerTTL = want.SubjectDeleteMarkerTTL },
		harm: "the server stores messages of its own that nobody expects",
	}, {
		name: "message schedules", by: ByNewStream, level: Unsettled,
		value: func(c streamConfig) string { return yesNo(c.AllowMsgSchedules) },
		harm:  "a sender may let the server publish messages later and again",
	}, {
		name: "atomic publish", level: Unsettled,
		value: func(c streamConfig) string { return yesNo(c.AllowAtomicPublish) },
		set:   func(to *streamConfig, want streamConfig) { to.AllowAtomicPublish = want.AllowAtomicPublish },
		harm:  "a sender may keep messages back until a batch is complete",
	}, {
		name: "batch publish", level: Unsettled,
		value: func(c streamConfig) string { return yesNo(c.AllowBatchPublish) },
		set:   func(to *streamConfig, want streamConfig) { to.AllowBatchPublish = want.AllowBatchPublish },
		harm:  "a sender may keep messages back until a batch is complete",
	}, {
		name: "republish", by: ByHand, level: Told, cure: "run `nats stream edit STREAM --no-republish` if you do not want that",
		value: func(c streamConfig) string {
			if c.RePublish == nil {
				return none
			}
			return c.RePublish.Source + " to " + c.RePublish.Destination
		},
		harm: "each stored message is also sent to another subject, which others may read",
	}, {
		name: "duplicate window", level: Unsettled,
		fits:   func(have, want streamConfig) bool { return have.Duplicates >= duplicates(want) },
		mustBe: func(want streamConfig) string { return duplicates(want).String() + " or more" },
		value:  func(c streamConfig) string { return c.Duplicates.String() },
		set:    func(to *streamConfig, want streamConfig) { to.Duplicates = duplicates(want) },
		harm:   "a message that is sent again after a lost acknowledgement is stored twice",
	}, {
		name: "max consumers", level: Unsettled,
		value: func(c streamConfig) string { return limit(c.MaxConsumers) },
		set:   func(to *streamConfig, want streamConfig) { to.MaxConsumers = want.MaxConsumers },
		harm:  "a service or another spec gets no consumer",
	}, {
		name: "limits of consumers", level: Unsettled,
		value: func(c streamConfig) string {
			if c.ConsumerLimits == (jetstream.StreamConsumerLimits{}) {
				return none
			}
			return "inactive threshold " + span(c.ConsumerLimits.InactiveThreshold) + ", max ack pending " + limit(c.ConsumerLimits.MaxAckPending)
		},
		set:  func(to *streamConfig, want streamConfig) { to.ConsumerLimits = want.ConsumerLimits },
		harm: "consumers are refused, or removed while no worker runs",
	}, {
		name: "deny purge", by: ByNewStream, level: Told,
		fits:   func(have, want streamConfig) bool { return !have.DenyPurge || !want.DenyDelete },
		mustBe: func(want streamConfig) string { return eitherIf(!want.DenyDelete, yesNo(want.DenyPurge)) },
		value:  func(c streamConfig) string { return yesNo(c.DenyPurge) },
		harm:   "`profiles gc` cannot remove old generations",
	}, {
		name: "deny delete", level: Told,
		fits:   func(have, want streamConfig) bool { return have.DenyDelete || !want.DenyDelete },
		mustBe: func(want streamConfig) string { return eitherIf(!want.DenyDelete, yesNo(want.DenyDelete)) },
		value:  func(c streamConfig) string { return yesNo(c.DenyDelete) },
		set:    func(to *streamConfig, want streamConfig) { to.DenyDelete = want.DenyDelete },
		harm:   "single values may be deleted without a trace",
	}, {
		name: "replicas", level: Told, by: ByHand, cure: "run `nats stream edit STREAM --replicas N`, or set NATS_REPLICAS to the number that you want",
		fits:   func(have, want streamConfig) bool { return have.Replicas >= want.Replicas },
		mustBe: func(want streamConfig) string { return "NATS_REPLICAS or more: " + limit(want.Replicas) },
		value:  func(c streamConfig) string { return limit(c.Replicas) },
		harm:   "the loss of one disk may lose the stream",
	},
}

// duplicates is the duplicate window of a stream: NATS' own default where none is wanted.
func duplicates(want streamConfig) time.Duration {
	const usual = 2 * time.Minute
	switch {
	case want.Duplicates > 0:
		return want.Duplicates
	case want.MaxAge > 0:
		return min(want.MaxAge, usual)
	}
	return usual
}
