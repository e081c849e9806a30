// Package settings compares streams and consumers that exist with the settings that the
// project relies on. It has the only list of these settings: the comparisons, the texts of
// errors and the table in docs/OPERATIONS.md are made from it. It asks no server.
//
//	settings.go    a wrong setting, a row of the list, and the comparison
//	streams.go     the list for streams and buckets
//	archives.go    the same list for a bucket of archives
//	consumers.go   the list for the two consumers of a generation
//	words.go       values as text
package settings

import (
	"cmp"
	"fmt"
	"strings"
)

// A Wrong is a setting that is not as the project needs it, or another state of a stream that
// gives wrong results, such as a log that lost messages.
type Wrong struct {
	Stream   string `json:"stream"`             // the stream; that of bucket curves is KV_curves
	Consumer string `json:"consumer,omitempty"` // empty: a setting of the stream itself
	Setting  string `json:"setting"`
	Is       string `json:"is"`
	MustBe   string `json:"must_be"`
	Harm     string `json:"harm"` // what goes wrong
	Cure     string `json:"cure"` // what to do, mostly a command

	Level Level  `json:"-"`
	Loses bool   `json:"-"` // messages may have been lost meanwhile
	By    Repair `json:"-"`
}

// Place names the stream, bucket or consumer.
func (w Wrong) Place() string {
	if w.Consumer != "" {
		return "consumer " + w.Consumer
	}
	if bucket, ok := strings.CutPrefix(w.Stream, "KV_"); ok {
		return "bucket " + bucket
	}
	if bucket, ok := strings.CutPrefix(w.Stream, "OBJ_"); ok {
		return "bucket " + bucket + " of archives"
	}
	return "stream " + w.Stream
}

// What says which setting is wrong and what goes wrong by that.
func (w Wrong) What() string {
	return fmt.Sprintf("%s is %s and must be %s: %s", w.Setting, w.Is, w.MustBe, w.Harm)
}

// String says where, what, and what to do.
func (w Wrong) String() string { return fmt.Sprintf("%s: %s; %s", w.Place(), w.What(), w.Cure) }

// A Level says what follows while a setting is wrong.
type Level int

// The levels. Each has what the ones before it have.
const (
	// Told: it is shown in log, metric and status.
	Told Level = iota
	// Unsettled: the system is not called settled.
	Unsettled
	// Refused: no service begins to work. One that works already goes on.
	Refused
)

// Worst returns the highest level; Told for an empty list.
func Worst(all []Wrong) (worst Level) {
	for _, w := range all {
		worst = max(worst, w.Level)
	}
	return worst
}

// A Repair says how a setting is set right.
type Repair int

// The repairs.
const (
	// ByUpdate: NATS can change the setting, and nothing is lost by that.
	ByUpdate Repair = iota
	// ByHand: a person must act. The Cure says how.
	ByHand
	// ByNewStream: NATS cannot change it: the stream must be removed and made again.
	ByNewStream
	// ByNextEpoch: messages may have been passed over, or NATS cannot change it. The next
	// epoch has a new consumer, which reads everything again.
	ByNextEpoch
)

// A rule is a row of the list. C is the configuration of a stream or of a consumer.
type rule[C any] struct {
	name  string
	value func(C) string // the value as text
	// fits reports whether a value is right. Where it is nil, the texts must be equal.
	fits func(have, want C) bool
	// mustBe is the wanted value as text; where it is nil, that of the wanted configuration.
	mustBe func(want C) string
	set    func(to *C, want C) // copies the setting; nil: By is not ByUpdate
	by     Repair
	byNow  func(have, want C) Repair // where it depends; nil: by
	except string                    // when byNow says something else than by, for the manual
	cure   string                    // of ByHand
	level  Level
	loses  bool
	harm   string // a clause
}

// compare returns the settings of have that are wrong, and have with those mended that an
// update can mend. The caller fills in Stream and Consumer.
func compare[C any](rules []rule[C], have, want C) (mended C, wrong []Wrong) {
	mended = have
	for _, r := range rules {
		if r.right(have, want) {
			continue
		}
		by := r.by
		if r.byNow != nil {
			by = r.byNow(have, want)
		}
		if by == ByUpdate {
			r.set(&mended, want)
		}
		wrong = append(wrong, Wrong{Setting: r.name, Is: r.value(have), MustBe: r.wanted(want), Harm: r.harm, Cure: r.cure, Level: r.level, Loses: r.loses, By: by})
	}
	return mended, wrong
}

func (r *rule[C]) right(have, want C) bool {
	if r.fits != nil {
		return r.fits(have, want)
	}
	return r.value(have) == r.value(want)
}

func (r *rule[C]) wanted(want C) string {
	if r.mustBe != nil {
		return r.mustBe(want)
	}
	return r.value(want)
}

// A Row describes a row of the list, for the manual.
type Row struct {
	Setting, Wanted, Harm string
	By                    Repair
	Except                string // when another repair is needed; empty: never
	Cure                  string // of ByHand
	Level                 Level
}

// rows describes the rules for one wanted configuration.
func rows[C any](rules []rule[C], want C) []Row {
	all := make([]Row, len(rules))
	for i, r := range rules {
		all[i] = Row{Setting: r.name, Wanted: r.wanted(want), Harm: r.harm, By: r.by, Except: r.except, Cure: r.cure, Level: r.level}
	}
	return all
}

// fill completes the wrong settings of one stream or consumer.
func fill(wrong []Wrong, stream, consumer string, cures map[Repair]string) []Wrong {
	place := strings.NewReplacer("STREAM", stream, "CONSUMER", consumer)
	for i := range wrong {
		w := &wrong[i]
		w.Stream, w.Consumer = stream, consumer
		w.Cure = place.Replace(cmp.Or(w.Cure, cures[w.By]))
	}
	return wrong
}
