package gc

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const profile = fit.ProfileName("cpu-saturate")

// A system is a server whose generations the test makes by itself, without workers.
type system struct {
	t   *testing.T
	ctx context.Context
	srv *bustest.Server
	bus *bus.Bus
}

func newSystem(t *testing.T) *system {
	srv := bustest.Start(t)
	return &system{t, bustest.Context(t), srv, srv.Topology()}
}

func (s *system) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// generation returns a generation of a spec with one profile.
func generation(id, base fit.Generation, epoch uint64, revision int64) bus.Generation {
	spec := fit.DefaultSpec()
	spec.Revision, spec.Target, spec.Profiles = revision, 2, spec.Profiles[:1]
	return bus.Generation{Spec: *spec, Limits: json.RawMessage("{}"), ID: id, Base: base, Epoch: epoch}
}

// make registers a generation and makes its consumers, an entry and an envelope.
func (s *system) make(g bus.Generation) {
	s.t.Helper()
	s.must(s.bus.Register(s.ctx, g))
	s.must(s.bus.EnsureConsumers(s.ctx, g, time.Minute, time.Minute))
	curves, err := s.bus.ReadCurves(s.ctx, g)
	s.must(err)
	entry := fit.Entry{Seq: 1, Host: "h", Episode: "1", State: fit.StateCurve, Curve: make(fit.Curve, g.Spec.Points.Total())}
	s.must(bustest.PutEntry(s.ctx, curves, bus.EntryID{Profile: profile, Rank: g.Spec.Rank("h", "1")}, entry, 0, time.Time{}))
	curves, err = s.bus.ReadCurves(s.ctx, g)
	s.must(err)
	reduced, err := curves.Reduce(profile)
	s.must(err)
	_, err = s.bus.WriteEnvelope(s.ctx, g.ID, profile, reduced.Envelope, reduced.AsOf, time.Now(), time.Time{})
	s.must(err)
}

// collect runs a collector that does not wait between the checks.
func (s *system) collect(c Collector) map[fit.Generation]Generation {
	s.t.Helper()
	c.Bus = s.bus
	if c.Pause == nil {
		c.Pause = func(context.Context) error { return nil }
	}
	r, err := c.Run(s.ctx)
	s.must(err)
	found := map[fit.Generation]Generation{}
	for _, g := range r.Generations {
		found[g.ID] = g
	}
	return found
}

// has returns what is left of a generation.
func (s *system) has(g bus.Generation) (consumers int, h bus.Stored, registered bool) {
	s.t.Helper()
	use, err := s.bus.Usage(s.ctx, g)
	s.must(err)
	h, err = s.bus.Stored(s.ctx, g.ID)
	s.must(err)
	specs, err := s.bus.ReadSpecs(s.ctx)
	s.must(err)
	_, registered = specs.Get(g.ID)
	return use.Consumers, h, registered
}

func (s *system) isWhole(g bus.Generation) {
	s.t.Helper()
	if n, h, ok := s.has(g); n != 2 || h.Entries != 1 || h.Envelopes != 1 || h.Bytes == 0 || !ok {
		s.t.Errorf("%s was touched: %d consumers, %+v, registered %t", g.ID, n, h, ok)
	}
}

func (s *system) isGone(g bus.Generation, registered bool) {
	s.t.Helper()
	if n, h, ok := s.has(g); n != 0 || h != (bus.Stored{}) || ok != registered {
		s.t.Errorf("%s was not removed: %d consumers, %+v, registered %t", g.ID, n, h, ok)
	}
}

// pull asks for messages, as a worker does, until stop is called.
func (s *system) pull(g bus.Generation) (stop func()) {
	s.t.Helper()
	cons, err := s.srv.JetStream().Consumer(s.ctx, "KV_"+bus.CurvesBucket, bus.ReduceConsumer(g.ID))
	s.must(err)
	cc, err := cons.Consume(func(msg jetstream.Msg) { _ = msg.Ack() })
	s.must(err)
	for {
		use, err := s.bus.Usage(s.ctx, g)
		s.must(err)
		if use.Waiting > 0 && use.Unacked == 0 {
			return func() { cc.Stop(); <-cc.Closed() }
		}
		s.must(s.ctx.Err())
	}
}

