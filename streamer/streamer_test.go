package streamer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const gen = fit.Generation("abcdefghij")

// A stage is a server with what streamers read from it.
type stage struct {
	*testing.T
	srv  *bustest.Server
	bus  *bus.Bus
	said bustest.Record // the logs of the streamers
}

func newStage(t *testing.T) *stage {
	srv := bustest.Start(t)
	return &stage{T: t, srv: srv, bus: srv.Topology()}
}

// generation has profiles a and b and curves of 5 points.
func generation(id, base fit.Generation, epoch uint64, revision int64) bus.Generation {
	s := fit.DefaultSpec()
	s.Revision, s.Target = revision, 4
	s.Points = fit.Points{CleanLead: 1, Armed: 1, Infecting: 1, InfectedRunning: 1, CleanTail: 1}
	s.Profiles = []fit.Profile{
		{Name: "a", Channel: "proc.cpu_user_jiffies", Shape: "shape of a"},
		{Name: "b", Channel: "proc.rss_bytes", Shape: "shape of b"},
	}
	return bus.Generation{Spec: *s, Limits: json.RawMessage("{}"), ID: id, Base: base, Epoch: epoch}
}

func (s *stage) register(g bus.Generation) {
	s.Helper()
	if err := s.bus.Register(bustest.Context(s.T), g); err != nil {
		s.Fatal(err)
	}
}

// envelope writes one that is x at the end of a rise from 0, as of a put of its own.
func (s *stage) envelope(g fit.Generation, p fit.ProfileName, x float64, used int) {
	s.Helper()
	s.envelopeOf(g, p, x, used, time.Time{})
}

// envelopeOf is envelope, of an episode that was accepted at a time.
func (s *stage) envelopeOf(g fit.Generation, p fit.ProfileName, x float64, used int, accepted time.Time) {
	s.Helper()
	ctx, js := bustest.Context(s.T), s.srv.JetStream()
	ack, err := js.Publish(ctx, "$KV."+bus.CurvesBucket+".x.y.z", nil)
	if err != nil {
		s.Fatal(err)
	}
	v := []float64{0, 0, 0, x / 3, x}
	env := fit.Envelope{Median: v, P25: v, P75: v, Max: x, Used: used, Attempted: used + 1, Target: 4, Complete: used == 4,
		Digest: fit.Digest(fmt.Sprintf("%016x", uint64(x*1000)+uint64(used)))}
	asOf := client.AsOf{Incarnation: s.life("KV_" + bus.CurvesBucket), Seq: ack.Sequence}
	if wrote, err := s.bus.WriteEnvelope(ctx, g, p, env, asOf, time.Now(), accepted); err != nil || !wrote {
		s.Fatalf("write an envelope: %t, %v", wrote, err)
	}
}

func (s *stage) life(stream string) client.Incarnation {
	s.Helper()
	info, err := s.srv.JetStream().Stream(bustest.Context(s.T), stream)
	if err != nil {
		s.Fatal(err)
	}
	return client.Incarnation(info.CachedInfo().Created.UTC().Format(time.RFC3339Nano))
}

// A running streamer.
type running struct {
	registry *prometheus.Registry
	ready    func() error
	stop     func() // ends it and waits
}

func (s *stage) start(cfg streamer.Config) *running {
	s.Helper()
	return s.startOn(s.srv.Connect(), cfg)
}

func (s *stage) startOn(b *bus.Bus, cfg streamer.Config) *running {
	s.Helper()
	if cfg.CheckEvery == 0 {
		cfg.CheckEvery = 200 * time.Millisecond
	}
	r := &running{registry: prometheus.NewRegistry()}
	st, err := streamer.New(cfg, streamer.Deps{Bus: b, Log: s.said.Log(s.T), Registry: r.registry})
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- st.Run(ctx) }()
	r.ready = st.Ready
	done := false
	r.stop = func() {
		if cancel(); !done {
			done = true
			if err := <-ended; err != nil {
				s.Error(err)
			}
		}
	}
	s.Cleanup(r.stop)
	return r
}

// last is the last event of a profile.
func (s *stage) last(p fit.ProfileName) streamer.AttackProfile {
	s.Helper()
	e, _ := streamer.LastAttackProfile(bustest.Context(s.T), events.NewPublisher(s.bus), p) // there may be no stream at the moment
	return e
}

// shows waits until a profile's last event is of a generation and ends at x.
func (s *stage) shows(p fit.ProfileName, g fit.Generation, x float64) streamer.AttackProfile {
	s.Helper()
	var e streamer.AttackProfile
	s.until(fmt.Sprintf("%s of %s to be shown as %g", p, g, x), func() bool {
		e = s.last(p)
		return e.Generation == g && len(e.MedianRaw) == 5 && e.MedianRaw[4] == x
	})
	return e
}

