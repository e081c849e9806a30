package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// start starts a NATS server with monitoring on a loopback port, and returns the URL of its monitoring.
func start(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, HTTPHost: "127.0.0.1", HTTPPort: server.RANDOM_PORT,
		JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server is not ready")
	}
	return "http://" + s.MonitorAddr().String()
}

func TestHealth(t *testing.T) {
	nats := start(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	// The probes of k8s/nats ask these two questions.
	for _, test := range []struct {
		name, url string
		code      int
		output    string
	}{
		{"alive", nats + "/healthz?js-enabled-only=true", 0, ""},
		{"ready", nats + "/healthz?js-server-only=true", 0, ""},
		{"not healthy", nats + "/healthz?account=NOBODY", 1, "not found"},
		{"no such page", nats + "/nothing", 1, "404"},
		{"no server", "http://" + closed.Addr().String() + "/healthz", 1, "refused"},
		{"no URL", "healthz", 1, "unsupported protocol"},
		{"no argument", "", 2, "usage"},
		{"a flag", "--help", 2, "usage"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			if code := run(strings.Fields(test.url), &out); code != test.code || !strings.Contains(out.String(), test.output) {
				t.Errorf("exit code %d, output %q; want %d and %q", code, &out, test.code, test.output)
			}
		})
	}
}

// TestLongAnswer: of an answer that is not healthy, only the start is printed.
func TestLongAnswer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, strings.Repeat("x", 1<<20))
	}))
	defer s.Close()
	var out strings.Builder
	if code := run([]string{s.URL}, &out); code != 1 || len(out.String()) > 2000 {
		t.Errorf("exit code %d, %d bytes of output", code, len(out.String()))
	}
}
