package worker_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/signatures"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/model"
)

// scores waits until a worker has measured the models on a number of episodes and found a
// number of suspects.
func (f *fleet) scores(episodes, suspects int) signatures.Scores {
	f.t.Helper()
	ctx := bustest.Context(f.t)
	view, err := signatures.OpenVersions(ctx, f.bus)
	if err != nil {
		f.t.Fatal(err)
	}
	following, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = view.Run(following) }()
	defer func() { stop(); <-ended }()
	for {
		moved := view.Changed()
		if gen, known := f.wanted(ctx); known {
			s, ok, err := signatures.ReadScores(ctx, f.bus, gen.ID)
			if err != nil {
				f.t.Fatal(err)
			}
			if ok && len(s.Models) == 2 && s.Models[0].Episodes == episodes && len(s.Suspects) == suspects && view.Scores(gen.ID).Digest == s.Digest {
				return s
			}
		}
		select {
		case <-moved:
		case <-time.After(time.Second): // then look whether the generation is known
		case <-ctx.Done():
			f.t.Fatal("no worker gets there")
		}
	}
}

// TestModelsAreMeasured: workers measure the models of the samples. An episode that was
// accepted for a wrong profile is a suspect, in the scores and in SUSPECTS, until it is
// retracted.
func TestModelsAreMeasured(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	workers := []*running{f.start(), f.start()}
	accepted := rows(t)
	wrong := accepted[slices.IndexFunc(accepted, func(n bus.Notice) bool { return n.Episode == ioWalk })]
	right := slices.DeleteFunc(slices.Clone(accepted), func(n bus.Notice) bool { return n.Episode == wrong.Episode })
	for _, n := range right {
		f.send(n)
	}
	for _, s := range f.scores(41, 0).Models {
		if s.Accuracy < 0.97 || s.Latency.N != 41 || s.Latency.P50 <= 0 {
			t.Errorf("%s: accuracy %v, latency %+v", s.Method, s.Accuracy, s.Latency)
		}
	}

	wrong.Profile = "bursty-c2"
	f.send(wrong)
	want := bus.Suspect{Host: wrong.Host, Episode: wrong.Episode, Profile: "bursty-c2", Said: "io-walk"}
	if got := f.scores(42, 1); got.Suspects[0] != want || got.Models[0].Method != model.NameLDA {
		t.Errorf("suspects %+v", got.Suspects)
	}
	ctx := bustest.Context(t)
	stream, err := f.srv.JetStream().Stream(ctx, bus.SuspectsStream)
	if err != nil {
		t.Fatal(err)
	}
	cons, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := cons.Next(jetstream.FetchContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	var told bus.Suspect
	if err := json.Unmarshal(msg.Data(), &told); err != nil || told != want || msg.Subject() != "episode.suspect.bursty-c2" {
		t.Errorf("%s: %s, %v", msg.Subject(), msg.Data(), err)
	}

	suspects := func(n float64) {
		for _, w := range workers { // one measured, the other read the scores
			until(t, func() bool { return w.gauges(t, "profiles_sample_suspects")["bursty-c2 "] == n })
			measured, current := w.gauges(t, "profiles_models_measured_timestamp_seconds")[""], w.gauges(t, "profiles_models_current_timestamp_seconds")[""]
			if now := float64(time.Now().Unix() + 1); measured < now-3600 || measured > now || current < now-3600 || current > now {
				t.Errorf("measured at %f, current at %f", measured, current)
			}
		}
	}
	suspects(1)
	if n := workers[0].count(t, "profiles_suspects_total", "profile=bursty-c2") + workers[1].count(t, "profiles_suspects_total", "profile=bursty-c2"); n < 1 {
		t.Error("no worker has counted the suspect")
	}
	const said = `level=WARN msg="an accepted episode looks like another profile"`
	if workers[0].log.count(said)+workers[1].log.count(said) == 0 {
		t.Error("no worker has logged the suspect")
	}

	wrong.Retracted = true
	f.send(wrong)
	scores := f.scores(41, 0)
	suspects(0)

	// A worker of an earlier release has written scores of the same samples: they are measured again.
	scores.Layout, scores.Models = 0, scores.Models[:1]
	gen, _ := f.wanted(ctx)
	if written, err := signatures.WriteScores(ctx, f.bus, gen.ID, scores); err != nil || !written {
		t.Fatalf("%t, %v", written, err)
	}
	f.start()
	if again := f.scores(41, 0); again.Layout != model.LayoutVersion || again.Digest != scores.Digest {
		t.Errorf("layout %d of samples %s, want %d of %s", again.Layout, again.Digest, model.LayoutVersion, scores.Digest)
	}
}

// ioWalk is a recorded episode of io-walk that is close to many others.
const ioWalk = "ep-7dd013ba6bb3"