func (s *stage) until(what string, ok func() bool) {
	s.Helper()
	for ctx := bustest.Context(s.T); !ok(); {
		select {
		case <-ctx.Done():
			s.Fatalf("waited in vain: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// stored follows what is stored as events. A plain subscriber of dashboard.>
// would also get what the stream refused.
func (s *stage) stored() <-chan *nats.Msg {
	s.Helper()
	js, ctx := s.srv.JetStream(), bustest.Context(s.T)
	stream, err := js.Stream(ctx, bus.DashboardStream)
	if err != nil {
		s.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.RePublish = &jetstream.RePublish{Source: "dashboard.>", Destination: "stored.>"}
	if _, err := js.UpdateStream(ctx, cfg); err != nil {
		s.Fatal(err)
	}
	events := make(chan *nats.Msg, 10_000)
	if _, err := js.Conn().ChanSubscribe("stored.>", events); err != nil {
		s.Fatal(err)
	}
	if err := js.Conn().Flush(); err != nil {
		s.Fatal(err)
	}
	return events
}

// next is the next event except those of the spec.
func (s *stage) next(published <-chan *nats.Msg) streamer.AttackProfile {
	s.Helper()
	for ctx := bustest.Context(s.T); ; {
		select {
		case msg := <-published:
			var e streamer.AttackProfile
			if err := json.Unmarshal(msg.Data, &e); err != nil {
				s.Fatal(err)
			}
			if e.Type != events.TypeSpec {
				return e
			}
		case <-ctx.Done():
			s.Fatal("no event came")
		}
	}
}

// TestEventIsTheEnvelope, published at once when it changes.
func TestEventIsTheEnvelope(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	published := s.stored()
	g := generation(gen, gen, 2, 7)
	s.register(g)
	r := s.start(streamer.Config{CyclePause: time.Hour, CheckEvery: time.Hour})
	s.until("ready", func() bool { return r.ready() == nil })
	for i, x := range []float64{3, 5} {
		began := time.Now()
		s.envelope(gen, "b", x, 1)
		e := s.next(published)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the event took %s", took)
		}
		env, ok, err := s.bus.ReadEnvelope(bustest.Context(t), gen, "b")
		if err != nil || !ok {
			t.Fatal(err)
		}
		env.Incarnation = s.life("KV_" + bus.EnvelopesBucket)
		specs, err := s.bus.ReadSpecs(bustest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		placed, _ := specs.Get(gen)
		want, err := streamer.NewAttackProfile(placed, env)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal(e)
		if wanted, _ := json.Marshal(want); string(got) != string(wanted) {
			t.Errorf("the event is\n%s\nwant\n%s", got, wanted)
		}
		if e.Revision != [2]uint64{7, uint64(i + 1)} || e.Epoch != 2 || e.Unit != "bytes" || e.Curve[3] != float64(float32(1)/3) || e.Curve[4] != 1 {
			t.Errorf("%+v", e)
		}
	}
	// The same sample written again is no change.
	s.envelope(gen, "b", 5, 1)
	s.envelope(gen, "a", 1, 1)
	if e := s.next(published); e.Name != "a" {
		t.Errorf("a change of nothing was published: %+v", e)
	}
}

// TestCycle: nothing changes, yet each event comes again once it is CyclePause
// old, and not before; the figures of the models ride along.
func TestCycle(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	events := s.stored()
	s.register(generation(gen, gen, 0, 1))
	s.envelope(gen, "a", 1, 1)
	const pause = 400 * time.Millisecond
	metric, latency := 0.762, 3410.0
	s.start(streamer.Config{CyclePause: pause, Models: streamer.Models{Metric: &metric, LatencyUS: &latency}})
	const cycles = 5
	times := map[string][]time.Time{}
	for ctx := bustest.Context(t); len(times["stored.attack_profile.a"]) <= cycles; {
		select {
		case msg := <-events:
			times[msg.Subject] = append(times[msg.Subject], time.Now())
			switch msg.Subject {
			case "stored.model_metric.knn":
				if string(msg.Data) != `{"type":"model_metric","model":"knn","metric":0.762}` {
					t.Errorf("%s", msg.Data)
				}
			case "stored.model_perf.knn":
				if string(msg.Data) != `{"type":"model_perf","model":"knn","latency_us":3410,"accuracy":0.762}` {
					t.Errorf("%s", msg.Data)
				}
			}
		case <-ctx.Done():
			t.Fatalf("events so far: %v", times)
		}
	}
	for subject, at := range times {
		if len(at) < cycles {
			t.Errorf("%s came %d times", subject, len(at))
		}
		each := at[len(at)-1].Sub(at[0]) / time.Duration(len(at)-1)
		if each < pause*9/10 || each > pause*3 { // a busy machine is late, never early
			t.Errorf("%s came every %s, want %s", subject, each, pause)
		}
	}
	if len(times) != 4 {
		t.Errorf("subjects: %v", times)
	}
}

// ages is how many envelopes the streamer has measured from updated_at to event.
func (r *running) ages(t *testing.T) uint64 {
	t.Helper()
	n, _ := r.histogram(t, "profiles_envelope_to_event_seconds")
	return n
}

// histogram returns how many times a histogram has, and their sum in seconds.
func (r *running) histogram(t *testing.T, name string) (n uint64, sum float64) {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			h := f.GetMetric()[0].GetHistogram()
			return h.GetSampleCount(), h.GetSampleSum()
		}
	}
	t.Fatal("no such metric")
	return 0, 0
}

// TestAge: what was old when the streamer came to it tells nothing of how long an
// event takes.
func TestAge(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.register(generation(gen, gen, 0, 1))
	s.envelope(gen, "a", 1, 1)
	s.envelope(gen, "b", 1, 1)
	r := s.start(quiet)
	s.shows("a", gen, 1)
	s.shows("b", gen, 1)
	s.envelope(gen, "a", 2, 1)
	s.shows("a", gen, 2)
	s.until("its age", func() bool { return r.ages(t) > 0 })
	if n := r.ages(t); n != 1 {
		t.Errorf("%d ages, want that of the envelope that came since", n)
	}
	const latency = "profiles_accepted_to_event_seconds"
	if n, _ := r.histogram(t, latency); n != 0 {
		t.Errorf("%d times from acceptance, and no envelope says when its episodes were accepted", n)
	}
	s.envelopeOf(gen, "a", 3, 1, time.Now().Add(-20*time.Second))
	s.until("the time since its acceptance", func() bool { n, _ := r.histogram(t, latency); return n > 0 })
	if n, sum := r.histogram(t, latency); n != 1 || sum < 20 {
		t.Errorf("%d times, %g s in all", n, sum)
	}
}

// TestNothingToShow: of a profile without an envelope the last event is read once.
func TestNothingToShow(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.register(generation(gen, gen, 0, 1))
	nc := s.srv.JetStream().Conn()
	gets, err := nc.SubscribeSync("$JS.API.DIRECT.GET." + bus.DashboardStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	s.start(quiet)
	for i := range 5 {
		s.envelope(gen, "a", float64(i+1), 1)
		s.shows("a", gen, float64(i+1))
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	reads := 0
	for waiting, _, _ := gets.Pending(); waiting > 0; waiting-- {
		get, err := gets.NextMsgWithContext(bustest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(get.Data), "dashboard.attack_profile.b") {
			reads++
		}
	}
	if reads != 1 {
		t.Errorf("%d reads", reads)
	}
}

// TestManyStreamersAgree: three of them store each change once, and nothing
// earlier after something later.
func TestManyStreamersAgree(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	events := s.stored()
	s.register(generation(gen, gen, 0, 1))
	for range 3 {
		r := s.start(streamer.Config{CyclePause: time.Hour})
		s.until("ready", func() bool { return r.ready() == nil })
	}
	const changes = 30
	for i := range changes {
		s.envelope(gen, "a", float64(i+1), 1)
		e := s.next(events)
		if e.Name != "a" || e.Revision != [2]uint64{1, uint64(i + 1)} {
			t.Fatalf("after change %d: %s %v", i+1, e.Name, e.Revision)
		}
	}
	for i := range changes { // as fast as they go: some may be passed over
		s.envelope(gen, "b", float64(i+1), 1)
	}
	before := uint64(0)
	for {
		e := s.next(events)
		if e.Revision[1] <= before {
			t.Fatalf("envelope %d after %d", e.Revision[1], before)
		}
		if before = e.Revision[1]; before == 2*changes {
			break
		}
	}
	s.shows("b", gen, changes)
	info, err := s.srv.JetStream().Stream(t.Context(), bus.DashboardStream)
	if err != nil || info.CachedInfo().State.LastSeq > 2*changes+1 { // one of the spec
		t.Errorf("%d changes made %d events, %v", 2*changes, info.CachedInfo().State.LastSeq, err)
	}
	if len(events) > 0 {
		t.Errorf("%d events more", len(events))
	}
}
