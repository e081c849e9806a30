package streamer_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/streamer"
)

var quiet = streamer.Config{CyclePause: time.Hour}

// TestRestartOfStreamer: the last event stays, one of the same sample is not sent
// again, and what changed meanwhile is.
func TestRestartOfStreamer(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	events := s.stored()
	s.register(generation(gen, gen, 0, 1))
	s.envelope(gen, "a", 1, 1)
	first := s.start(quiet)
	s.next(events)
	first.stop()
	if err := first.ready(); err == nil {
		t.Error("ready though it has ended")
	}
	s.envelope(gen, "b", 2, 1)
	s.start(quiet)
	if e := s.next(events); e.Name != "b" {
		t.Errorf("sent again: %s", e.Name)
	}
	s.shows("a", gen, 1)
}

func TestRestartOfNATS(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.register(generation(gen, gen, 0, 1))
	r := s.start(quiet)
	s.envelope(gen, "a", 1, 1)
	s.shows("a", gen, 1)
	s.srv.Restart()
	began := time.Now()
	s.until("connected again", s.bus.Connected)
	s.envelope(gen, "a", 2, 1)
	s.shows("a", gen, 2)
	if took := time.Since(began); took > 16*time.Second {
		t.Errorf("it took %s", took) // the client alone notices after 20 s that its watch has gone
	}
	s.until("ready", func() bool { return r.ready() == nil })
}

// TestLossOfNATS: everything is gone; what is written then is shown.
func TestLossOfNATS(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.register(generation(gen, gen, 0, 9))
	s.start(quiet)
	for x := range 5 {
		s.envelope(gen, "a", float64(x+1), 1)
	}
	s.shows("a", gen, 5)
	s.srv.Wipe()
	if err := s.bus.EnsureTopology(bustest.Context(t)); err != nil {
		t.Fatal(err)
	}
	s.register(generation(gen, gen, 0, 1)) // lower than before in every way
	s.envelope(gen, "a", 7, 1)
	s.shows("a", gen, 7)
}

// TestLossOfAStream: one is deleted under the streamer, and made again.
func TestLossOfAStream(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{bus.DashboardStream, "KV_" + bus.EnvelopesBucket, "KV_" + bus.SpecsBucket} {
		t.Run(stream, func(t *testing.T) {
			s := newStage(t)
			s.register(generation(gen, gen, 0, 1))
			s.start(streamer.Config{CyclePause: 300 * time.Millisecond})
			for x := range 3 {
				s.envelope(gen, "a", float64(x+1), 1)
			}
			s.shows("a", gen, 3)
			if err := s.srv.JetStream().DeleteStream(t.Context(), stream); err != nil {
				t.Fatal(err)
			}
			if err := s.bus.EnsureTopology(bustest.Context(t)); err != nil {
				t.Fatal(err)
			}
			if stream == bus.DashboardStream {
				s.shows("a", gen, 3) // of itself
			}
			s.register(generation(gen, gen, 0, 1))
			s.envelope(gen, "a", 8, 1)
			s.shows("a", gen, 8)
		})
	}
}

