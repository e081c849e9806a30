// Package streamer publishes each profile's envelope as the event that the
// dashboard shows: at once when it changes, and again every cycle. Any number
// of streamers agree, since the bus lets no event replace a later one.
package streamer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/service"
)

// Deps are what a streamer works with; they stay the caller's.
type Deps struct {
	Bus      *bus.Bus
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// A Streamer publishes events. Run it once.
type Streamer struct {
	cfg       Config
	deps      Deps
	poster    *Poster // nil: no second sink
	sessions  *service.Sessions
	published *prometheus.CounterVec
	age       prometheus.Histogram
}

// New makes a streamer and starts nothing.
func New(cfg Config, deps Deps) (*Streamer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	f := promauto.With(deps.Registry)
	s := &Streamer{
		cfg: cfg, deps: deps, sessions: service.NewSessions(deps.Bus, deps.Log),
		published: f.NewCounterVec(prometheus.CounterOpts{Name: "profiles_events_published_total",
			Help: "Events published, by type."}, []string{"type"}),
		age: f.NewHistogram(prometheus.HistogramOpts{Name: "profiles_envelope_to_event_seconds", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 18),
			Help: "Time from an envelope's updated_at to its event, of those that came while the streamer watched; by two machines' clocks."}),
	}
	// Create the labels at the start: rate() misses a counter's first increment.
	for _, t := range events.Types() {
		s.published.WithLabelValues(t)
	}
	if cfg.PublishURL != "" {
		s.poster = NewPoster(cfg.PublishURL, cfg.PublishToken, deps.Log, deps.Registry)
	}
	return s, nil
}

// Ready returns nil while the streamer is connected and its views are whole;
// else what it waits for.
func (s *Streamer) Ready() error { return s.sessions.Ready() }

// Run publishes until ctx ends.
func (s *Streamer) Run(ctx context.Context) error {
	var g errgroup.Group
	if s.poster != nil {
		g.Go(func() error { return s.poster.Run(ctx) })
	}
	g.Go(func() error { return s.sessions.Run(ctx, s.session) })
	return g.Wait()
}

// A session is the work with views of one life of the buckets.
type session struct {
	*Streamer
	specs      *bus.Specs
	envelopes  *bus.Envelopes
	signatures *signatures.Versions
	dashboard  *events.Publisher
	shown      map[fit.ProfileName]shown
	asked      map[fit.ProfileName]fit.Generation // the wanted generation when the last event was asked for
	signed     map[fit.ProfileName]signed
	scored     scored
	pinned     bool   // some profile is shown by a generation that is no longer wanted
	seen       uint64 // revision of envelopes that were there at the pass before
	caughtUp   func() (bool, error)
}

// shown is what the last event of a profile shows, as far as we know.
type shown struct {
	generation fit.Generation
	digest     fit.Digest
}

func (s *Streamer) session(ctx context.Context) error {
	s.sessions.WaitFor("the views of specs, envelopes and signatures")
	views := service.NewViews(ctx)
	defer views.Close()
	specs, err := s.deps.Bus.OpenSpecs(ctx)
	if err != nil {
		return err
	}
	views.Follow(specs.Run)
	envelopes, err := s.deps.Bus.OpenEnvelopes(ctx)
	if err != nil {
		return err
	}
	views.Follow(envelopes.Run)
	signatures, err := signatures.OpenVersions(ctx, s.deps.Bus)
	if err != nil {
		return err
	}
	views.Follow(signatures.Run)
	s.sessions.SetReady()

	run := &session{
		Streamer: s, specs: specs, envelopes: envelopes, signatures: signatures,
		dashboard: events.NewPublisher(s.deps.Bus), seen: envelopes.Seen(),
		shown: map[fit.ProfileName]shown{}, asked: map[fit.ProfileName]fit.Generation{}, signed: map[fit.ProfileName]signed{},
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return run.loop(ctx) })
	g.Go(func() error { return run.checkLoop(ctx) })
	return g.Wait()
}

// lookAgain is how often a streamer that still shows an old generation asks
// whether the wanted one has caught up.
const lookAgain = 250 * time.Millisecond

