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
	name string // also of its JetStream domain; empty: that of embedded.Config, and no domain
	dir  string
	addr string
	file string       // a configuration file; empty: none
	log  *slog.Logger // nil: none
	srv  *embedded.Server

	Said Record // what the Buses of Connect, Expect and Topology have logged
}

// Start starts a server, which stops when the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), addr: "127.0.0.1:0"}
	s.start()
	t.Cleanup(func() { s.Stop() })
	return s
}

// StartWith is Start with additional server configuration.
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
	srv, err := embedded.Start(embedded.Config{Name: s.name, Addr: s.addr, Dir: s.dir, File: s.file, Log: s.log})
	if err != nil {
		s.t.Fatalf("start NATS: %v", err)
	}
	s.srv = srv
	s.addr = srv.Addr()
}

// Stop stops the server. Restart starts it again at the same address.
func (s *Server) Stop() {
	if s.srv != nil {
		s.srv.Shutdown()
		s.srv = nil
	}
}

// Restart stops the server and starts it again with the same files and address.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.start()
}

// Wipe is Restart with new, empty files.
func (s *Server) Wipe() {
	s.t.Helper()
	s.Stop()
	s.dir = s.t.TempDir()
	s.start()
}

// URL is the URL for clients.
func (s *Server) URL() string { return s.srv.URL() }

// Connect connects a Bus. It is closed when the test ends.
func (s *Server) Connect() *bus.Bus { s.t.Helper(); return s.connect(client.TopologyCreate) }

// Expect is Connect with TOPOLOGY=expect.
func (s *Server) Expect() *bus.Bus { s.t.Helper(); return s.connect(client.TopologyExpect) }

func (s *Server) connect(mode client.TopologyMode) *bus.Bus {
	s.t.Helper()
	b, err := bus.Connect(client.Config{URL: s.URL(), JSDomain: s.name, Name: s.t.Name(), Topology: mode}, s.Said.Log(s.t))
	if err != nil {
		s.t.Fatalf("connect: %v", err)
	}
	s.t.Cleanup(b.Close)
	if err := b.Ready(Context(s.t)); err != nil {
		s.t.Fatalf("connect: %v", err)
	}
	return b
}

// Topology is Connect, and creates the topology.
func (s *Server) Topology() *bus.Bus {
	s.t.Helper()
	b := s.Connect()
	if err := b.EnsureTopology(Context(s.t)); err != nil {
		s.t.Fatalf("make the topology: %v", err)
	}
	return b
}

// LoseStream deletes a stream and returns when a client has asked for it and was told
// that it does not exist.
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
	for range 2 { // after the second request the first was answered
		if _, err := asked.NextMsgWithContext(ctx); err != nil {
			s.t.Fatalf("wait until a client asks for stream %s: %v", name, err)
		}
	}
}

// StreamNames lists the streams of the server's own domain.
func (s *Server) StreamNames() (names []string) {
	s.t.Helper()
	lister := s.JetStream().StreamNames(Context(s.t))
	for name := range lister.Name() {
		names = append(names, name)
	}
	if err := lister.Err(); err != nil {
		s.t.Fatal(err)
	}
	return names
}

// JetStream connects a client of the NATS library.
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

// Context ends a little before the test's deadline, so that a test that waits in vain
// can report what it waits for.
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

// Log returns a logger that writes to the test's log.
func Log(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}
