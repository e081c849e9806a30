package worker_test

import (
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
	"github.com/cis490/profiles/fit"
)

// streamChanges change each setting of a stream that NATS lets anybody change while the stream exists.
var streamChanges = map[string]func(*jetstream.StreamConfig){
	"max messages":             func(c *jetstream.StreamConfig) { c.MaxMsgs = 100_000 },
	"max age":                  func(c *jetstream.StreamConfig) { c.MaxAge = 24 * time.Hour },
	"max messages per subject": func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1000 },
	"max message size":         func(c *jetstream.StreamConfig) { c.MaxMsgSize = 100_000 },
	"discard":                  func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld },
	"discard new per subject":  func(c *jetstream.StreamConfig) { c.DiscardNewPerSubject, c.MaxMsgsPerSubject = true, 1000 },
	"subjects":                 func(c *jetstream.StreamConfig) { c.Subjects = []string{"elsewhere"} },
	"sources":                  func(c *jetstream.StreamConfig) { c.Sources = []*jetstream.StreamSource{{Name: "OTHER"}} },
	"no acknowledgements":      func(c *jetstream.StreamConfig) { c.NoAck = true },
	"direct get":               func(c *jetstream.StreamConfig) { c.AllowDirect = false },
	"rollup headers":           func(c *jetstream.StreamConfig) { c.AllowRollup = !c.AllowRollup },
	"TTL of delete markers": func(c *jetstream.StreamConfig) {
		c.AllowMsgTTL, c.AllowRollup, c.SubjectDeleteMarkerTTL = true, true, time.Hour
	},
	"atomic publish":      func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = true },
	"batch publish":       func(c *jetstream.StreamConfig) { c.AllowBatchPublish = true },
	"duplicate window":    func(c *jetstream.StreamConfig) { c.Duplicates = time.Second },
	"max consumers":       func(c *jetstream.StreamConfig) { c.MaxConsumers = 10 },
	"limits of consumers": func(c *jetstream.StreamConfig) { c.ConsumerLimits.InactiveThreshold = time.Hour },
	"republish": func(c *jetstream.StreamConfig) {
		c.RePublish = &jetstream.RePublish{Source: ">", Destination: "again.>"}
	},
	"subject transform": func(c *jetstream.StreamConfig) {
		c.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "none", Destination: "other"}
	},
	"max bytes": func(c *jetstream.StreamConfig) {
		if c.MaxBytes > 0 {
			c.MaxBytes = -1
		} else {
			c.MaxBytes = 1 << 30
		}
	},
}

// otherStreamSettings are tested elsewhere: TestLogLosesMessages, TestStreamsThatCannotBeMended, TestSettingsRefused,
// TestMirrorBeforehand, TestFewerReplicas.
var otherStreamSettings = []string{"retention", "storage", "mirror", "sealed", "persist mode", "counter", "message TTL", "message schedules", "deny purge", "deny delete", "replicas"}

// consumerChanges change each setting of a consumer. Where it cannot be changed, the consumer is made again with it.
var consumerChanges = map[string]func(*jetstream.ConsumerConfig){
	"filter": func(c *jetstream.ConsumerConfig) {
		if c.FilterSubject == "" {
			c.FilterSubject = bus.SubjectAccepted
		} else {
			c.FilterSubject = strings.TrimSuffix(c.FilterSubject, ">") + "cpu-saturate.*"
		}
	},
	"headers only":       func(c *jetstream.ConsumerConfig) { c.HeadersOnly = !c.HeadersOnly },
	"deliver policy":     func(c *jetstream.ConsumerConfig) { c.DeliverPolicy = jetstream.DeliverNewPolicy },
	"ack policy":         func(c *jetstream.ConsumerConfig) { c.AckPolicy = jetstream.AckAllPolicy },
	"replay policy":      func(c *jetstream.ConsumerConfig) { c.ReplayPolicy = jetstream.ReplayOriginalPolicy },
	"max deliver":        func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 1 },
	"storage":            func(c *jetstream.ConsumerConfig) { c.MemoryStorage = true },
	"deliver subject":    func(c *jetstream.ConsumerConfig) { c.DeliverSubject, c.MaxWaiting = "pushed", 0 },
	"max waiting":        func(c *jetstream.ConsumerConfig) { c.MaxWaiting = 1 },
	"ack wait":           func(c *jetstream.ConsumerConfig) { c.AckWait = time.Hour },
	"backoff":            func(c *jetstream.ConsumerConfig) { c.BackOff = []time.Duration{time.Second, time.Hour} },
	"max ack pending":    func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 1 },
	"inactive threshold": func(c *jetstream.ConsumerConfig) { c.InactiveThreshold = time.Hour },
	"limits of a request": func(c *jetstream.ConsumerConfig) {
		c.MaxRequestBatch, c.MaxRequestExpires, c.MaxRequestMaxBytes = 1, time.Second, 10_000
	},
	"priority groups": func(c *jetstream.ConsumerConfig) {
		c.PriorityPolicy, c.PriorityGroups = jetstream.PriorityPolicyOverflow, []string{"a"}
	},
	"replicas": func(c *jetstream.ConsumerConfig) { c.Replicas = 1 },
}