func TestBeforeAnythingExists(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	s := &system{t, bustest.Context(t), srv, srv.Connect()}
	if got := s.collect(Collector{}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	s.bus = srv.Topology()
	if got := s.collect(Collector{}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	old := generation("aaaaaaaaaa", "aaaaaaaaaa", 0, 1)
	wanted := generation("bbbbbbbbbb", "bbbbbbbbbb", 0, 2)
	s.make(old)
	s.make(wanted)
	kept := func(what string, why Reason, c Collector) {
		t.Helper()
		got := s.collect(c)
		if g := got[old.ID]; g.Fate != Kept || g.Why != why || g.Detail == "" {
			t.Errorf("%s: %+v", what, g)
		}
		if g := got[wanted.ID]; g.Fate != Kept || g.Why != Wanted {
			t.Errorf("%s: wanted: %+v", what, g)
		}
		s.isWhole(old)
	}
	kept("made a moment ago", Recent, Collector{Idle: time.Hour})

	stop := s.pull(old)
	kept("a worker asks for messages", AtWork, Collector{})
	stop()

	// The worker asks again only before the last check.
	pauses := 0
	kept("a worker between two requests", AtWork, Collector{Pause: func(context.Context) error {
		if pauses++; pauses == useChecks-1 {
			stop = s.pull(old)
		}
		return nil
	}})
	stop()

	if _, err := s.bus.Publish(s.ctx, bus.Notice{Host: "h", Episode: "1", Profile: string(profile), At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	cons, err := s.srv.JetStream().Consumer(s.ctx, bus.EpisodesStream, bus.AlignConsumer(old.ID))
	s.must(err)
	msg, err := cons.Next()
	s.must(err)
	kept("a message is in work", AtWork, Collector{})
	s.must(msg.DoubleAck(s.ctx))

	env, _, err := s.bus.ReadEnvelope(s.ctx, old.ID, profile)
	s.must(err)
	event, err := streamer.NewAttackProfile(old, env)
	s.must(err)
	show := func(gen fit.Generation, turn uint64) {
		t.Helper()
		event.Generation, event.Turn = gen, turn
		if event.Incarnation, err = events.Incarnation(s.ctx, s.bus); err != nil {
			t.Fatal(err)
		}
		if ok, err := events.NewPublisher(s.bus).Publish(s.ctx, events.Subject(events.TypeAttackProfile, string(profile)), event, 0); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	show(old.ID, 1)
	kept("shown", Shown, Collector{})
	show(wanted.ID, 2)

	// The dashboard shows it again during the checks.
	kept("shown during the checks", Shown, Collector{Pause: func(context.Context) error {
		pauses++
		show(old.ID, uint64(pauses))
		return nil
	}})
	pauses++
	show(wanted.ID, uint64(pauses))

	before := s.collect(Collector{DryRun: true})[old.ID]
	s.isWhole(old)
	after := s.collect(Collector{})[old.ID]
	if before != after || after.Fate != Removed || after.Consumers != 2 || after.Holding.Entries != 1 || after.Holding.Bytes < 300 {
		t.Errorf("a dry run says %+v, then %+v", before, after)
	}
	s.isGone(old, false)
	s.isWhole(wanted)
}

func TestReasonToKeep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		use  bus.Usage
		idle time.Duration
		want Reason
	}{
		{bus.Usage{}, 0, ""},
		{bus.Usage{Consumers: 2, Idle: time.Hour}, time.Hour, ""},
		{bus.Usage{Consumers: 2, Idle: time.Hour - 1}, time.Hour, Recent},
		{bus.Usage{Idle: -time.Second}, time.Second, Recent}, // the clocks of two servers differ
		{bus.Usage{Waiting: 1, Idle: 1000 * time.Hour}, time.Hour, AtWork},
		{bus.Usage{Unacked: 1, Idle: 23 * time.Hour}, time.Hour, AtWork},
		{bus.Usage{Unacked: 1, Idle: 25 * time.Hour}, time.Hour, ""}, // its worker was killed
		{bus.Usage{Unacked: 1, Idle: 25 * time.Hour}, 48 * time.Hour, Recent},
	} {
		if got, _ := reasonToKeep(c.use, c.idle); got != c.want {
			t.Errorf("%+v, idle %s: %q, want %q", c.use, c.idle, got, c.want)
		}
	}
}

// TestTurnStays: the record of a spec's first epoch holds its turn, its place among
// the specs of its revision. So that record stays while another epoch does.
func TestTurnStays(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	first := generation("a0a0a0a0a0", "aaaaaaaaaa", 0, 1)
	other := generation("b0b0b0b0b0", "bbbbbbbbbb", 0, 1)
	second := generation("a1a1a1a1a1", "aaaaaaaaaa", 1, 1)
	for _, g := range []bus.Generation{first, other, second} {
		s.make(g)
	}
	stop := s.pull(second)
	defer stop()
	for _, fate := range []Fate{Removed, RemovedBefore} {
		got := s.collect(Collector{})
		if g := got[first.ID]; g.Fate != fate || !g.SpecKept {
			t.Errorf("first: %+v", g)
		}
		if got[second.ID].Why != AtWork || got[other.ID].Why != Wanted {
			t.Errorf("%+v", got)
		}
		s.isGone(first, true)
		s.isWhole(other)
	}
	stop()
	// Now the whole spec goes, its last epoch first. In the other order the spec
	// would for a moment have a later turn than the other spec, and be wanted.
	specs, err := s.bus.OpenSpecs(s.ctx)
	s.must(err)
	ctx, end := context.WithCancel(s.ctx)
	var g errgroup.Group
	g.Go(func() error { return specs.Run(ctx) })
	defer func() { end(); _ = g.Wait() }()
	unwanted := make(chan fit.Generation, 100)
	watched := make(chan struct{})
	g.Go(func() error {
		defer close(watched)
		for {
			moved := specs.Changed()
			if w, _ := specs.Wanted(); w.ID != other.ID {
				unwanted <- w.ID
			}
			if _, ok := specs.Get(first.ID); !ok {
				return nil
			}
			select {
			case <-moved:
			case <-ctx.Done():
				return nil
			}
		}
	})
	s.collect(Collector{})
	<-watched
	if len(unwanted) > 0 {
		t.Errorf("%s was wanted for a moment", <-unwanted)
	}
	s.isGone(first, false)
	s.isGone(second, false)
	s.isWhole(other)
}

// TestTwoAtOnce runs two collectors at once, after earlier runs that ended early.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	ids := []fit.Generation{"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd"}
	for i, id := range ids {
		s.make(generation(id, id, 0, int64(i)))
	}
	// This one has only consumers, as after the loss of bucket specs.
	lost := generation("eeeeeeeeee", "eeeeeeeeee", 0, 0)
	s.must(s.bus.EnsureConsumers(s.ctx, lost, time.Minute, time.Minute))
	// This one was removed, but its record in specs is still there.
	s.must(s.bus.Remove(s.ctx, ids[0]))

	var g errgroup.Group
	for range 2 {
		b := s.srv.Connect()
		g.Go(func() error {
			_, err := (&Collector{Bus: b, Pause: func(context.Context) error { return nil }}).Run(s.ctx)
			return err
		})
	}
	s.must(g.Wait())
	for i, id := range ids[:3] {
		s.isGone(generation(id, id, 0, int64(i)), false)
	}
	s.isGone(lost, false)
	s.isWhole(generation("dddddddddd", "dddddddddd", 0, 3))
	if got := s.collect(Collector{}); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestContextEndsRun(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.make(generation("aaaaaaaaaa", "aaaaaaaaaa", 0, 1))
	s.make(generation("bbbbbbbbbb", "bbbbbbbbbb", 0, 2))
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(s.ctx)
	pauses := 0
	_, err := (&Collector{Bus: s.bus, Pause: func(ctx context.Context) error {
		pauses++
		cancel(enough)
		return (&Collector{}).pause(ctx)
	}}).Run(ctx)
	if !errors.Is(err, enough) || pauses != 1 {
		t.Errorf("%v after %d pauses", err, pauses)
	}
	s.isWhole(generation("aaaaaaaaaa", "aaaaaaaaaa", 0, 1))
}

func TestReportIsSorted(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for i, id := range []fit.Generation{"bbbbbbbbbb", "aaaaaaaaaa", "cccccccccc"} {
		s.must(s.bus.Register(s.ctx, generation(id, id, 0, int64(i))))
	}
	r, err := (&Collector{Bus: s.bus, DryRun: true, Idle: time.Hour}).Run(s.ctx)
	s.must(err)
	var ids []fit.Generation
	for _, g := range r.Generations {
		ids = append(ids, g.ID)
	}
	if !slices.Equal(ids, []fit.Generation{"bbbbbbbbbb", "aaaaaaaaaa", "cccccccccc"}) {
		t.Errorf("%v", ids)
	}
}
