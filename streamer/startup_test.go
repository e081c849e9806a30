package streamer_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/command/credentials"
	"github.com/cis490/profiles/streamer"
)

// oldServer accepts connections as a NATS server of version 2.9 does.
func oldServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	serve := func(c net.Conn) {
		defer func() { _ = c.Close() }()
		fmt.Fprint(c, `INFO {"server_id":"x","version":"2.9.0","headers":true,"max_payload":1048576}`+"\r\n")
		for lines := bufio.NewScanner(c); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "PING") {
				fmt.Fprint(c, "PONG\r\n")
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return "nats://" + l.Addr().String()
}

// silentServer accepts connections and says nothing.
func silentServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return "nats://" + l.Addr().String()
}

// httpServer is one that NATS_URL names by mistake.
func httpServer(t *testing.T) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ReadHeaderTimeout = time.Second
	srv.Start()
	t.Cleanup(srv.Close)
	return "nats://" + srv.Listener.Addr().String()
}

// plainServer is a NATS server without JetStream.
func plainServer(t *testing.T) string {
	t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, ServerName: "plain", NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	return srv.ClientURL()
}

// TestSaysWhyItDoesNotStart: a service that can't start logs a warning that says why and
// what to do. It logs it once, however often it tries.
func TestSaysWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	secure := bustest.StartSecure(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	_, leaf := bustest.StartDomains(t)
	for name, c := range map[string]struct {
		cfg  func(*client.Config)
		says []string // in one warning
	}{
		"no server":  {func(c *client.Config) { *c = client.Config{URL: "nats://" + closed.Addr().String()} }, []string{"connection refused", closed.Addr().String()}},
		"old server": {func(c *client.Config) { *c = client.Config{URL: oldServer(t)} }, []string{"2.9.0 is too old", "2.11"}},
		"no key":     {func(c *client.Config) { c.NKey = "" }, []string{"NATS_NKEY names the file"}},
		"unknown key": {func(c *client.Config) {
			c.NKey = filepath.Join(bustest.Credentials(t), credentials.SeedFile("streamer"))
		}, []string{"is NATS_NKEY of the same"}},
		"key of other role":  {func(c *client.Config) { c.NKey = filepath.Join(secure.Credentials, credentials.SeedFile("viewer")) }, []string{"not permitted", "NATS_NKEY"}},
		"wrong inbox prefix": {func(c *client.Config) { c.InboxPrefix = "_INBOX_elsewhere" }, []string{"not permitted", "NATS_INBOX_PREFIX"}},
		"no CA":              {func(c *client.Config) { c.CA = "" }, []string{"NATS_CA is not set"}},
		"missing CA file":    {func(c *client.Config) { c.CA = filepath.Join(t.TempDir(), "ca.crt") }, []string{"ca.crt", "NATS_CA"}},
		"JetStream is off":   {func(c *client.Config) { *c = client.Config{URL: plainServer(t)} }, []string{"JetStream is off on server plain", "nats-server -js", "NATS_JS_DOMAIN"}},
		"another domain":     {func(c *client.Config) { *c = client.Config{URL: bustest.Start(t).URL(), JSDomain: "hub"} }, []string{"nobody answers for NATS_JS_DOMAIN hub", "has no domain"}},
		"a domain that nobody has": {func(c *client.Config) { *c = client.Config{URL: leaf.URL(), JSDomain: "elsewhere"} },
			[]string{"nobody answers for NATS_JS_DOMAIN elsewhere; server leaf has domain leaf"}},
		"no domain at a leaf node": {func(c *client.Config) { *c = client.Config{URL: leaf.URL()} },
			[]string{"in JetStream domain leaf of server leaf: set NATS_JS_DOMAIN to the domain of the streams, or to leaf to make them there"}},
		"HTTP":             {func(c *client.Config) { *c = client.Config{URL: httpServer(t)} }, []string{"no server of NATS greets there", "4222", "8222"}},
		"silent server":    {func(c *client.Config) { *c = client.Config{URL: silentServer(t)} }, []string{"no server of NATS greets there", "4222", "8222"}},
		"URL of HTTP":      {func(c *client.Config) { *c = client.Config{URL: "http://nats.example:8222"} }, []string{"NATS_URL has \"http://nats.example:8222\"", "nats://nats.example:4222"}},
		"no URL":           {func(c *client.Config) { *c = client.Config{URL: "nats://u:secret@:x"} }, []string{"NATS_URL has", "nats://HOST:PORT"}},
		"URL of a mistake": {func(c *client.Config) { *c = client.Config{URL: "nat://a:4222"} }, []string{"must begin with nats://"}},
		"no streams":       {func(*client.Config) {}, []string{"stream", "TOPOLOGY=expect", "profiles topology"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := secure.Config("streamer")
			c.cfg(&cfg)
			var said bustest.Record
			log := said.Log(t)
			b, err := bus.Connect(cfg, log)
			if err != nil { // it ends the service, with an error in its log
				for _, want := range c.says {
					if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
						t.Errorf("error %q does not contain %q", err, want)
					}
				}
				return
			}
			defer b.Close()
			s, err := streamer.New(streamer.Config{Bus: cfg}, streamer.Deps{Bus: b, Log: log, Registry: prometheus.NewRegistry()})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), 4*time.Second)
			defer stop()
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
			for _, want := range c.says { // so does /readyz
				if ready := s.Ready(); !strings.Contains(fmt.Sprint(ready), want) {
					t.Errorf("it waits for %q, which does not contain %q", ready, want)
				}
			}
			warnings, lines := said.Lines("level=WARN", "level=ERROR"), map[string]int{}
			found := false
			for _, line := range warnings {
				_, text, _ := strings.Cut(line, "level=")
				lines[text]++
				all := true
				for _, want := range c.says {
					all = all && strings.Contains(line, want)
				}
				found = found || all
			}
			if !found {
				t.Errorf("no warning contains %q; there are\n%s", c.says, strings.Join(warnings, ""))
			}
			for line, n := range lines {
				if n > 1 {
					t.Errorf("%d times: %s", n, line)
				}
			}
		})
	}
}