// TestTopologyExpected: a stream that the streamer needs not, and that nobody makes
// again, holds no event back.
func TestTopologyExpected(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.register(generation(gen, gen, 0, 1))
	s.startOn(s.srv.Expect(), streamer.Config{CyclePause: time.Hour, CheckEvery: 10 * time.Millisecond})
	s.envelope(gen, "a", 1, 1)
	s.shows("a", gen, 1)
	s.srv.LoseStream(bus.SuspectsStream)
	began := time.Now()
	s.envelope(gen, "a", 2, 1)
	s.shows("a", gen, 2)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestSignaturesCannotBeRead: where the bucket of signatures does not answer,
// envelopes are shown all the same.
func TestSignaturesCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.register(generation(gen, gen, 0, 1))
	s.startOn(s.srv.Expect(), streamer.Config{CyclePause: time.Hour, CheckEvery: time.Hour})
	js, ctx := s.srv.JetStream(), bustest.Context(t)
	kv, err := js.KeyValue(ctx, bus.SignaturesBucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(ctx, string(gen)+".a.head", []byte(`{"digest":"1111"}`)); err != nil {
		t.Fatal(err)
	}
	s.envelope(gen, "a", 1, 1)
	s.shows("a", gen, 1)
	if err := js.DeleteStream(ctx, "KV_"+bus.SignaturesBucket); err != nil {
		t.Fatal(err)
	}
	s.register(generation(gen, gen, 0, 2)) // its events are to be made anew
	for x := 2.; x < 5; x++ {
		s.envelope(gen, "a", x, 1)
		s.shows("a", gen, x)
	}
}

// TestPoisonedEnvelope: what somebody else wrote into the bucket does not keep
// the other profiles from being shown.
func TestPoisonedEnvelope(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.register(generation(gen, gen, 0, 1))
	kv, err := s.srv.JetStream().KeyValue(t.Context(), bus.EnvelopesBucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"{}", `{"median": [1, 2], "p25": [1, 2], "p75": [1, 2]}`, "garbage"} {
		if _, err := kv.Put(t.Context(), string(gen)+".a", []byte(value)); err != nil {
			t.Fatal(err)
		}
		s.start(quiet)
		s.envelope(gen, "b", float64(len(value)), 1)
		s.shows("b", gen, float64(len(value)))
		if e := s.last("a"); e.Type != "" {
			t.Errorf("%s was shown: %+v", value, e)
		}
	}
	if said := s.srv.Said.Lines(`level=WARN msg="ignore an entry in bucket envelopes" key=` + string(gen) + ".a"); len(said) < 3 {
		t.Errorf("the log has %q", said)
	}
}

// TestPythonEvent: the last event is of the Python program, which knows no order.
func TestPythonEvent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	subject := events.Subject(events.TypeAttackProfile, "a")
	if _, err := s.srv.JetStream().Publish(t.Context(), subject, []byte(`{"type": "attack_profile", "name": "a", "curve": [1]}`)); err != nil {
		t.Fatal(err)
	}
	s.register(generation(gen, gen, 0, 0))
	s.envelope(gen, "a", 1, 1)
	s.start(quiet)
	s.shows("a", gen, 1)
}

const (
	older = fit.Generation("oldoldoldo")
	newer = fit.Generation("newnewnewn")
)

