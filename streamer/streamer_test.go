package streamer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
	"github.com/cis490/profiles/signature"
	"github.com/cis490/profiles/streamer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const gen = fit.Generation("abcdefghij")

// A stage is a server with what streamers read from it.
type stage struct {
	*testing.T
	srv *bustest.Server
	bus *bus.Bus
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
	ctx, js := bustest.Context(s.T), s.srv.JetStream()
	ack, err := js.Publish(ctx, "$KV."+bus.CurvesBucket+".x.y.z", nil)
	if err != nil {
		s.Fatal(err)
	}
	v := []float64{0, 0, 0, x / 3, x}
	env := fit.Envelope{Median: v, P25: v, P75: v, Max: x, Used: used, Attempted: used + 1, Target: 4, Complete: used == 4,
		Digest: fit.Digest(fmt.Sprintf("%016x", uint64(x*1000)+uint64(used)))}
	asOf := bus.AsOf{Life: s.life("KV_" + bus.CurvesBucket), Seq: ack.Sequence}
	if wrote, err := s.bus.WriteEnvelope(ctx, g, p, env, asOf, time.Now()); err != nil || !wrote {
		s.Fatalf("write an envelope: %t, %v", wrote, err)
	}
}

func (s *stage) life(stream string) bus.Life {
	s.Helper()
	info, err := s.srv.JetStream().Stream(bustest.Context(s.T), stream)
	if err != nil {
		s.Fatal(err)
	}
	return bus.Life(info.CachedInfo().Created.UTC().Format(time.RFC3339Nano))
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
	st, err := streamer.New(cfg, streamer.Deps{Bus: b, Log: bustest.Log(s.T), Registry: r.registry})
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
func (s *stage) last(p fit.ProfileName) bus.AttackProfile {
	s.Helper()
	e, _ := s.bus.Dashboard().LastAttackProfile(bustest.Context(s.T), p) // there may be no stream at the moment
	return e
}

// shows waits until a profile's last event is of a generation and ends at x.
func (s *stage) shows(p fit.ProfileName, g fit.Generation, x float64) bus.AttackProfile {
	s.Helper()
	var e bus.AttackProfile
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

func (s *stage) next(events <-chan *nats.Msg) bus.AttackProfile {
	s.Helper()
	select {
	case msg := <-events:
		var e bus.AttackProfile
		if err := json.Unmarshal(msg.Data, &e); err != nil {
			s.Fatal(err)
		}
		return e
	case <-bustest.Context(s.T).Done():
		s.Fatal("no event came")
	}
	panic("unreachable")
}

// TestEventIsTheEnvelope, published at once when it changes.
func TestEventIsTheEnvelope(t *testing.T) {
	s := newStage(t)
	events := s.stored()
	g := generation(gen, gen, 2, 7)
	s.register(g)
	r := s.start(streamer.Config{CyclePause: time.Hour, CheckEvery: time.Hour})
	s.until("ready", func() bool { return r.ready() == nil })
	for i, x := range []float64{3, 5} {
		began := time.Now()
		s.envelope(gen, "b", x, 1)
		e := s.next(events)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the event took %s", took)
		}
		env, ok, err := s.bus.ReadEnvelope(bustest.Context(t), gen, "b")
		if err != nil || !ok {
			t.Fatal(err)
		}
		env.Life = s.life("KV_" + bus.EnvelopesBucket)
		specs, err := s.bus.SpecsNow(bustest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		placed, _ := specs.Get(gen)
		want, err := bus.NewAttackProfile(placed, env)
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
	if e := s.next(events); e.Name != "a" {
		t.Errorf("a change of nothing was published: %+v", e)
	}
}

// TestCycle: nothing changes, yet each event comes again once it is CyclePause
// old, and not before; the figures of the models ride along.
func TestCycle(t *testing.T) {
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
		if each < pause*9/10 || each > pause*3/2 {
			t.Errorf("%s came every %s, want %s", subject, each, pause)
		}
	}
	if len(times) != 3 {
		t.Errorf("subjects: %v", times)
	}
}

// ages is how many envelopes the streamer has measured from updated_at to event.
func (r *running) ages(t *testing.T) uint64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "profiles_envelope_to_event_seconds" {
			return f.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	t.Fatal("no such metric")
	return 0
}

// TestAge: what was old when the streamer came to it tells nothing of how long an
// event takes.
func TestAge(t *testing.T) {
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
}

// TestNothingToShow: of a profile without an envelope the last event is read once.
func TestNothingToShow(t *testing.T) {
	s := newStage(t)
	s.register(generation(gen, gen, 0, 1))
	nc := s.srv.JetStream().Conn()
	gets, err := nc.SubscribeSync("$JS.API.DIRECT.GET." + bus.DashboardStream + ".dashboard.attack_profile.b")
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
	if n, _, err := gets.Pending(); err != nil || n != 1 {
		t.Errorf("%d reads, %v", n, err)
	}
}

// TestManyStreamersAgree: three of them store each change once, and nothing
// earlier after something later.
func TestManyStreamersAgree(t *testing.T) {
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
	if err != nil || info.CachedInfo().State.LastSeq > 2*changes {
		t.Errorf("%d changes made %d events, %v", 2*changes, info.CachedInfo().State.LastSeq, err)
	}
	if len(events) > 0 {
		t.Errorf("%d events more", len(events))
	}
}

// TestSignatureIsShown beside the envelope, and only once it is whole.
func TestSignatureIsShown(t *testing.T) {
	s := newStage(t)
	g := generation(gen, gen, 1, 7)
	s.register(g)
	s.start(streamer.Config{CyclePause: time.Hour, CheckEvery: time.Hour})
	s.envelope(gen, "a", 3, 2)
	s.shows("a", gen, 3)

	ctx := bustest.Context(t)
	last := func() (event bus.AttackSignature, ok bool) {
		t.Helper()
		data, ok, err := s.bus.Dashboard().Last(ctx, bus.EventSubject(bus.TypeAttackSignature, "a"))
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			if err := json.Unmarshal(data, &event); err != nil {
				t.Fatal(err)
			}
		}
		return event, ok
	}
	if _, ok := last(); ok {
		t.Fatal("there is one before there is any signature")
	}
	member := signature.Member{Host: "h", Episode: "e", Curve: fit.Curve{1, 2, 3, 4, 5}, Seconds: fit.Seconds{10, 2, 3, 25, 5}}
	for range g.Spec.Signature.Channels {
		member.Signature = append(member.Signature, []float32{1, 2, 3, 4, 5})
	}
	write := func(digest fit.Digest, seq uint64) {
		t.Helper()
		from := bus.Sampled{Digest: digest, Accepted: 1, AsOf: bus.AsOf{Life: s.life("KV_" + bus.CurvesBucket), Seq: seq}}
		if _, err := s.bus.WriteSignature(ctx, gen, "a", signature.Of(&g.Spec, []signature.Member{member}), from, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	write("1111", 1)
	s.until("a signature to be shown", func() bool { _, ok := last(); return ok })
	e, _ := last()
	if e.Type != "attack_signature" || e.Name != "a" || e.Used != 1 || len(e.Channels) != 7 || e.Channels[6].Median[4] != 5 || e.Channels[0].Phases[3].Total != 100 ||
		e.Revision != [2]uint64{7, 1} || e.Epoch != 1 || e.Digest != "1111" || e.Generation != gen || len(e.Phases) != 5 || len(e.Drift) != 1 || e.N[0] != 1 {
		t.Errorf("event %+v", e)
	}
	member.Signature[6][4] = 6
	write("2222", 1)
	s.until("the next one", func() bool { e, _ := last(); return e.Digest == "2222" && e.Channels[6].Median[4] == 6 })

	at := func() uint64 {
		t.Helper()
		stream, err := s.srv.JetStream().Stream(ctx, bus.DashboardStream)
		if err != nil {
			t.Fatal(err)
		}
		msg, err := stream.GetLastMsgForSubject(ctx, bus.EventSubject(bus.TypeAttackSignature, "a"))
		if err != nil {
			t.Fatal(err)
		}
		return msg.Sequence
	}
	before := at()
	s.start(streamer.Config{CyclePause: 50 * time.Millisecond})
	s.until("it comes again", func() bool { return at() > before })
	// The same sample as of a later put is no change, but has a later place, and so
	// has that of a spec with a new revision.
	write("2222", 2)
	s.until("its place", func() bool { e, _ := last(); return e.Revision == [2]uint64{7, 2} })
	s.register(generation(gen, gen, 1, 8))
	s.until("its new revision", func() bool { e, _ := last(); return e.Revision == [2]uint64{8, 2} })
	if e, _ := last(); e.Digest != "2222" || e.Channels[6].Median[4] != 6 {
		t.Errorf("event %+v", e)
	}
}

// TestMeasuredModels: what a worker measured is published as it changes, with the
// suspects; a figure given by hand goes over that of the same name.
func TestMeasuredModels(t *testing.T) {
	s := newStage(t)
	g := generation(gen, "base", 0, 1)
	s.register(g)
	accuracy := 0.5
	s.start(streamer.Config{CyclePause: 100 * time.Millisecond, Models: streamer.Models{Name: model.NameKNN, Metric: &accuracy}})
	write := func(accuracy float64, suspects ...bus.Suspect) {
		t.Helper()
		ctx := bustest.Context(t)
		ack, err := s.srv.JetStream().Publish(ctx, "$KV."+bus.CurvesBucket+".x.y.z", nil)
		if err != nil {
			t.Fatal(err)
		}
		score := func(method string) model.Score {
			return model.Score{Method: method, Episodes: 42, Accuracy: accuracy, Low: 0.5, High: 1, Baseline: 0.25, Latency: model.Latency{N: 42, P50: 30}}
		}
		wrote, err := s.bus.WriteScores(ctx, gen, bus.Scores{
			Models: []model.Score{score(model.NameNearestEnvelope), score(model.NameKNN)}, Suspects: suspects,
			Digest: fit.Digest(fmt.Sprint(accuracy)), AsOf: bus.AsOf{Life: s.life("KV_" + bus.CurvesBucket), Seq: ack.Sequence},
		})
		if err != nil || !wrote {
			t.Fatalf("write scores: %t, %v", wrote, err)
		}
	}
	shows := func(kind, name, want string) {
		t.Helper()
		ctx := bustest.Context(t)
		seen := make(chan struct{})
		var once sync.Once
		following, stop := context.WithCancel(ctx)
		defer stop()
		var last atomic.Value
		go func() {
			_ = s.bus.Events(following, bus.EventSubject(kind, name), true, func(_ string, data []byte, _ uint64) {
				if last.Store(string(data)); string(data) == want {
					once.Do(func() { close(seen) })
				}
			})
		}()
		select {
		case <-seen:
		case <-ctx.Done():
			t.Fatalf("%s %s: %v, want %s", kind, name, last.Load(), want)
		}
	}
	write(0.9, bus.Suspect{Host: "h", Episode: "e", Profile: "a", Said: "b"})
	shows(bus.TypeModelMetric, "nearest-envelope", `{"type":"model_metric","model":"nearest-envelope","metric":0.9,"episodes":42,"low":0.5,"high":1,"baseline":0.25}`)
	shows(bus.TypeModelPerf, "nearest-envelope", `{"type":"model_perf","model":"nearest-envelope","latency_us":30,"accuracy":0.9}`)
	shows(bus.TypeModelMetric, "knn", `{"type":"model_metric","model":"knn","metric":0.5}`)
	shows(bus.TypeModelPerf, "knn", `{"type":"model_perf","model":"knn","latency_us":30,"accuracy":0.9}`)
	shows(bus.TypeSuspects, "a", `{"type":"suspects","name":"a","episodes":[{"host_id":"h","episode_id":"e","profile":"a","looks_like":"b"}],"n":1}`)
	shows(bus.TypeSuspects, "b", `{"type":"suspects","name":"b","episodes":[],"n":0}`)
	write(0.95)
	shows(bus.TypeModelMetric, "nearest-envelope", `{"type":"model_metric","model":"nearest-envelope","metric":0.95,"episodes":42,"low":0.5,"high":1,"baseline":0.25}`)
	shows(bus.TypeSuspects, "a", `{"type":"suspects","name":"a","episodes":[],"n":0}`)
}
