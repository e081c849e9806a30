package bus

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/settings"
)

// LogLosses says how many messages an incarnation of the log has lost: by a purge, by a limit
// that somebody set, or one by one. The project itself never deletes any. The number only grows.
//
// Its JSON is the value of a key in bucket specs: it says up to which losses the log was compared
// with the validation file, and filled again.
type LogLosses struct {
	Incarnation client.Incarnation `json:"life"`
	Lost        uint64             `json:"lost"`

	Last  uint64 `json:"-"` // the sequence of the last message
	first uint64 // of the first one
}

func lossesOf(log *jetstream.StreamInfo) LogLosses {
	s := log.State
	return LogLosses{client.IncarnationOf(log), s.LastSeq - min(s.Msgs, s.LastSeq), s.LastSeq, s.FirstSeq}
}

// LogLosses asks how many messages the log has lost.
func (b *Bus) LogLosses(ctx context.Context) (LogLosses, error) {
	s, err := b.OpenStream(ctx, EpisodesStream)
	if err != nil {
		return LogLosses{}, err
	}
	return lossesOf(s.CachedInfo()), nil
}

// LogKey is the key of the LogLosses in bucket specs.
const LogKey = "log"

// MakeUpFor notes that the log has every message again that these losses took. Every generation
// that is registered already then reads the log again.
func (b *Bus) MakeUpFor(ctx context.Context, losses LogLosses) error {
	data, err := json.Marshal(losses)
	if err != nil {
		return fmt.Errorf("encode the losses of the log: %w", err)
	}
	msg := nats.NewMsg(client.KeySubject(SpecsBucket, LogKey))
	msg.Data = data
	if _, err := b.PublishMsg(ctx, msg); err != nil {
		return fmt.Errorf("note that the log is complete again: %w", err)
	}
	return nil
}

// LogLost returns the losses that were not made up for, as a Wrong; none if there are no such. A
// log that was created again has lost everything: programs may accept all episodes again by
// themselves, so only an empty one keeps the system from being settled.
func (s *Specs) LogLost(losses LogLosses) []settings.Wrong {
	lost := settings.Wrong{
		Stream: EpisodesStream, Setting: "messages", MustBe: "complete", Cure: "run `profiles emit --validation FILE` with the whole file",
		Level: settings.Unsettled, By: settings.ByHand,
	}
	madeUp, _ := s.madeUpFor()
	switch {
	case losses.Incarnation != madeUp.Incarnation && s.hasGenerationOfOtherLog(losses.Incarnation):
		lost.Is, lost.Harm = "all lost (the log was created again)", "episodes that were not accepted again do not count"
		if losses.Last > 0 {
			lost.Level = settings.Told
		}
	case losses.Lost > 0 && (!madeUp.happened(losses) || losses.Lost > madeUp.Lost):
		lost.Is = fmt.Sprintf("%d lost (it begins at message %d)", losses.Lost, losses.first)
		lost.Harm = "another spec or epoch, which reads the log from its start, lacks their episodes and retractions"
	default:
		return nil
	}
	return []settings.Wrong{lost}
}

// hasGenerationOfOtherLog reports whether a generation was registered for another incarnation of the log.
// One that says for none does not count.
func (s *Specs) hasGenerationOfOtherLog(log client.Incarnation) bool {
	for _, g := range s.All() {
		if g.Streams.Log != "" && g.Streams.Log != log {
			return true
		}
	}
	return false
}

// MustReadAgain reports whether the log was filled again, after a generation was registered, and
// lacked messages before. It asks the log only if bucket specs says so.
func (s *Specs) MustReadAgain(ctx context.Context, b *Bus, gen Generation) (bool, error) {
	madeUp, at := s.madeUpFor()
	known, ok := s.Get(gen.ID)
	if !ok || madeUp.Lost == 0 || madeUp.Incarnation != gen.Streams.Log || at <= known.Registered {
		return false, nil
	}
	losses, err := b.LogLosses(ctx)
	return err == nil && madeUp.happened(losses), err
}

// happened reports whether the log has lost as much as was made up for. If not, another program
// wrote the note, and it counts for nothing.
func (madeUp LogLosses) happened(losses LogLosses) bool {
	return madeUp.Incarnation == losses.Incarnation && madeUp.Lost <= losses.Lost
}

// madeUpFor returns the losses that were made up for, and when, as a sequence of the bucket.
func (s *Specs) madeUpFor() (losses LogLosses, at uint64) {
	s.view.Read(func(state *generations, _ client.AsOf) { losses, at = state.madeUp, state.madeUpAt })
	return losses, at
}
