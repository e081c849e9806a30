package streamer

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
)

// A source is what an event was made of, and what gave it its place among others.
type source struct {
	generation fit.Generation
	revision   int64
	turn       uint64
	mark       signatures.Version
}

func sourceOf(gen bus.Generation, mark signatures.Version) source {
	return source{gen.ID, gen.Spec.Revision, gen.Turn, mark}
}

// signed is the event of a profile's signature, kept to be published again.
type signed struct {
	of    source
	whole bool            // the signature was; else its next parts are on their way
	event json.RawMessage // nil: none
}

// publishSignature publishes the signature of the generation that is shown. It is
// not posted: who listens at PUBLISH_URL knows the profiles only.
func (s *session) publishSignature(ctx context.Context, gen bus.Generation, p fit.ProfileName, again bool) error {
	env, ok := s.envelopes.Get(gen.ID, p)
	of := sourceOf(gen, s.signatures.Signature(gen.ID, p))
	have := s.signed[p]
	changed := have.of != of
	if !ok || of.mark.Digest == "" || !changed && !again {
		return nil
	}
	if changed || !have.whole {
		have = s.readSignature(ctx, gen, p, of, env.Incarnation)
		s.signed[p] = have
	}
	if have.event == nil {
		return nil
	}
	published, err := s.dashboard.Publish(ctx, events.Subject(events.TypeAttackSignature, string(p)), have.event, s.cfg.CyclePause)
	if err != nil {
		return err
	}
	if published {
		s.published.WithLabelValues(events.TypeAttackSignature).Inc()
	}
	return nil
}

// readWithin is how long a bucket that does not answer may hold up envelopes.
const readWithin = time.Second

// readSignature makes the event of what the bucket holds. Where that can't be read
// the next cycle tries again.
func (s *session) readSignature(ctx context.Context, gen bus.Generation, p fit.ProfileName, of source, envelopes client.Incarnation) signed {
	ctx, end := context.WithTimeout(ctx, readWithin)
	defer end()
	stored, whole, err := signatures.Read(ctx, s.deps.Bus, gen.ID, p)
	if err != nil {
		s.deps.Log.Warn("read a signature", logkey.Profile, p, logkey.Generation, gen.ID, logkey.Err, err)
	}
	if err != nil || !whole || stored.Digest != of.mark.Digest {
		return signed{of: of}
	}
	event, err := signatures.NewAttackSignature(gen, stored, envelopes)
	if err != nil { // what somebody else wrote there; it must not hold back the other profiles
		s.deps.Log.Warn("ignore a signature", logkey.Profile, p, logkey.Generation, gen.ID, logkey.Err, err)
		return signed{of: of, whole: true}
	}
	data, err := json.Marshal(event)
	if err != nil {
		s.deps.Log.Warn("encode a signature", logkey.Profile, p, logkey.Generation, gen.ID, logkey.Err, err)
		return signed{of: of, whole: true}
	}
	return signed{of, true, data}
}
