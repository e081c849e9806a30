package streamer

import (
	"context"
	"sync/atomic"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
)

// details is the state of the events that take longer than those of envelopes: signatures are
// large, and read from the bucket. A loop of its own publishes them, so that no envelope waits
// for one.
type details struct {
	shown   atomic.Pointer[shownGenerations] // nil until the first pass of session.loop
	changed chan struct{}                    // gets a value when shown has changed

	// Only detailLoop uses these.
	signatures map[fit.ProfileName]signatureEvent
	models     modelEvents
	spec       events.Order // of the wanted spec
	cleared    bool         // the events of profiles that this spec does not name are removed
}

func newDetails() *details {
	return &details{changed: make(chan struct{}, 1), signatures: map[fit.ProfileName]signatureEvent{}}
}

// shownGenerations is the wanted generation, and the one that is shown of each of its profiles.
type shownGenerations struct {
	wanted   bus.Generation
	profiles []bus.Generation // in the order of the wanted spec
}

// same reports whether both show the same.
func (g *shownGenerations) same(other *shownGenerations) bool {
	same := other != nil && isSame(g.wanted, other.wanted) && len(g.profiles) == len(other.profiles)
	for i := 0; same && i < len(g.profiles); i++ {
		same = isSame(g.profiles[i], other.profiles[i])
	}
	return same
}

// isSame reports whether two generations give their events the same order.
func isSame(a, b bus.Generation) bool {
	return a.ID == b.ID && a.Spec.Revision == b.Spec.Revision && a.Turn == b.Turn && a.Epoch == b.Epoch && a.Incarnation == b.Incarnation
}

// show notes which generations are shown.
func (d *details) show(now *shownGenerations) {
	if now.same(d.shown.Swap(now)) {
		return
	}
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// detailLoop publishes the signatures and the models' figures when they change, and in each cycle.
func (s *session) detailLoop(ctx context.Context) error {
	reconnects, stop := s.bus.Reconnects()
	defer stop()
	cycle := s.cycleTicker()
	defer cycle.Stop()
	for again := true; ; {
		envelopes, signatures := s.envelopes.Changed(), s.signatures.Changed()
		if shown := s.details.shown.Load(); shown != nil {
			if err := s.publishDetails(ctx, shown, again); err != nil {
				return err
			}
			again = false
		}
		select {
		case <-s.details.changed:
		case <-envelopes:
		case <-signatures:
		case <-cycle.C:
			again = true
		case <-reconnects:
			again = true // check first: values that NATS has lost must not be published again
			if err := s.checkViews(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// publishDetails publishes the events of signatures and models that have changed. With again it
// also publishes those that have not changed.
func (s *session) publishDetails(ctx context.Context, shown *shownGenerations, again bool) error {
	wanted := shown.wanted
	spec := NewSpec(wanted, s.envelopes.Incarnation())
	changed := spec.Order != s.details.spec
	if changed {
		s.details.spec, s.details.cleared = spec.Order, false
	}
	if !s.details.cleared && (changed || again) {
		err := s.removeUnnamed(ctx, spec)
		s.warnOnce("remove the events of profiles that the spec does not name", wanted, "", err)
		s.details.cleared = err == nil // else the next cycle tries again
	}
	for i, p := range wanted.Spec.Profiles {
		if err := s.publishSignature(ctx, shown.profiles[i], p.Name, again); err != nil {
			return err
		}
	}
	return s.publishModels(ctx, wanted, again)
}