// switching is a stage where older is shown and newer has been registered, with
// consumers that have an episode pending.
func switching(t *testing.T, second bus.Generation) (*stage, *running) {
	t.Helper()
	s := newStage(t)
	s.register(generation(older, older, 0, 1))
	s.envelope(older, "a", 1, 2)
	first := s.start(quiet)
	s.shows("a", older, 1)
	if _, err := s.bus.Publish(bustest.Context(t), bus.Notice{Host: "h", Episode: "e", Profile: "a", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := s.bus.EnsureConsumers(bustest.Context(t), second, time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	s.register(second)
	s.envelope(second.ID, "a", 10, 1)
	// The old one is still followed, though the new one has an envelope.
	for _, x := range []float64{2, 3} {
		s.envelope(older, "a", x, 2)
		s.shows("a", older, x)
	}
	return s, first
}

// ackAll does the workers' part for a generation: nothing stays pending.
func (s *stage) ackAll(g fit.Generation) {
	s.Helper()
	ctx := bustest.Context(s.T)
	cons, err := s.srv.JetStream().Consumer(ctx, bus.EpisodesStream, bus.AlignConsumer(g))
	if err != nil {
		s.Fatal(err)
	}
	msg, err := cons.Next(jetstream.FetchMaxWait(10 * time.Second))
	if err != nil {
		s.Fatal(err)
	}
	if err := msg.DoubleAck(ctx); err != nil {
		s.Fatal(err)
	}
}

func TestNewGenerationCatchesUp(t *testing.T) {
	t.Parallel()
	s, first := switching(t, generation(newer, newer, 0, 2))
	s.ackAll(newer)
	e := s.shows("a", newer, 10)
	if e.Revision[0] != 2 || e.Complete {
		t.Errorf("%+v", e)
	}
	// It was there long before, so it tells nothing of how long an event takes.
	s.envelope(newer, "a", 10.5, 1)
	s.shows("a", newer, 10.5)
	s.until("the age of the last", func() bool { return first.ages(t) > 2 })
	if n := first.ages(t); n != 3 {
		t.Errorf("%d ages, want those of two of the old generation and one of the new", n)
	}
	// From then on the old one is passed over, also by one that starts anew.
	s.start(quiet)
	s.envelope(older, "a", 4, 2)
	s.envelope(newer, "a", 11, 1)
	s.shows("a", newer, 11)
}

// TestNewGenerationUnseen: a generation has caught up and the streamer's view, whose
// watch has stopped, has not. Its first envelope, of fewer episodes than what is shown,
// must not be shown.
func TestNewGenerationUnseen(t *testing.T) {
	t.Parallel()
	s, _ := switching(t, generation(newer, newer, 0, 2))
	events := s.stored()
	s.stopWatches(bus.EnvelopesBucket)
	s.envelope(newer, "a", 20, 3)
	s.ackAll(newer)
	if e := s.next(events); e.Generation != newer || e.MedianRaw[4] != 20 {
		t.Errorf("%s is shown first, with %v", e.Generation, e.MedianRaw)
	}
}

// stopWatches lets all watches of a bucket stand still for good.
func (s *stage) stopWatches(bucket string) {
	s.Helper()
	ctx := bustest.Context(s.T)
	stream, err := s.srv.JetStream().Stream(ctx, "KV_"+bucket)
	if err != nil {
		s.Fatal(err)
	}
	stopped, list := 0, stream.ConsumerNames(ctx)
	for name := range list.Name() {
		if _, err := stream.PauseConsumer(ctx, name, time.Now().Add(time.Hour)); err != nil {
			s.Fatal(err)
		}
		stopped++
	}
	if list.Err() != nil || stopped == 0 {
		s.Fatalf("%d watches of %s: %v", stopped, bucket, list.Err())
	}
}

func TestNewGenerationIsComplete(t *testing.T) {
	t.Parallel()
	s, _ := switching(t, generation(newer, newer, 0, 2))
	s.envelope(newer, "a", 12, 4) // its consumers still have something pending
	if e := s.shows("a", newer, 12); !e.Complete {
		t.Errorf("%+v", e)
	}
}

// TestNewEpoch: a re-read of the log is shown like any other generation.
func TestNewEpoch(t *testing.T) {
	t.Parallel()
	s, _ := switching(t, generation(newer, older, 1, 1))
	s.ackAll(newer)
	if e := s.shows("a", newer, 10); e.Epoch != 1 || e.Revision[0] != 1 {
		t.Errorf("%+v", e)
	}
}

// TestRestartWhileSwitching: the last event tells which generation is shown.
func TestRestartWhileSwitching(t *testing.T) {
	t.Parallel()
	s, first := switching(t, generation(newer, newer, 0, 2))
	events := s.stored()
	first.stop()
	s.start(quiet)
	s.envelope(older, "a", 5, 2)
	if e := s.next(events); e.Generation != older {
		t.Errorf("%s is shown before it has caught up", e.Generation)
	}
}

// TestOldGenerationIsGone: what nothing can renew does not stay.
func TestOldGenerationIsGone(t *testing.T) {
	t.Parallel()
	s, _ := switching(t, generation(newer, newer, 0, 2))
	kv, err := s.srv.JetStream().KeyValue(t.Context(), bus.EnvelopesBucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), string(older)+".a"); err != nil {
		t.Fatal(err)
	}
	s.shows("a", newer, 10)
}
