// Package streamer is the service that publishes what workers store as events of stream
// DASHBOARD: when a value changes, and again when the last event is CYCLE_PAUSE old. Any
// number of streamers may run: an event never replaces a later one (bus/events).
//
//	streamer.go        New and Run; which generation of a profile is shown
//	detail.go          the loop of all events that take longer than those of envelopes
//	profileevent.go    attack_profile: the event of an envelope
//	signatureevent.go  attack_signature: the event of a signature
//	specevent.go       spec: which profiles there are; removes the events of others
//	modelevent.go      model_metric, model_perf and suspects: the events of models' scores
//	forged.go          finds events that no streamer can have published
//	poster.go          posts the events to PUBLISH_URL, too
//	config.go          the settings; flags.go: the flags for figures of other models
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
	"github.com/cis490/profiles/bus/settings"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/otherclock"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/internal/wait"
	"github.com/cis490/profiles/internal/warnonce"
)

// Deps are what a streamer uses. It closes none of them.
type Deps struct {
	Bus      *bus.Bus
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// A Streamer is made by New. Run may be called only once.
type Streamer struct {
	cfg       Config
	deps      Deps
	poster    *Poster // nil: PUBLISH_URL is not set
	sessions  *service.Sessions
	published *prometheus.CounterVec
	forged    prometheus.Counter
	age       prometheus.Histogram
	updated   *otherclock.Clock // of envelopes
	latency   prometheus.Histogram
	accepted  *otherclock.Clock // of episodes
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
		forged: f.NewCounter(prometheus.CounterOpts{Name: "profiles_events_forged_total",
			Help: "Events that were replaced because their order was beyond everything that is stored: no streamer published them."}),
		age: f.NewHistogram(prometheus.HistogramOpts{Name: "profiles_envelope_to_event_seconds", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 18),
			Help: "Time from an envelope's updated_at to its event, of envelopes that came while the streamer ran; by the clocks of two machines."}),
		updated: otherclock.New(deps.Registry, deps.Log, "envelope_to_event", "a worker's"),
		// The objective is 0.25 s: docs/OPERATIONS.md, "The objective".
		latency: f.NewHistogram(prometheus.HistogramOpts{Name: "profiles_accepted_to_event_seconds", Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
			Help: "Time from accepted_at to the event with the episode, of episodes that were accepted since the generation began; by the clocks of two machines."}),
		accepted: otherclock.New(deps.Registry, deps.Log, "accepted_to_event", "that of a program that publishes episode.accepted"),
	}
	// Create the labels at the start: rate() misses a counter's first increment.
	for _, t := range events.Types() {
		s.published.WithLabelValues(t)
	}
	service.ShowState(deps.Registry, "streamer", s.Ready, deps.Bus.Answered)
	if cfg.PublishURL != "" {
		s.poster = NewPoster(cfg.PublishURL, cfg.PublishToken, deps.Log, deps.Registry)
	}
	return s, nil
}

// Ready returns nil while the streamer publishes, else an error that names what it waits for.
func (s *Streamer) Ready() error { return s.sessions.Ready() }

// Problem returns why posts to PUBLISH_URL fail at present; nil if they do not. The streamer is
// ready all the same: events on NATS do not depend on them.
func (s *Streamer) Problem() error {
	if s.poster == nil {
		return nil
	}
	return s.poster.Problem()
}

// Run publishes until ctx ends.
func (s *Streamer) Run(ctx context.Context) error {
	var g errgroup.Group
	if s.poster != nil {
		g.Go(func() error { return s.poster.Run(ctx) })
	}
	g.Go(func() error { return s.sessions.Run(ctx, s.session) })
	return g.Wait()
}

// A session publishes the values in its views of the buckets. It ends when a bucket was
// created again.
type session struct {
	cfg       *Config
	bus       *bus.Bus
	log       *slog.Logger
	poster    *Poster // may be nil
	published *prometheus.CounterVec
	forged    prometheus.Counter
	age       prometheus.Histogram
	updated   *otherclock.Clock
	latency   prometheus.Histogram
	accepted  *otherclock.Clock

	specs      *bus.Specs
	envelopes  *bus.Envelopes
	signatures *signatures.Versions
	publisher  *events.Publisher

	// Only loop uses these.
	shownSamples   map[fit.ProfileName]sample         // the sample in the last event of a profile, if it is known
	lastReadFor    map[fit.ProfileName]fit.Generation // the wanted generation when the last event was read
	specOrder      events.Order                       // of the spec event that was published last
	showsOld       bool                               // some profile is shown by a generation that is no longer wanted
	revisionBefore uint64                             // the last revision that the view of envelopes had in the previous pass
	wantedCaughtUp func() (bool, error)

	details *details
	failing warnonce.Reasons // to read or to use a stored value, by key
}