// TestEverySettingIsChanged: the lists above have every setting of the table.
func TestEverySettingIsChanged(t *testing.T) {
	for _, row := range settings.StreamRows(jetstream.StreamConfig{}) {
		if streamChanges[row.Setting] == nil && !slices.Contains(otherStreamSettings, row.Setting) {
			t.Errorf("no test changes %q of a stream", row.Setting)
		}
	}
	for _, row := range settings.ConsumerRows(jetstream.ConsumerConfig{}) {
		if consumerChanges[row.Setting] == nil && row.Setting != "pause" {
			t.Errorf("no test changes %q of a consumer", row.Setting)
		}
	}
}

// A stage is a fleet with one worker at work, and the episodes that it must have.
type stage struct {
	*fleet
	worker   *running
	js       jetstream.JetStream
	accepted []bus.Notice
	left     []bus.Notice // not accepted yet, or taken back
}

func newStage(t *testing.T) *stage {
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	f.checkEvery = 300 * time.Millisecond
	s := &stage{fleet: f, js: f.srv.JetStream(), worker: f.start()}
	all := rows(t)
	s.accepted, s.left = all[:6:6], all[6:]
	for _, n := range s.accepted {
		f.send(n)
	}
	f.becomes(s.accepted)
	return s
}

// work accepts an episode and retracts another.
func (s *stage) work() {
	s.t.Helper()
	old, next := s.accepted[0], s.left[0]
	s.accepted, s.left = append(s.accepted[1:], next), append(s.left[1:], old)
	old.Retracted = true
	for _, n := range []bus.Notice{next, old} {
		n.At = time.Now()
		until(s.t, func() bool { // a sender repeats what is refused
			_, err := s.bus.Publish(bustest.Context(s.t), n)
			return err == nil
		})
	}
}

// until is until with longer pauses, for what costs the server much.
func (s *stage) until(ok func() bool) {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	until(s.t, func() bool { <-tick.C; return ok() })
}

// stream returns the present settings of a stream.
func (s *stage) stream(name string) jetstream.StreamConfig {
	s.t.Helper()
	stream, err := s.js.Stream(bustest.Context(s.t), name)
	if err != nil {
		s.t.Fatal(err)
	}
	return stream.CachedInfo().Config
}

// wrong returns what is wrong now, and whether the system is called settled all the same.
func (s *stage) wrong() (wrong []settings.Wrong, settled bool) {
	s.t.Helper()
	r, err := status.Collect(bustest.Context(s.t), s.bus)
	if err != nil {
		return nil, false // as while a stream is away
	}
	return r.Wrong, r.WaitsFor() == ""
}

// named reports whether the worker shows a setting as wrong.
func (s *stage) named(consumer, setting, stream string) bool {
	return s.worker.gauges(s.t, "profiles_setting_wrong")[consumer+" "+setting+" "+stream+" "] == 1
}

