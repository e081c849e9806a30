package streamer

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/signature"
)

// A source identifies the stored value that an event was made of, and everything that the
// event's order depends on.
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
	seq      uint64          // in the event's order
}

// publishSignature publishes the signature that a generation has of a profile. It is not
// posted: receivers at PUBLISH_URL expect events of envelopes and models only.
func (s *session) publishSignature(ctx context.Context, gen bus.Generation, p fit.ProfileName, again bool) error {
	env, ok := s.envelopes.Get(gen.ID, p)
	source := sourceOf(gen, s.signatures.Signature(gen.ID, p))
	have := s.details.signatures[p]
	changed := have.source != source
	if !ok || source.version.Digest == "" || !changed && !again {
		return nil
	}
	if changed || !have.complete {
		have = s.readSignature(ctx, gen, p, source, env.Incarnation)
		s.details.signatures[p] = have
	}
	if have.event == nil {
		return nil
	}
	subject := events.Subject(events.TypeAttackSignature, string(p))
	var held events.Held
	if again {
		held = s.held(subject, func(g bus.Generation) uint64 {
			if g.ID == gen.ID && s.signatures.Signature(gen.ID, p) == source.version {
				return have.seq
			}
			return math.MaxUint64 // this streamer has not read that signature
		})
	}
	published, err := s.publisher.PublishOver(ctx, subject, have.event, s.cfg.CyclePause, held)
	if err != nil {
		return err
	}
	if published {
		s.published.WithLabelValues(events.TypeAttackSignature).Inc()
	}
	return nil
}

// readTimeout is how long a bucket that does not answer may delay the other signatures.
const readTimeout = time.Second

// readSignature reads a signature and makes its event. If that fails, or a part is missing,
// the next cycle reads again.
func (s *session) readSignature(ctx context.Context, gen bus.Generation, p fit.ProfileName, source source, envelopes client.Incarnation) signatureEvent {
	ctx, end := context.WithTimeout(ctx, readTimeout)
	defer end()
	stored, complete, err := signatures.Read(ctx, s.bus, gen.ID, p)
	s.warnOnce("read a signature", gen, p, err)
	if err != nil || !complete || stored.Digest != source.version.Digest {
		return signatureEvent{source: source}
	}
	event, err := NewAttackSignature(gen, stored, envelopes)
	s.warnOnce("ignore a signature", gen, p, err)
	if err != nil { // another program stored it; the other profiles are published all the same
		return signatureEvent{source: source, complete: true}
	}
	data, err := json.Marshal(event)
	s.warnOnce("encode a signature", gen, p, err)
	if err != nil {
		return signatureEvent{source: source, complete: true}
	}
	return signatureEvent{source, true, data, stored.AsOf.Seq}
}

// An AttackSignature is the event that shows a profile's signature. docs/MESSAGES.md defines
// the event, docs/SIGNATURES.md the figures.
type AttackSignature struct {
	Type   string     `json:"type"`
	Name   string     `json:"name"`
	Used   int        `json:"n_used"`
	Phases []fit.Span `json:"phases"`

	Channels []SignatureChannel `json:"channels"`

	Low      signature.Row       `json:"low"` // bounds of the curve's median, in its unit; null at a point without bounds
	High     signature.Row       `json:"high"`
	N        []int               `json:"n"` // episodes that have a value at each point of the curve
	Deepest  *signature.Episode  `json:"deepest"`
	Outliers []signature.Outlier `json:"outliers"` // of the curve, the first 20
	Outside  int                 `json:"n_outliers"`

	Hosts HostsShown        `json:"hosts"`
	Drift []signature.Drift `json:"drift"`

	Generation fit.Generation `json:"generation"`
	Digest     fit.Digest     `json:"digest"` // of the sample, as the envelope's
	events.Order
	UpdatedAt time.Time `json:"updated_at"`
}

// A SignatureChannel is one channel of an AttackSignature: its level curves, and
// what it does in each phase.
type SignatureChannel struct {
	Name   string            `json:"name"`
	Unit   string            `json:"unit"`
	Median signature.Row     `json:"median"`
	P25    signature.Row     `json:"p25"`
	P75    signature.Row     `json:"p75"`
	Phases []signature.Phase `json:"phases"` // of the slices that have points
}