// loop publishes whatever changed, whenever something changed.
func (s *session) loop(ctx context.Context) error {
	reconnects, stop := s.deps.Bus.Reconnects()
	defer stop()
	// Finer than the cycle: an event that a tick finds a moment too young would
	// wait for the next one.
	cycle := time.NewTicker(max(s.cfg.CyclePause/10, time.Millisecond))
	defer cycle.Stop()
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	again := true
	for {
		specs, envelopes, signatures := s.specs.Changed(), s.envelopes.Changed(), s.signatures.Changed()
		if err := s.publish(ctx, again); err != nil {
			return err
		}
		again = false
		lookAgain := look.C
		if !s.pinned {
			lookAgain = nil
		}
		select {
		case <-specs:
		case <-envelopes:
		case <-signatures:
		case <-lookAgain:
		case <-cycle.C:
			again = true
		case <-reconnects:
			again = true // but nothing of what may be lost is shown again
			if err := s.checkViews(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// checkLoop checks every CheckEvery, beside the loop: it may wait for a stream that
// nothing is published from or to.
func (s *session) checkLoop(ctx context.Context) error {
	every := time.NewTicker(s.cfg.CheckEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			s.deps.Bus.KeepTopology(ctx)
			if err := s.checkViews(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// checkViews makes sure that the views are of the streams' present lives. It is safe
// for concurrent use.
func (s *session) checkViews(ctx context.Context) error {
	if err := s.specs.Check(ctx); err != nil {
		return err
	}
	if err := s.envelopes.Check(ctx); err != nil {
		return err
	}
	return s.signatures.Check(ctx)
}

// publish brings the events to what the views say. With again, those that
// haven't changed get their turn, too.
func (s *session) publish(ctx context.Context, again bool) error {
	seen := s.envelopes.Seen()
	defer func() { s.seen = seen }()
	wanted, ok := s.specs.Wanted()
	if !ok {
		return nil
	}
	s.pinned = false
	if again {
		clear(s.asked) // another streamer may have shown something since
	}
	s.caughtUp = sync.OnceValues(func() (bool, error) { return s.hasCaughtUp(ctx, wanted) }) // once a pass
	generations := make([]bus.Generation, len(wanted.Spec.Profiles))
	for i, p := range wanted.Spec.Profiles {
		gen, err := s.choose(ctx, wanted, p.Name)
		if err != nil {
			return err
		}
		if err := s.publishProfile(ctx, gen, p.Name, again); err != nil {
			return err
		}
		generations[i] = gen
	}
	// No envelope waits for what is read from the bucket.
	for i, p := range wanted.Spec.Profiles {
		if err := s.publishSignature(ctx, generations[i], p.Name, again); err != nil {
			return err
		}
	}
	return s.publishModels(ctx, wanted, again)
}

// publishProfile publishes the envelope of the generation that is shown.
func (s *session) publishProfile(ctx context.Context, gen bus.Generation, p fit.ProfileName, again bool) error {
	env, ok := s.envelopes.Get(gen.ID, p)
	now := shown{gen.ID, env.Digest}
	changed := s.shown[p] != now
	if !ok || !changed && !again {
		return nil
	}
	event, err := events.NewAttackProfile(gen, env)
	if err != nil { // what somebody else wrote there; it must not hold back the other profiles
		s.deps.Log.Warn("ignore an envelope", logkey.Profile, p, logkey.Generation, gen.ID, logkey.Err, err)
		return nil
	}
	subject := events.Subject(events.TypeAttackProfile, string(p))
	published, err := s.send(ctx, subject, event)
	if err != nil {
		return err
	}
	if !published && changed && s.poster != nil {
		// Another streamer was quicker, or our acknowledgement was lost. Its URL
		// may be another than ours.
		if last, err := s.dashboard.LastAttackProfile(ctx, p); err != nil {
			return err
		} else if (shown{last.Generation, last.Digest}) == now {
			s.poster.Post(subject, event)
		}
	}
	if changed && env.Revision > s.seen { // else something else kept it waiting
		s.age.Observe(time.Since(env.UpdatedAt).Seconds())
	}
	s.shown[p] = now
	return nil
}

// choose picks the generation to show of a profile: the wanted one where it is
// complete or has caught up, or where nothing else is shown; until then the one
// shown before.
func (s *session) choose(ctx context.Context, wanted bus.Generation, p fit.ProfileName) (bus.Generation, error) {
	if s.shown[p].generation == "" && s.asked[p] != wanted.ID { // nothing yet in this session: the last event tells
		event, err := s.dashboard.LastAttackProfile(ctx, p)
		if err != nil {
			return bus.Generation{}, err
		}
		s.asked[p] = wanted.ID
		s.shown[p] = shown{generation: event.Generation} // of which sample Show will see
	}
	before := s.shown[p].generation
	if before == "" || before == wanted.ID {
		return wanted, nil
	}
	old, known := s.specs.Get(before)
	if _, has := s.envelopes.Get(before, p); !known || !has {
		return wanted, nil // nothing could renew what is shown
	}
	if env, ok := s.envelopes.Get(wanted.ID, p); ok && env.Complete {
		return wanted, nil
	}
	caught, err := s.caughtUp()
	if err != nil {
		return bus.Generation{}, err
	}
	if caught {
		return wanted, nil
	}
	s.pinned = true
	return old, nil
}

// lagLimit is how long a pass waits for the view. It is long enough for the view
// to notice that its watch has stopped.
const lagLimit = 3 * time.Second

// hasCaughtUp tells whether a generation's work is done, and our view has what it left:
// else an earlier envelope, of fewer episodes, would be shown for a moment.
func (s *session) hasCaughtUp(ctx context.Context, gen bus.Generation) (bool, error) {
	if caught, err := s.deps.Bus.CaughtUp(ctx, gen.ID); err != nil || !caught {
		return false, err
	}
	var last uint64
	for _, p := range gen.Spec.Profiles {
		env, _, err := s.deps.Bus.ReadEnvelope(ctx, gen.ID, p.Name)
		if err != nil {
			return false, err
		}
		last = max(last, env.Revision)
	}
	err := s.envelopes.Reached(ctx, last, lagLimit)
	if errors.Is(err, client.ErrLagging) {
		return false, nil
	}
	return err == nil, err
}

// send publishes an event, posts it where it was published, and reports that.
func (s *session) send(ctx context.Context, subject string, event any) (bool, error) {
	published, err := s.dashboard.Publish(ctx, subject, event, s.cfg.CyclePause)
	if err != nil || !published {
		return false, err
	}
	s.published.WithLabelValues(events.TypeOf(subject)).Inc()
	s.deps.Log.Debug("published", logkey.Subject, subject)
	if s.poster != nil {
		s.poster.Post(subject, event)
	}
	return true, nil
}