// TestSettingMendedAtStart: a setting that is wrong when a worker starts is mended and counted.
func TestSettingMendedAtStart(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
	stream, err := f.srv.JetStream().Stream(bustest.Context(t), bus.EpisodesStream)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxAge = 24 * time.Hour
	if _, err := f.srv.JetStream().UpdateStream(bustest.Context(t), cfg); err != nil {
		t.Fatal(err)
	}
	w := f.start()
	until(t, func() bool { return w.count(t, "profiles_settings_mended_total") == 1 })
}

// TestStreamSettingsChange: each setting of the log and of bucket curves is changed while episodes are accepted and
// retracted. The worker mends it, or names it if that is left to a person. Nothing is lost, and nobody calls the system
// settled meanwhile.
func TestStreamSettingsChange(t *testing.T) {
	t.Parallel()
	for _, name := range []string{bus.EpisodesStream, "KV_" + bus.CurvesBucket} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != bus.EpisodesStream {
				t.Skip("slow; the log is enough")
			}
			t.Parallel()
			s := newStage(t)
			for setting, change := range streamChanges {
				if name == bus.EpisodesStream && setting == "TTL of delete markers" {
					continue // it needs message TTLs, which NATS cannot take back: TestStreamsThatCannotBeMended
				}
				s.changeStream(name, setting, change)
			}
			s.becomes(s.accepted)
			s.equal(s.accepted)
			if n := s.worker.count(t, "profiles_settings_mended_total"); n < len(streamChanges)-3 || s.worker.log.count("mended a setting") != n {
				t.Errorf("%d settings were mended, and %d logged", n, s.worker.log.count("mended a setting"))
			}
		})
	}
}

func (s *stage) changeStream(name, setting string, change func(*jetstream.StreamConfig)) {
	s.t.Helper()
	began := time.Now()
	before := s.stream(name)
	cfg := before
	change(&cfg)
	if _, err := s.js.UpdateStream(bustest.Context(s.t), cfg); err != nil {
		s.t.Fatalf("%s: %v", setting, err)
	}
	s.work()
	s.until(func() bool {
		wrong, settled := s.wrong()
		isWrong := slices.ContainsFunc(wrong, func(w settings.Wrong) bool { return w.Stream == name })
		if settled && settings.Worst(wrong) >= settings.Unsettled {
			s.t.Errorf("%s: settled, but %s", setting, wrong)
		}
		if isWrong && s.named("", setting, name) { // left to a person
			if _, err := s.js.UpdateStream(bustest.Context(s.t), before); err != nil {
				s.t.Fatal(err)
			}
			return true
		}
		return !isWrong
	})
	s.becomes(s.accepted)
	if took := time.Since(began); took > 30*time.Second {
		s.t.Errorf("%s: it took %s", setting, took)
	}
}

// TestConsumerSettingsChange is TestStreamSettingsChange for the consumers of the generation.
func TestConsumerSettingsChange(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{bus.EpisodesStream, "KV_" + bus.CurvesBucket} {
		t.Run(stream, func(t *testing.T) {
			if testing.Short() && stream != bus.EpisodesStream {
				t.Skip("slow; the log is enough")
			}
			t.Parallel()
			s := newStage(t)
			for setting, change := range consumerChanges {
				s.changeConsumer(stream, setting, change)
			}
			s.equal(s.accepted)
			if s.worker.log.count("begin the next epoch") == 0 {
				t.Error("it was not logged that the log is read again")
			}
		})
	}
}

// consumer names the consumer of the wanted generation.
func (s *stage) consumer(stream string) string {
	s.t.Helper()
	gen, ok := s.wanted(bustest.Context(s.t))
	if !ok {
		s.t.Fatal("no generation")
	}
	if stream == bus.EpisodesStream {
		return bus.AlignConsumer(gen.ID)
	}
	return bus.ReduceConsumer(gen.ID)
}

