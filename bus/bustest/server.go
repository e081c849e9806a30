// Package bustest runs a real NATS server for tests. Only tests import it.
package bustest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/embedded"
)

// A Server is a NATS server with JetStream on disk, for one test.
type Server struct {
	t    testing.TB
	dir  string
	addr string
	file string       // a configuration; empty: none
	log  *slog.Logger // nil: none
	srv  *embedded.Server
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), addr: "127.0.0.1:0"}
	s.start()
	t.Cleanup(func() { s.Stop() })
	return s
}

// StartWith is Start with a configuration of the server's beside what is needed.
func StartWith(t testing.TB, conf string) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), addr: "127.0.0.1:0", file: filepath.Join(t.TempDir(), "nats.conf")}
	if err := os.WriteFile(s.file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() { s.Stop() })
	return s
}

func (s *Server) start() {
	s.t.Helper()
	srv, err := embedded.Start(embedded.Config{Addr: s.addr, Dir: s.dir, File: s.file, Log: s.log})
	if err != nil {
		s.t.Fatalf("start NATS: %v", err)
	}
	s.srv = srv
	s.addr = srv.Addr()
}

// Stop ends the server; Restart brings it back at its address.
func (s *Server) Stop() {
	if s.srv != nil {
		s.srv.Shutdown()
		s.srv = nil
	}
}

// Restart ends the server and starts it again on the same files and address.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.start()
}

// Wipe is Restart with all that was stored lost.
func (s *Server) Wipe() {
	s.t.Helper()
	s.Stop()
	s.dir = s.t.TempDir()
	s.start()
}

// URL is where clients reach the server.
func (s *Server) URL() string { return s.srv.URL() }

// Connect makes a Bus of its own connection, which ends with the test.
func (s *Server) Connect() *bus.Bus { s.t.Helper(); return s.connect(client.TopologyCreate) }

// Expect is Connect of a service that has the topology made by somebody else.
func (s *Server) Expect() *bus.Bus { s.t.Helper(); return s.connect(client.TopologyExpect) }

func (s *Server) connect(mode client.TopologyMode) *bus.Bus {
	s.t.Helper()
	b, err := bus.Connect(client.Config{URL: s.URL(), Name: s.t.Name(), Topology: mode}, Log(s.t))
	if err != nil {
		s.t.Fatalf("connect: %v", err)
	}
	s.t.Cleanup(b.Close)
	if err := b.Ready(Context(s.t)); err != nil {
		s.t.Fatalf("connect: %v", err)
	}
	return b
}

// Topology is Connect with the topology made.
func (s *Server) Topology() *bus.Bus {
	s.t.Helper()
	b := s.Connect()
	if err := b.EnsureTopology(Context(s.t)); err != nil {
		s.t.Fatalf("make the topology: %v", err)
	}
	return b
}

// LoseStream deletes a stream and returns when somebody has asked for it in vain.
func (s *Server) LoseStream(name string) {
	s.t.Helper()
	ctx, js := Context(s.t), s.JetStream()
	if err := js.DeleteStream(ctx, name); err != nil {
		s.t.Fatalf("delete stream %s: %v", name, err)
	}
	asked, err := js.Conn().SubscribeSync("$JS.API.STREAM.INFO." + name)
	if err != nil {
		s.t.Fatal(err)
	}
	for range 2 { // whoever asks again has had his answer
		if _, err := asked.NextMsgWithContext(ctx); err != nil {
			s.t.Fatalf("wait until somebody asks for stream %s: %v", name, err)
		}
	}
}

// JetStream is a plain client beside the project's own.
func (s *Server) JetStream() jetstream.JetStream {
	s.t.Helper()
	return plainClient(s.t, s.URL())
}

func plainClient(t testing.TB, url string, more ...nats.Option) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, append(more, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))...)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatalf("open JetStream: %v", err)
	}
	return js
}

// Context ends a little before the test's deadline, so that a test that waits
// for what never comes says where.
func Context(t testing.TB) context.Context {
	t.Helper()
	limit := 2 * time.Minute
	if tt, ok := t.(*testing.T); ok {
		if end, ok := tt.Deadline(); ok {
			limit = min(limit, time.Until(end)-5*time.Second)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
	t.Cleanup(cancel)
	return ctx
}

// Log writes to the test's log.
func Log(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}