// A sample is the sample of episodes that an event shows.
type sample struct {
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
		cfg: &s.cfg, bus: s.deps.Bus, log: s.deps.Log, poster: s.poster,
		published: s.published, forged: s.forged, age: s.age, updated: s.updated,
		latency: s.latency, accepted: s.accepted,
		specs: specs, envelopes: envelopes, signatures: signatures, publisher: events.NewPublisher(s.deps.Bus),
		shownSamples: map[fit.ProfileName]sample{}, lastReadFor: map[fit.ProfileName]fit.Generation{},
		revisionBefore: envelopes.Seen(), details: newDetails(),
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return run.loop(ctx) })
	g.Go(func() error { return run.detailLoop(ctx) })
	g.Go(func() error { return run.checkLoop(ctx) })
	return g.Wait()
}

// caughtUpEvery is how often a streamer that still shows an old generation asks
// whether the wanted one has caught up.
const caughtUpEvery = 250 * time.Millisecond

// loop publishes the events of the wanted spec and of envelopes when a view has changed, and in
// each cycle.
func (s *session) loop(ctx context.Context) error {
	reconnects, stop := s.bus.Reconnects()
	defer stop()
	cycle := s.cycleTicker()
	defer cycle.Stop()
	check := time.NewTicker(caughtUpEvery)
	defer check.Stop()
	again := true
	for {
		specs, envelopes := s.specs.Changed(), s.envelopes.Changed()
		if err := s.publish(ctx, again); err != nil {
			return err
		}
		again = false
		checkCaughtUp := check.C
		if !s.showsOld {
			checkCaughtUp = nil
		}
		select {
		case <-specs:
		case <-envelopes:
		case <-checkCaughtUp:
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

// cycleTicker ticks ten times in a cycle: an event that is a moment too young for one tick is
// published at the next.
func (s *session) cycleTicker() *time.Ticker {
	return time.NewTicker(max(s.cfg.CyclePause/10, time.Millisecond))
}

// checkLoop checks the streams every CheckEvery. It is a loop of its own because it may wait
// for a stream that the streamer does not need.
func (s *session) checkLoop(ctx context.Context) error {
	return wait.Every(ctx, s.cfg.CheckEvery, func() error {
		s.bus.KeepTopology(ctx)
		return s.checkViews(ctx)
	})
}

// checkViews returns client.ErrStreamReplaced if a bucket is not the one that its view
// follows. It is safe for concurrent use.
func (s *session) checkViews(ctx context.Context) error {
	for _, check := range []func(context.Context) error{s.specs.Check, s.envelopes.Check, s.signatures.Check} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// publish publishes the events of specs and envelopes that have changed in the views. With
// again it also publishes those that have not changed.
func (s *session) publish(ctx context.Context, again bool) error {
	revision := s.envelopes.Seen()
	defer func() { s.revisionBefore = revision }()
	wanted, ok := s.specs.Wanted()
	if !ok {
		return nil
	}
	s.showsOld = false
	if again {
		clear(s.lastReadFor) // another streamer may have published since
	}
	s.wantedCaughtUp = sync.OnceValues(func() (bool, error) { return s.hasCaughtUp(ctx, wanted) }) // once a pass
	if err := s.publishSpec(ctx, wanted, again); err != nil {
		return err
	}
	shown := &shownGenerations{wanted: wanted, profiles: make([]bus.Generation, len(wanted.Spec.Profiles))}
	for i, p := range wanted.Spec.Profiles {
		gen, err := s.choose(ctx, wanted, p.Name)
		if err != nil {
			return err
		}
		if err := s.publishProfile(ctx, gen, p.Name, again); err != nil {
			return err
		}
		shown.profiles[i] = gen
	}
	s.details.show(shown)
	return nil
}

// publishProfile publishes the envelope that a generation has of a profile.
func (s *session) publishProfile(ctx context.Context, gen bus.Generation, p fit.ProfileName, again bool) error {
	env, ok := s.envelopes.Get(gen.ID, p)
	now := sample{gen.ID, env.Digest}
	changed := s.shownSamples[p] != now
	if !ok || !changed && !again {
		return nil
	}
	event, err := NewAttackProfile(gen, env)
	s.warnOnce("ignore an envelope", gen, p, err)
	if err != nil { // another program stored it; the other profiles are published all the same
		return nil
	}
	subject := events.Subject(events.TypeAttackProfile, string(p))
	var held events.Held
	if again {
		held = s.held(subject, func(g bus.Generation) uint64 {
			env, _ := s.envelopes.Get(g.ID, p)
			return env.Revision
		})
	}
	published, err := s.send(ctx, subject, event, held)
	if err != nil {
		return err
	}
	if !published && changed && s.poster != nil {
		// Another streamer was quicker, or the acknowledgement was lost. The other
		// streamer may post to another URL, so this one posts, too.
		if last, err := LastAttackProfile(ctx, s.publisher, p); err != nil {
			return err
		} else if (sample{last.Generation, last.Digest}) == now {
			s.post(subject, event)
		}
	}
	if changed && env.Revision > s.revisionBefore { // an older one was held back on purpose
		s.age.Observe(s.updated.Since(env.UpdatedAt).Seconds())
		if !env.AcceptedAt.IsZero() {
			s.latency.Observe(s.accepted.Since(env.AcceptedAt).Seconds())
		}
	}
	s.shownSamples[p] = now
	return nil
}

// choose returns the generation to show of a profile: the wanted one if its envelope is
// complete, if it has caught up, or if no other is shown. Until then it is the one that is
// shown already.
func (s *session) choose(ctx context.Context, wanted bus.Generation, p fit.ProfileName) (bus.Generation, error) {
	if s.shownSamples[p].generation == "" && s.lastReadFor[p] != wanted.ID { // not published in this session: read the last event
		event, err := LastAttackProfile(ctx, s.publisher, p)
		if err != nil {
			return bus.Generation{}, err
		}
		s.lastReadFor[p] = wanted.ID
		s.shownSamples[p] = sample{generation: event.Generation} // without the digest: Publish compares it
	}
	before := s.shownSamples[p].generation
	if before == "" || before == wanted.ID {
		return wanted, nil
	}
	old, known := s.specs.Get(before)
	if _, has := s.envelopes.Get(before, p); !known || !has {
		return wanted, nil // the old envelope could not be published again
	}
	if env, ok := s.envelopes.Get(wanted.ID, p); ok && env.Complete {
		return wanted, nil
	}
	caught, err := s.wantedCaughtUp()
	if err != nil {
		return bus.Generation{}, err
	}
	if caught {
		return wanted, nil
	}
	s.showsOld = true
	return old, nil
}

// lagLimit is how long a pass waits for the view of envelopes. It is long enough for the
// view to notice that its watch has stopped.
const lagLimit = 3 * time.Second

// hasCaughtUp reports whether a generation's workers have caught up with a log that lacks
// nothing, and the view has their envelopes. Without the latter an earlier envelope, of fewer episodes,
// would be shown for a moment.
func (s *session) hasCaughtUp(ctx context.Context, gen bus.Generation) (bool, error) {
	if caught, err := s.bus.CaughtUp(ctx, gen.ID); err != nil || !caught {
		return false, err
	}
	losses, err := s.bus.LogLosses(ctx)
	if err != nil || settings.Worst(s.specs.LogLost(losses)) >= settings.Unsettled {
		return false, err
	}
	if again, err := s.specs.MustReadAgain(ctx, s.bus, gen); again || err != nil {
		return false, err
	}
	var last uint64
	for _, p := range gen.Spec.Profiles {
		env, _, err := s.bus.ReadEnvelope(ctx, gen.ID, p.Name)
		if err != nil {
			return false, err
		}
		last = max(last, env.Revision)
	}
	err = s.envelopes.Reached(ctx, last, lagLimit)
	if errors.Is(err, client.ErrLagging) {
		return false, nil
	}
	return err == nil, err
}

// send publishes an event, and posts it if it was published. It reports whether it was. held
// may be nil (events.PublishOver).
func (s *session) send(ctx context.Context, subject string, event any, held events.Held) (bool, error) {
	published, err := s.publisher.PublishOver(ctx, subject, event, s.cfg.CyclePause, held)
	if err != nil || !published {
		return false, err
	}
	s.published.WithLabelValues(events.TypeOf(subject)).Inc()
	s.log.Debug("published", logkey.Subject, subject)
	s.post(subject, event)
	return true, nil
}

// post posts an event to PUBLISH_URL, if that is set. It leaves the order out: only the
// streamers of a system may claim one there (docs/MESSAGES.md).
func (s *session) post(subject string, event any) {
	if s.poster == nil {
		return
	}
	if profile, ok := event.(AttackProfile); ok {
		profile.Incarnation = ""
		event = profile
	}
	s.poster.Post(subject, event)
}

// warnOnce logs that a stored value of a generation's profile can't be read or used. It does
// not log the same reason twice in a row. A nil error means that the value can be used again.
func (s *session) warnOnce(msg string, gen bus.Generation, p fit.ProfileName, err error) {
	key := msg + " " + string(gen.ID) + " " + string(p)
	if err == nil {
		s.failing.Works(key)
	} else if s.failing.IsNew(key, err.Error()) {
		s.log.Warn(msg, logkey.Profile, p, logkey.Generation, gen.ID, logkey.Err, err)
	}
}