func (s *stage) changeConsumer(stream, setting string, change func(*jetstream.ConsumerConfig)) {
	s.t.Helper()
	ctx, name := bustest.Context(s.t), s.consumer(stream)
	c, err := s.js.Consumer(ctx, stream, name)
	if err != nil {
		s.t.Fatal(err)
	}
	cfg := c.CachedInfo().Config
	change(&cfg)
	if _, err := s.js.UpdateConsumer(ctx, stream, cfg); err != nil {
		if err := s.js.DeleteConsumer(ctx, stream, name); err != nil {
			s.t.Fatal(err)
		}
		if cfg.DeliverSubject != "" {
			_, err = s.js.CreatePushConsumer(ctx, stream, cfg)
		} else {
			_, err = s.js.CreateConsumer(ctx, stream, cfg)
		}
		if err != nil {
			s.t.Logf("%s: the worker was faster: %v", setting, err)
		}
	}
	s.work()
	s.until(func() bool {
		wrong, settled := s.wrong()
		if settled && settings.Worst(wrong) >= settings.Unsettled {
			s.t.Errorf("%s: settled, but %s", setting, wrong)
		}
		return settled && len(wrong) == 0
	})
	s.becomes(s.accepted)
}

// TestPause: a paused consumer is named until somebody resumes it. The worker does not: the pause is somebody's will.
func TestPause(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx, name := bustest.Context(t), s.consumer(bus.EpisodesStream)
	if _, err := s.js.PauseConsumer(ctx, bus.EpisodesStream, name, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	s.work()
	until(t, func() bool { return s.named("align", "pause", bus.EpisodesStream) })
	if n := s.worker.log.count("a setting is wrong"); n != 1 {
		t.Errorf("the pause was logged %d times", n)
	}
	wrong, settled := s.wrong()
	if settled || len(wrong) != 1 || !strings.Contains(wrong[0].String(), "nothing is delivered; run `nats consumer resume EPISODES "+name+"`") {
		t.Errorf("settled: %t, %s", settled, wrong)
	}
	if _, err := s.js.ResumeConsumer(ctx, bus.EpisodesStream, name); err != nil {
		t.Fatal(err)
	}
	s.becomes(s.accepted)
	until(t, func() bool { return !s.named("align", "pause", bus.EpisodesStream) })
}

// TestLogLosesMessages: whatever deletes messages of the log, it is named until profiles emit has filled the log again.
// Then the log is read again.
func TestLogLosesMessages(t *testing.T) {
	t.Parallel()
	update := func(change func(*jetstream.StreamConfig)) func(*stage) error {
		return func(s *stage) error {
			cfg := s.stream(bus.EpisodesStream)
			change(&cfg)
			_, err := s.js.UpdateStream(bustest.Context(s.t), cfg)
			return err
		}
	}
	for name, lose := range map[string]func(*stage) error{
		"purge": func(s *stage) error {
			stream, err := s.js.Stream(bustest.Context(s.t), bus.EpisodesStream)
			if err == nil {
				err = stream.Purge(bustest.Context(s.t), jetstream.WithPurgeSequence(4))
			}
			return err
		},
		"delete": func(s *stage) error {
			stream, err := s.js.Stream(bustest.Context(s.t), bus.EpisodesStream)
			if err == nil {
				err = stream.DeleteMsg(bustest.Context(s.t), 2)
			}
			return err
		},
		"interest": update(func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }),
		"age":      update(func(c *jetstream.StreamConfig) { c.MaxAge, c.Duplicates = 150*time.Millisecond, 150*time.Millisecond }),
		"subject":  update(func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 }),
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "purge" {
				t.Skip("slow; one way to lose messages is enough")
			}
			t.Parallel()
			s := newStage(t)
			gen := s.settled()
			if err := lose(s); err != nil {
				t.Fatal(err)
			}
			until(t, func() bool { return s.named("", "messages", bus.EpisodesStream) })
			wrong, settled := s.wrong()
			if settled || len(wrong) != 1 || !strings.Contains(wrong[0].String(), "profiles emit --validation FILE") {
				t.Errorf("settled: %t, %s", settled, wrong)
			}
			e := emit.Emitter{Bus: s.bus, Rows: dataset.OpenValidation(filepath.Join(recorded, "validation.parquet"), fit.DefaultValidation())}
			if _, err := e.Reconcile(bustest.Context(t)); err != nil {
				t.Fatal(err)
			}
			if _, err := status.Wait(bustest.Context(t), s.bus, nil); err != nil {
				t.Fatal(err)
			}
			if now := s.settled(); now.Epoch != gen.Epoch+1 {
				t.Errorf("epoch %d after %d", now.Epoch, gen.Epoch)
			}
			if s.worker.log.count("the log was filled again after it had lost messages") == 0 {
				t.Error("it was not logged that the log was filled again")
			}
			s.equal(rows(t))
			if s.named("", "messages", bus.EpisodesStream) {
				until(t, func() bool { return !s.named("", "messages", bus.EpisodesStream) })
			}
		})
	}
}