// HostsShown says whether hosts differ, and how. It leaves out the hosts' envelopes.
type HostsShown struct {
	Tested      int                    `json:"tested"`
	Compared    []string               `json:"compared"`
	Differ      bool                   `json:"differ"`
	Differences []signature.Difference `json:"differences"` // the first 20
	All         int                    `json:"n_differences"`
	Used        []HostUsed             `json:"used"` // the 20 hosts with the most episodes
	Hosts       int                    `json:"n_hosts"`
}

// HostUsed is how many of a host's episodes are in the sample.
type HostUsed struct {
	Host string `json:"host"`
	Used int    `json:"n"`
}

func showHosts(h signature.Hosts) HostsShown {
	used := make([]HostUsed, len(h.Envelopes))
	for i, e := range h.Envelopes {
		used[i] = HostUsed{e.Host, e.Used}
	}
	slices.SortStableFunc(used, func(a, b HostUsed) int { return cmp.Compare(b.Used, a.Used) })
	return HostsShown{
		Tested: h.Tested, Compared: first(h.Compared), Differ: h.Differ, Differences: first(h.Differences), All: len(h.Differences),
		Used: first(used), Hosts: len(h.Envelopes) + h.LeftOut,
	}
}

const (
	mostListed = 20 // of outliers, hosts and differences in an event
	// mostShown bounds the numbers of an event, which must fit a message.
	mostShown = 60_000
)

// NewAttackSignature makes the event of a stored signature. It is an error if the
// signature does not have the channels and points of the generation's spec, or has
// more numbers than a message can hold.
//
// The second number in the event's order is the sequence of bucket curves that the
// signature was computed at: a generation belongs to one incarnation of that bucket.
// envelopes is the incarnation of bucket envelopes, as in the envelope's event.
func NewAttackSignature(gen bus.Generation, s signatures.Signature, envelopes client.Incarnation) (AttackSignature, error) {
	points := gen.Spec.Points.Total()
	switch {
	case !isOf(s, &gen.Spec):
		return AttackSignature{}, fmt.Errorf("the signature of %s is not of the channels and points of generation %s", s.Profile, gen.ID)
	case 3*points*(len(s.Channels)+1) > mostShown:
		return AttackSignature{}, fmt.Errorf("the signature of %s has %d channels of %d points, which are too many for an event", s.Profile, len(s.Channels), points)
	}
	event := AttackSignature{
		Type: events.TypeAttackSignature, Name: string(s.Profile), Used: s.Used, Phases: spansOf(gen.Spec.Points),
		Channels: make([]SignatureChannel, len(s.Channels)),
		Low:      s.Curve.Low, High: s.Curve.High, N: s.Curve.N,
		Deepest: s.Trust.Deepest, Outliers: first(s.Trust.Outliers), Outside: len(s.Trust.Outliers) + s.Trust.LeftOut,
		Hosts: showHosts(s.Hosts),
		Drift: s.Drift(), Generation: gen.ID, Digest: s.Digest,
		Order:     events.Order{Revision: [2]uint64{uint64(gen.Spec.Revision), s.AsOf.Seq}, Turn: gen.Turn, Epoch: gen.Epoch, Incarnation: events.JoinIncarnations(envelopes, gen.Incarnation)},
		UpdatedAt: s.UpdatedAt,
	}
	for i, c := range s.Channels {
		event.Channels[i] = SignatureChannel{Name: c.Name, Unit: c.Unit, Median: c.Levels.Median, P25: c.Levels.P25, P75: c.Levels.P75, Phases: phasesOf(gen.Spec.Points, c.Phases)}
	}
	return event, nil
}

// phasesOf returns the figures of the slices that have points.
func phasesOf(points fit.Points, all [5]signature.Phase) []signature.Phase {
	var shown []signature.Phase
	for i, n := range points.Counts() {
		if n > 0 {
			shown = append(shown, all[i])
		}
	}
	return shown
}

// isOf reports whether a signature has the channels of a spec, and one value for each of
// its points in each row that the event shows.
func isOf(s signatures.Signature, spec *fit.Spec) bool {
	points := spec.Points.Total()
	whole := len(s.Channels) == len(spec.Signature.Channels) && len(s.Curve.N) == points && len(s.Curve.Low) == points && len(s.Curve.High) == points
	for i, c := range s.Channels {
		whole = whole && c.Name == spec.Signature.Channels[i] && len(c.Levels.Median) == points && len(c.Levels.P25) == points && len(c.Levels.P75) == points
	}
	return whole
}

func first[T any](all []T) []T { return all[:min(len(all), mostListed)] }
