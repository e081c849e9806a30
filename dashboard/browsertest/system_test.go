//go:build browser

package browsertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/command/dataset"
	"github.com/cis490/profiles/command/emit"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
	"github.com/cis490/profiles/streamer"
	"github.com/cis490/profiles/worker"
)

const (
	recordedStore = "../../examples/recorded/store"
	recordedRows  = "../../examples/recorded/validation.parquet"
	perProfile    = 7 // valid recorded episodes of each profile
)

var six = []string{"cpu-saturate", "io-walk", "bursty-c2", "low-and-slow", "scan-and-dial", "shell-resident"}

// A system is NATS and a bridge; fit adds a worker and a streamer.
type system struct {
	t    *testing.T
	nats *bustest.Server
	js   jetstream.JetStream
	bus  *bus.Bus
	*bridge
}

func start(t *testing.T, cfg dashboard.Config) *system {
	t.Helper()
	s := &system{t: t, nats: bustest.Start(t)}
	s.js = s.nats.JetStream()
	s.bus = s.nats.Topology()
	s.bridge = &bridge{t: t, nats: s.nats.URL(), cfg: cfg, addr: "127.0.0.1:0"}
	s.bridge.start()
	t.Cleanup(func() { s.bridge.stop() })
	return s
}

// filled returns a system with the envelopes of all recorded episodes.
func filled(t *testing.T) *system {
	t.Helper()
	s := start(t, dashboard.Config{})
	s.fit()
	s.emit()
	for _, name := range six {
		s.envelope(name)
	}
	return s
}

// fit runs a worker of the recorded archives and a streamer until the test ends.
func (s *system) fit() {
	s.t.Helper()
	s.fitFrom(recordedStore)
}

// fitFrom is fit with the archives of a directory.
func (s *system) fitFrom(dir string) {
	s.t.Helper()
	archives, err := store.OpenDir(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	w, err := worker.New(worker.Config{Patience: 20 * time.Millisecond}, worker.Deps{
		Bus: s.nats.Connect(), Store: archives, Spec: fit.DefaultSpec(), Log: quiet(), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := streamer.New(streamer.Config{CyclePause: time.Hour}, // no event that a test stores is replaced meanwhile
		streamer.Deps{Bus: s.nats.Connect(), Log: quiet(), Registry: prometheus.NewRegistry()})
	if err != nil {
		s.t.Fatal(err)
	}
	run(s.t, w.Run)
	run(s.t, p.Run)
}

// emit publishes the recorded episodes as accepted.
func (s *system) emit() {
	s.t.Helper()
	s.emitFrom(recordedRows)
}

// emitFrom publishes the episodes of a list as accepted.
func (s *system) emitFrom(list string) {
	s.t.Helper()
	e := &emit.Emitter{Bus: s.bus, Rows: dataset.OpenValidation(list, fit.DefaultValidation())}
	if _, err := e.Reconcile(bustest.Context(s.t)); err != nil {
		s.t.Fatal(err)
	}
}

// envelope waits for the event of a profile that has all its episodes.
func (s *system) envelope(name string) streamer.AttackProfile {
	s.t.Helper()
	ctx := bustest.Context(s.t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		e, err := streamer.LastAttackProfile(ctx, events.NewPublisher(s.bus), fit.ProfileName(name))
		if err != nil {
			s.t.Fatal(err)
		}
		if e.Used == perProfile {
			return e
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("the envelope of %s has %d episodes", name, e.Used)
		}
	}
}

// store publishes an event to the stream, without the bridge's checks.
func (s *system) store(kind, name string, data []byte) {
	s.t.Helper()
	if _, err := s.js.Publish(bustest.Context(s.t), events.Subject(kind, name), data); err != nil {
		s.t.Fatal(err)
	}
}

// A bridge is a dashboard that can be stopped and started again at the same address.
type bridge struct {
	t    *testing.T
	nats string
	cfg  dashboard.Config
	addr string
	stop func()
}

// URL returns the address of the page.
func (b *bridge) URL() string {
	base := b.cfg.BasePath
	if base == "" {
		base = "/"
	}
	return "http://" + b.addr + base
}

func (b *bridge) start() {
	b.t.Helper()
	nc, err := bus.Connect(client.Config{URL: b.nats, Name: "bridge"}, quiet())
	if err != nil {
		b.t.Fatal(err)
	}
	d, err := dashboard.New(b.cfg, dashboard.Deps{Bus: nc, Log: quiet(), Registry: prometheus.NewRegistry()})
	if err != nil {
		b.t.Fatal(err)
	}
	l, err := net.Listen("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	for _, part := range []func() error{func() error { return d.Run(ctx) }, func() error { return d.ServeListener(ctx, l) }} {
		ended.Go(func() {
			if err := part(); err != nil && !errors.Is(err, context.Canceled) {
				b.t.Error(err)
			}
		})
	}
	b.stop = sync.OnceFunc(func() {
		cancel()
		ended.Wait()
		nc.Close()
	})
}

// publish posts an event to the bridge.
func (b *bridge) publish(event any) {
	b.t.Helper()
	body, err := json.Marshal(event)
	if err != nil {
		b.t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Post(b.URL()+"publish", "application/json", bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, _ := io.ReadAll(res.Body); res.StatusCode/100 != 2 {
		b.t.Fatalf("publish %s: %s %s", body, res.Status, answer)
	}
}

// run runs a service until the test ends.
func run(t *testing.T, service func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
