package worker_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/settings"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/emit"
	"github.com/cis490/profiles/command/status"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
)

// archivesInNATS returns a store in NATS with the archives of some episodes.
func archivesInNATS(t *testing.T, b *bus.Bus, episodes []bus.Notice) store.Uploader {
	t.Helper()
	s, err := store.Open("nats://episodes", store.Config{}, b)
	if err != nil {
		t.Fatal(err)
	}
	ctx := bustest.Context(t)
	if err := s.Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	from, err := openRecorded()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range episodes {
		ref := episode.Ref{Host: episode.Host(n.Host), ID: episode.ID(n.Episode)}
		archive, err := from.Open(ctx, ref)
		if errors.Is(err, episode.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		_ = archive.Close()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(ctx, ref, ".tar.zst", bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestSettingsOfArchives is TestStreamSettingsChange for the bucket of archives. Its size and age are the operator's choice.
func TestSettingsOfArchives(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), nil)
	f.checkEvery = 300 * time.Millisecond
	all := rows(t)[:8]
	f.store = archivesInNATS(t, f.bus, all)
	s := &stage{fleet: f, js: f.srv.JetStream(), worker: f.start(), accepted: all[:6:6], left: all[6:]}
	for _, n := range s.accepted {
		f.send(n)
	}
	f.becomes(s.accepted)
	if wrong, _ := s.wrong(); len(wrong) > 0 {
		t.Errorf("of a bucket that Ensure made: %s", wrong)
	}
	const name = "OBJ_episodes"
	for setting, change := range streamChanges {
		switch setting {
		case "max bytes", "max age":
			continue
		case "TTL of delete markers": // NATS cannot take message TTLs back
			continue
		}
		s.changeStream(name, setting, change)
	}
	cfg := s.stream(name)
	cfg.MaxAge = 24 * time.Hour
	if _, err := s.js.UpdateStream(bustest.Context(t), cfg); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return s.named("", "max age", name) })
	if wrong, settled := s.wrong(); !settled || len(wrong) != 1 || !strings.Contains(wrong[0].String(),
		"bucket episodes of archives: max age is 1 day and must be unlimited: archives are deleted at that age") {
		t.Errorf("settled: %t, %s", settled, wrong)
	}
	if now := s.stream(name).MaxAge; now != cfg.MaxAge {
		t.Errorf("the age that the operator chose became %s", now)
	}
}

// TestMirrorBeforehand: a stream that was made beforehand as the mirror of another one becomes one of its own.
func TestMirrorBeforehand(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	s := &stage{fleet: f, js: f.srv.JetStream()}
	ctx := bustest.Context(t)
	if err := s.js.DeleteStream(ctx, bus.EpisodesStream); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []jetstream.StreamConfig{{Name: "OTHER", Subjects: []string{"other"}},
		{Name: bus.EpisodesStream, Mirror: &jetstream.StreamSource{Name: "OTHER"}, MirrorDirect: true}} {
		if _, err := s.js.CreateStream(ctx, cfg); err != nil {
			t.Fatal(err)
		}
	}
	if wrong, settled := s.wrong(); settled || !slices.ContainsFunc(wrong, func(w settings.Wrong) bool {
		return w.What() == "mirror is OTHER and must be none: the stream has the messages of another one and takes no others"
	}) {
		t.Errorf("settled: %t, %s", settled, wrong)
	}
	s.worker = f.start()
	f.send(rows(t)[0])
	f.becomes(rows(t)[:1])
	if cfg := s.stream(bus.EpisodesStream); cfg.Mirror != nil || cfg.MirrorDirect {
		t.Errorf("%+v", cfg)
	}
}

// TestFewerReplicas: somebody lowers the replicas of the log. It is shown, and the work goes on.
func TestFewerReplicas(t *testing.T) {
	t.Parallel()
	c := bustest.StartCluster(t)
	nc := c.Topology()
	ctx, js := bustest.Context(t), c.JetStream()
	stream, err := js.Stream(ctx, bus.EpisodesStream)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.Replicas = 1
	if _, err := js.UpdateStream(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	var wrong []settings.Wrong
	until(t, func() bool {
		wrong = nc.KeepTopology(ctx).Wrong
		return len(wrong) > 0
	})
	const want = "stream EPISODES: replicas is 1 and must be NATS_REPLICAS or more: 3: the loss of one disk may lose the stream; " +
		"run `nats stream edit EPISODES --replicas N`, or set NATS_REPLICAS to the number that you want"
	if len(wrong) != 1 || wrong[0].String() != want || wrong[0].Level != settings.Told {
		t.Errorf("%s", wrong)
	}
	if _, err := nc.Publish(ctx, rows(t)[0]); err != nil {
		t.Error(err)
	}
}

// TestLogCreatedAgain: somebody removes the log, and the worker makes an empty one. It is named until the log was filled again.
func TestLogCreatedAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := bustest.Context(t)
	if err := s.js.DeleteStream(ctx, bus.EpisodesStream); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return s.named("", "messages", bus.EpisodesStream) })
	const want = "stream EPISODES: messages is all lost (the log was created again) and must be complete: episodes that were not accepted again do not count; " +
		"run `profiles emit --validation FILE` with the whole file"
	if wrong, settled := s.wrong(); settled || len(wrong) != 1 || wrong[0].String() != want {
		t.Errorf("settled: %t, %s", settled, wrong)
	}
	s.send(s.accepted[0]) // as a receiver does; the others are still lacking
	if wrong, _ := s.wrong(); len(wrong) != 1 || wrong[0].String() != want {
		t.Errorf("with one message: %s", wrong)
	}
	e := &emit.Emitter{Bus: s.bus, Rows: dataset.OpenValidation(filepath.Join(recorded, "validation.parquet"), fit.DefaultValidation()), Columns: fit.DefaultValidation()}
	if _, err := e.Reconcile(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := status.Wait(ctx, s.bus, nil); err != nil {
		t.Fatal(err)
	}
	s.equal(rows(t))
	until(t, func() bool { return !s.named("", "messages", bus.EpisodesStream) })
}

// TestCurvesLoseEntries: bucket curves loses its entries by a setting that another program mends. The worker notices it at its
// next check, not only when it renews its views after minutes.
func TestCurvesLoseEntries(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	gen := s.settled()
	const name = "KV_" + bus.CurvesBucket
	before := s.stream(name)
	cfg := before
	cfg.Retention = jetstream.InterestPolicy
	for _, cfg := range []jetstream.StreamConfig{cfg, before} {
		if _, err := s.js.UpdateStream(bustest.Context(t), cfg); err != nil {
			t.Fatal(err)
		}
	}
	until(t, func() bool { return s.worker.log.count("bucket curves has fewer messages than before") > 0 })
	if _, settled := s.wrong(); settled {
		t.Error("settled without the entries")
	}
	until(t, func() bool { now, ok := s.wanted(bustest.Context(t)); return ok && now.Epoch > gen.Epoch })
	s.becomes(s.accepted)
}
