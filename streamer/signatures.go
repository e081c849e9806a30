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
)

// A source is what an event was made of, with all that its order depends on.
type source struct {
	generation fit.Generation
	revision   int64
	turn       uint64
	version    signatures.Version
}

func sourceOf(gen bus.Generation, version signatures.Version) source {
	return source{gen.ID, gen.Spec.Revision, gen.Turn, version}
}

// A signatureEvent is the event of a profile's signature, kept to be published again.
type signatureEvent struct {
	source   source
	complete bool            // the signature had all its parts; else it is read again
	event    json.RawMessage // nil: none
}

// publishSignature publishes the signature that a generation has of a profile. It is not
// posted: receivers at PUBLISH_URL expect events of envelopes and models only.
func (s *session) publishSignature(ctx context.Context, gen bus.Generation, p fit.ProfileName, again bool) error {
	env, ok := s.envelopes.Get(gen.ID, p)
	source := sourceOf(gen, s.signatures.Signature(gen.ID, p))
	have := s.signatureEvents[p]
	changed := have.source != source
	if !ok || source.version.Digest == "" || !changed && !again {
		return nil
	}
	if changed || !have.complete {
		have = s.readSignature(ctx, gen, p, source, env.Incarnation)
		s.signatureEvents[p] = have
	}
	if have.event == nil {
		return nil
	}
	published, err := s.publisher.Publish(ctx, events.Subject(events.TypeAttackSignature, string(p)), have.event, s.cfg.CyclePause)
	if err != nil {
		return err
	}
	if published {
		s.published.WithLabelValues(events.TypeAttackSignature).Inc()
	}
	return nil
}

// readTimeout is how long a bucket that does not answer may delay the next envelope.
const readTimeout = time.Second

// readSignature reads a signature and makes its event. If that fails, or a part is missing,
// the next cycle reads again.
func (s *session) readSignature(ctx context.Context, gen bus.Generation, p fit.ProfileName, source source, envelopes client.Incarnation) signatureEvent {
	ctx, end := context.WithTimeout(ctx, readTimeout)
	defer end()
	stored, complete, err := signatures.Read(ctx, s.bus, gen.ID, p)
	if err != nil {
		s.warnOnce("read a signature", gen, p, err)
	}
	if err != nil || !complete || stored.Digest != source.version.Digest {
		return signatureEvent{source: source}
	}
	event, err := signatures.NewAttackSignature(gen, stored, envelopes)
	if err != nil { // another program stored it; the other profiles are published all the same
		s.warnOnce("ignore a signature", gen, p, err)
		return signatureEvent{source: source, complete: true}
	}
	data, err := json.Marshal(event)
	if err != nil {
		s.warnOnce("encode a signature", gen, p, err)
		return signatureEvent{source: source, complete: true}
	}
	return signatureEvent{source, true, data}
}
