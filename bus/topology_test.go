package bus_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, bustest.Leaks()...) }

const gen = fit.Generation("abcdefghij")

func TestTopologyByManyAtOnce(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	var all sync.WaitGroup
	for range 12 {
		b := srv.Connect()
		all.Go(func() {
			if err := b.EnsureTopology(bustest.Context(t)); err != nil {
				t.Error(err)
			}
			if err := b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: gen}, time.Second, time.Second); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	js := srv.JetStream()
	for _, name := range []string{"EPISODES", "REJECTED", "DASHBOARD", "KV_curves", "KV_envelopes", "KV_attempts", "KV_specs"} {
		if _, err := js.Stream(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTopologyUpdatesOnlyWhatDiffers: an update can disturb consumers, so there must be
// none where nothing differs.
func TestTopologyUpdatesOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	js := srv.JetStream()
	updates, err := js.Conn().SubscribeSync("$JS.EVENT.ADVISORY.STREAM.UPDATED.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := srv.Connect().EnsureTopology(bustest.Context(t)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := js.Stream(t.Context(), "DASHBOARD")
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.MaxMsgsPerSubject = 7
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := b.EnsureTopology(bustest.Context(t)); err != nil {
		t.Fatal(err)
	}
	// The update of this test, then the one that mends it; none before.
	for range 2 {
		msg, err := updates.NextMsgWithContext(bustest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(msg.Subject, ".DASHBOARD") {
			t.Errorf("updated %s though nothing differed", msg.Subject)
		}
	}
	if n, _, _ := updates.Pending(); n > 0 {
		t.Errorf("%d more updates than there were differences", n)
	}
	if s, err = js.Stream(t.Context(), "DASHBOARD"); err != nil || s.CachedInfo().Config.MaxMsgsPerSubject != 1 {
		t.Errorf("the setting was not mended: %v", err)
	}
}

func TestTopologyExpected(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b, err := bus.Connect(client.Config{URL: srv.URL(), Topology: client.TopologyExpect}, srv.Said.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ready := make(chan error, 1)
	go func() {
		if err := b.EnsureTopology(bustest.Context(t)); err != nil {
			ready <- err
			return
		}
		ready <- b.EnsureConsumers(bustest.Context(t), bus.Generation{ID: gen}, time.Second, time.Second)
	}()
	if _, err := srv.JetStream().Stream(t.Context(), "EPISODES"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatalf("who was to wait made the stream: %v", err)
	}
	select {
	case err := <-ready:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	until(t, "the log says what it waits for", func() bool {
		return len(srv.Said.Lines(`level=WARN msg="not available, keep trying" piece="stream EPISODES"`)) > 0
	})
	maker := srv.Topology()
	if err := maker.EnsureConsumers(bustest.Context(t), bus.Generation{ID: gen}, time.Second, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
}

// TestConnectionOutlivesRestart: the connection comes back by itself. The log says that it was lost.
func TestConnectionOutlivesRestart(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	back, stop := b.Reconnects()
	defer stop()
	srv.Restart()
	select {
	case <-back:
	case <-bustest.Context(t).Done():
		t.Fatal("it did not come back")
	}
	if said := srv.Said.Lines(`level=WARN msg="lost NATS" err=EOF`); len(said) != 1 {
		t.Errorf("the log has %q", said)
	}
	if _, err := b.Publish(bustest.Context(t), bus.Notice{Host: "h", Episode: "e", Profile: "p", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

// TestReportOfNATS: what the NATS library reports about the connection is in the log.
func TestReportOfNATS(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	nc := srv.Connect().JetStream().Conn()
	slow, err := nc.SubscribeSync("here")
	if err != nil {
		t.Fatal(err)
	}
	if err := slow.SetPendingLimits(1, -1); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := nc.Publish("here", nil); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the report is logged", func() bool {
		return len(srv.Said.Lines(`level=WARN msg="NATS reports" err="nats: slow consumer, messages dropped`)) > 0
	})
}

// TestPublishWaitsForTheServer: the NATS library alone gives up after half a second.
func TestPublishWaitsForTheServer(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	srv.Stop()
	published := make(chan error, 1)
	go func() {
		_, err := b.Publish(context.WithoutCancel(t.Context()), bus.Notice{Host: "h", Episode: "e", Profile: "p", At: time.Now()})
		published <- err
	}()
	time.AfterFunc(1500*time.Millisecond, srv.Restart)
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := b.ReadLog(bustest.Context(t), func(bus.Notice) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("%d messages, want 1: %v", n, err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg  client.Config
		want string
	}{
		{client.Config{Replicas: 9}, "NATS_REPLICAS is 9"},
		{client.Config{Topology: "maybe"}, `TOPOLOGY is "maybe": it must be "create" or "expect"`},
		{client.Config{Cert: "c.pem"}, "NATS_CERT and NATS_KEY go together: one of them is empty"},
		{client.Config{Creds: "a", NKey: "b"}, "NATS_CREDS and NATS_NKEY are both set: set only one of them"},
		{client.Config{InboxPrefix: "a.*"}, `NATS_INBOX_PREFIX is "a.*": it must be a subject without wildcards`},
		{client.Config{JSDomain: "a.b"}, `NATS_JS_DOMAIN is "a.b": it must be the name of a domain`},
		{client.Config{URL: "ftp://host"}, `NATS_URL has "ftp://host": it must begin with nats:// or tls://`},
	} {
		if err := c.cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		}
	}
	var zero client.Config
	if err := zero.Validate(); err != nil || zero.URL == "" || zero.Replicas != 1 {
		t.Errorf("the zero config: %v, %+v", err, zero)
	}
}
