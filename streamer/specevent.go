package streamer

import (
	"context"
	"encoding/json"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
)

// WantedName is the name of the spec event of the wanted spec.
const WantedName = "wanted"

// A Spec is the event that says what the wanted spec shows. A page has a card for each of its
// profiles, in this order. docs/MESSAGES.md defines the event.
type Spec struct {
	Type     string        `json:"type"`
	Name     string        `json:"name"` // WantedName
	Profiles []SpecProfile `json:"profiles"`
	Target   int           `json:"target"` // episodes of a full sample
	Phases   []fit.Span    `json:"phases"`

	Generation fit.Generation `json:"generation"`
	events.Order
}

// A SpecProfile is one profile of a Spec.
type SpecProfile struct {
	Name    fit.ProfileName `json:"name"`
	Shape   string          `json:"shape"`
	Channel string          `json:"channel"`
	Unit    string          `json:"unit"` // of the channel; empty if it is unknown
	Group   string          `json:"group,omitempty"`
}

// NewSpec returns the event of a generation's spec. The second number in its order is the
// sequence of bucket specs at which the generation was registered. envelopes is the incarnation
// of bucket envelopes, as in the event of an envelope.
func NewSpec(gen bus.Generation, envelopes client.Incarnation) Spec {
	e := Spec{
		Type: events.TypeSpec, Name: WantedName, Profiles: make([]SpecProfile, len(gen.Spec.Profiles)),
		Target: gen.Spec.Target, Phases: spansOf(gen.Spec.Points), Generation: gen.ID,
		Order: events.Order{
			Revision: [2]uint64{uint64(gen.Spec.Revision), gen.Registered},
			Turn:     gen.Turn, Epoch: gen.Epoch, Incarnation: events.JoinIncarnations(envelopes, gen.Incarnation),
		},
	}
	for i, p := range gen.Spec.Profiles {
		e.Profiles[i] = SpecProfile{p.Name, p.Shape, p.Channel, gen.Spec.Channel(p.Channel).Unit, p.Group}
	}
	return e
}

// publishSpec publishes the event of the wanted spec.
func (s *session) publishSpec(ctx context.Context, wanted bus.Generation, again bool) error {
	event := NewSpec(wanted, s.envelopes.Incarnation())
	if s.specOrder == event.Order && !again {
		return nil
	}
	subject := events.Subject(events.TypeSpec, WantedName)
	var held events.Held
	if again {
		held = s.held(subject, func(g bus.Generation) uint64 { return g.Registered })
	}
	published, err := s.publisher.PublishOver(ctx, subject, event, s.cfg.CyclePause, held)
	if err != nil {
		return err
	}
	if published {
		s.published.WithLabelValues(events.TypeSpec).Inc()
	}
	s.specOrder = event.Order
	return nil
}

// removeUnnamed removes the last events of profiles that the spec does not name, if a streamer
// published them for an earlier spec: nothing would ever replace them. Envelopes without an
// order stay: other programs post them. Suspects have no order, since only streamers publish
// them.
func (s *session) removeUnnamed(ctx context.Context, spec Spec) error {
	named := map[string]bool{}
	for _, p := range spec.Profiles {
		named[string(p.Name)] = true
	}
	earlier := func(event []byte) bool { return isEarlier(event, spec.Order) }
	all := func([]byte) bool { return true }
	for kind, obsolete := range map[string]func([]byte) bool{
		events.TypeAttackProfile: earlier, events.TypeAttackSignature: earlier, events.TypeSuspects: all,
	} {
		if err := s.removeOthers(ctx, kind, named, obsolete); err != nil {
			return err
		}
	}
	return nil
}

// isEarlier reports whether an event has an order, and it is that of a spec before another's.
func isEarlier(event []byte, than events.Order) bool {
	var have events.Order
	if json.Unmarshal(event, &have) != nil || have.Incarnation == "" {
		return false
	}
	have.Revision[1] = 0 // of an envelope or a signature: it does not order specs
	than.Revision[1] = 0
	return have.Incarnation != than.Incarnation || have.Compare(than) < 0
}

// removeOthers removes the last events of a kind that are obsolete and whose names are not among named.
func (s *session) removeOthers(ctx context.Context, kind string, named map[string]bool, obsolete func([]byte) bool) error {
	gone := map[string]string{} // the names of profiles, by subject
	err := events.EachLast(ctx, s.bus, kind, func(subject string, event []byte) {
		var have struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(event, &have) == nil && have.Name != "" && !named[have.Name] && obsolete(event) {
			gone[subject] = have.Name
		}
	})
	if err != nil {
		return err
	}
	for subject, name := range gone {
		if _, err := s.publisher.Remove(ctx, subject, Removed{Type: kind, Name: name, Removed: true}, obsolete); err != nil {
			return err
		}
	}
	return nil
}