// TestStreamsThatCannotBeMended: a setting that NATS cannot take back is named, and the work goes on.
func TestStreamsThatCannotBeMended(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stream, setting string
		change          func(*jetstream.StreamConfig)
	}{
		{bus.EpisodesStream, "message TTL", func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true }},
		{bus.EpisodesStream, "sealed", func(c *jetstream.StreamConfig) { c.Sealed = true }},
		{bus.DashboardStream, "message schedules", func(c *jetstream.StreamConfig) { c.AllowMsgSchedules, c.AllowRollup = true, true }},
		{"KV_" + bus.EnvelopesBucket, "deny purge", func(c *jetstream.StreamConfig) { c.AllowRollup, c.DenyPurge = false, true }},
	} {
		t.Run(c.setting, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			cfg := s.stream(c.stream)
			c.change(&cfg)
			if _, err := s.js.UpdateStream(bustest.Context(t), cfg); err != nil {
				t.Fatal(err)
			}
			until(t, func() bool { return s.named("", c.setting, c.stream) })
			if wrong, settled := s.wrong(); settled && settings.Worst(wrong) >= settings.Unsettled {
				t.Errorf("settled, but %s", wrong)
			}
			if c.setting == "sealed" {
				return
			}
			s.work()
			s.becomes(s.accepted)
		})
	}
}

// TestSettingsRefused: a stream that was made beforehand with a setting that cannot be mended: the worker does not begin,
// and says why. When the stream is removed it goes on.
func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	for setting, change := range map[string]func(*jetstream.StreamConfig){
		"retention is work queue and must be limits":   func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy },
		"storage is memory and must be file":           func(c *jetstream.StreamConfig) { c.Storage, c.MaxMsgs = jetstream.MemoryStorage, 20 },
		"persist mode is async and must be default":    func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode },
		"counter is on and must be off":                func(c *jetstream.StreamConfig) { c.AllowMsgCounter, c.Discard = true, jetstream.DiscardOld },
		"max messages per subject is 5 and must be un": nil,
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, fit.DefaultSpec(), recordedStore(t))
			s := &stage{fleet: f, js: f.srv.JetStream()}
			cfg := s.stream(bus.EpisodesStream)
			if err := s.js.DeleteStream(bustest.Context(t), bus.EpisodesStream); err != nil {
				t.Fatal(err)
			}
			if change == nil { // TOPOLOGY=expect mends nothing
				f.mode = "expect"
				cfg.MaxMsgsPerSubject = 5
			} else {
				change(&cfg)
			}
			if _, err := s.js.CreateStream(bustest.Context(t), cfg); err != nil {
				t.Fatal(err)
			}
			s.worker = f.start()
			until(t, func() bool { return strings.Contains(s.worker.waitsFor(), setting) })
			if text := s.worker.waitsFor(); !strings.Contains(text, "run `") || !strings.Contains(text, "profiles topology`") {
				t.Errorf("no cure: %s", text)
			}
			if _, settled := s.wrong(); settled {
				t.Error("settled")
			}
			if err := s.js.DeleteStream(bustest.Context(t), bus.EpisodesStream); err != nil {
				t.Fatal(err)
			}
			if err := f.bus.EnsureTopology(bustest.Context(t)); err != nil {
				t.Fatal(err)
			}
			if change != nil {
				f.send(rows(t)[0])
				f.becomes(rows(t)[:1])
			}
		})
	}
}
