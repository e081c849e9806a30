package bus_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/embedded"
	"github.com/cis490/profiles/command/credentials"
)

// expired creates credentials with a server certificate that has expired.
func expired(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	_, err := credentials.Make(credentials.Config{Dir: dir, Valid: 60 * 24 * time.Hour, Now: time.Now().Add(-90 * 24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestConnectErrors: each reason for which a server rejects a connection is reported with
// its cause and the setting to look at. A command fails at once; a service logs it and
// keeps trying.
func TestConnectErrors(t *testing.T) {
	t.Parallel()
	secure := bustest.StartSecure(t)
	late := bustest.StartSecureWith(t, expired(t))
	open := bustest.Start(t)
	other := bustest.Credentials(t)
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*client.Config)
		says   []string
	}{
		"wrong CA":          {func(c *client.Config) { c.CA = filepath.Join(other, credentials.CACert) }, []string{"signed by unknown authority", "is NATS_CA the file with the authority of the server's certificate?"}},
		"no CA":             {func(c *client.Config) { c.CA = "" }, []string{"unknown authority", "NATS_CA is not set: it names the file with the authority of the server's certificate"}},
		"expired":           {func(c *client.Config) { *c = late.Config("worker") }, []string{"expired", "the server's certificate has expired, or a clock is wrong: `profiles credentials --renew` makes another"}},
		"server without":    {func(c *client.Config) { c.URL, c.NKey = open.URL(), "" }, []string{"secure connection not available", "the server offers no TLS, but NATS_CA, NATS_CERT or tls:// asks for it"}},
		"key not known":     {func(c *client.Config) { c.NKey = filepath.Join(other, "worker.nk") }, []string{"Authorization Violation", "the server does not know this key: is NATS_NKEY of the same `profiles credentials` as the server's accounts.conf?"}},
		"no key":            {func(c *client.Config) { c.NKey = "" }, []string{"Authorization Violation", "the server accepts no client without a key: NATS_NKEY names the file with this service's seed"}},
		"server of another": {func(c *client.Config) { c.URL, c.CA = open.URL(), "" }, []string{"nkeys not supported", "the server has no users, so it is not the one that NATS_NKEY is for: is NATS_URL right, does it include accounts.conf?"}},
		"no seed file":      {func(c *client.Config) { c.NKey = "nowhere.nk" }, []string{"NATS_NKEY nowhere.nk"}},
		"damaged seed file": {func(c *client.Config) { c.NKey = text }, []string{"NATS_NKEY " + text}},
		"damaged CA":        {func(c *client.Config) { c.CA = text }, []string{text}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := secure.Config("worker")
			c.change(&cfg)
			says := func(what, text string) {
				t.Helper()
				for _, want := range c.says {
					if !strings.Contains(text, want) {
						t.Errorf("%s says %q, not %q", what, text, want)
					}
				}
			}
			_, err := bus.Connect(cfg, bustest.Log(t), nats.RetryOnFailedConnect(false))
			if err == nil {
				t.Fatal("it is let in")
			}
			says("a command", err.Error())

			said := &bustest.Record{}
			b, err := bus.Connect(cfg, said.Log(t))
			if err != nil { // a file that can't be read
				says("a service", err.Error())
				return
			}
			defer b.Close()
			until(t, "a line in the log", func() bool { return len(said.Lines("no connection to NATS")) > 0 })
			lines := said.Lines("no connection to NATS")
			says("a service", lines[0])
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // a few tries
			defer cancel()
			if err := b.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it does not try on: %v", err)
			}
			if n := len(said.Lines("no connection to NATS")); n > 1 {
				t.Errorf("it says so %d times", n)
			}
		})
	}
}

// TestConnectErrorsOfTwoServers: one server is down and the other refuses this user. Each is
// logged once, though the client tries both again and again.
func TestConnectErrorsOfTwoServers(t *testing.T) {
	t.Parallel()
	srv := bustest.StartWith(t, "authorization { token: x }\n")
	said := &bustest.Record{}
	b, err := bus.Connect(client.Config{URL: "nats://127.0.0.1:1," + srv.URL()}, said.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond) // several tries
	defer cancel()
	if err := b.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it does not keep trying: %v", err)
	}
	if n := len(said.Lines("no connection to NATS")); n < 1 || n > 3 {
		t.Errorf("%d warnings, want one for each reason", n)
	}
}

// TestNoPlainText: a client that uses no TLS, or sends no credentials, gets nothing but the
// server's first message.
func TestNoPlainText(t *testing.T) {
	t.Parallel()
	srv := bustest.StartSecure(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimPrefix(srv.URL(), "tls://"), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, "CONNECT {\"verbose\":true}\r\nPUB episode.accepted 2\r\n{}\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn) // until the server closes the connection
	if text := string(answer); !strings.Contains(text, `"tls_required":true`) || strings.Contains(text, "PONG") || strings.Contains(text, "+OK") {
		t.Errorf("the server answers %q", text)
	}
}

// TestRoutesNeedACertificate: a client of the port for routes that has no certificate of
// the authority can't become a server of the cluster.
func TestRoutesNeedACertificate(t *testing.T) {
	t.Parallel()
	dir, other := bustest.Credentials(t), bustest.Credentials(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0") // finds a free port
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	_ = listener.Close()
	said := &bustest.Record{}
	srv, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0", Dir: t.TempDir(), File: bustest.ServerConf(t, dir), Log: said.Log(t),
		Cluster: &embedded.Cluster{Server: "n1", Addr: addr, Routes: []string{addr}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Shutdown)
	hello := func(certificate string) error {
		cfg := &tls.Config{InsecureSkipVerify: true} // only the server's check of our certificate matters here
		if certificate != "" {
			pair, err := tls.LoadX509KeyPair(filepath.Join(certificate, credentials.ServerCert), filepath.Join(certificate, credentials.ServerKey))
			if err != nil {
				t.Fatal(err)
			}
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		conn, err := tls.Dial("tcp", addr, cfg)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, err = conn.Read(make([]byte, 1)) // the server's first message, or an error
		return err
	}
	if err := hello(""); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a certificate: %v", err)
	}
	if err := hello(other); err == nil || !strings.Contains(err.Error(), "tls: ") {
		t.Errorf("with one of another authority: %v", err)
	}
	if err := hello(dir); err != nil {
		t.Errorf("with the right one: %v", err)
	}
	until(t, "the server to say so", func() bool { return len(said.Lines("TLS route handshake error")) >= 2 })
}

// TestSecureCluster: three servers connect to each other with their certificates, and each
// has the streams that the operator creates.
func TestSecureCluster(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts three servers and waits for elections")
	}
	cluster := bustest.StartSecureCluster(t, bustest.Credentials(t))
	sizes, err := cluster.Topology().Streams(bustest.Context(t))
	if err != nil || len(sizes) != 9 {
		t.Errorf("%v, %v", sizes, err)
	}
	js := cluster.JetStream()
	for _, size := range sizes {
		until(t, "the replicas of "+size.Name, func() bool {
			s, err := js.Stream(bustest.Context(t), size.Name)
			if err != nil || s.CachedInfo().Cluster == nil {
				return false
			}
			replicas := s.CachedInfo().Cluster.Replicas
			return len(replicas) == 2 && replicas[0].Current && replicas[1].Current
		})
	}
}

// TestDenied: a request that a role has no right to fails at once, with the subject and the
// setting to look at, and not by a time-out.
func TestDenied(t *testing.T) {
	t.Parallel()
	srv := bustest.StartSecure(t)
	cfg := srv.Config("operator")
	cfg.Topology = client.TopologyCreate
	connect := func(cfg client.Config) *bus.Bus {
		b, err := bus.Connect(cfg, bustest.Log(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		if err := b.Ready(bustest.Context(t)); err != nil {
			t.Fatal(err)
		}
		return b
	}
	if err := connect(cfg).EnsureTopology(bustest.Context(t)); err != nil {
		t.Fatal(err)
	}
	as := func(role string) *bus.Bus { return connect(srv.Config(role)) }
	foreign := srv.Config("viewer")
	foreign.InboxPrefix = "_INBOX"
	notice := bus.Notice{Host: "h", Episode: "e", Profile: "a", At: time.Now()}
	gen := bus.Generation{ID: gen, Spec: *smallSpec(), Epoch: 1}
	for name, c := range map[string]struct {
		try  func(context.Context) error
		says string
	}{
		"publish": {func(ctx context.Context) error {
			_, err := as("viewer").Publish(ctx, notice)
			return err
		}, "may not publish to episode.accepted"},
		"publish many": {func(ctx context.Context) error {
			many := func(yield func(bus.Notice) bool) { yield(notice) }
			return as("viewer").PublishAll(ctx, many, func(bus.Notice) {})
		}, "may not publish to episode.accepted"},
		"a stream": {func(ctx context.Context) error { return as("receiver").EnsureTopology(ctx) }, "may not publish to $JS.API.STREAM.INFO."},
		"a consumer": {func(ctx context.Context) error {
			return as("dashboard").EnsureConsumers(ctx, gen, time.Second, time.Second)
		}, "may not publish to $JS.API.CONSUMER.INFO."},
		"account": {func(ctx context.Context) error { return as("receiver").CheckJetStream(ctx) }, "may not publish to $JS.API.INFO"},
		"log": {func(ctx context.Context) error {
			_, err := as("dashboard").ReadLog(ctx, func(bus.Notice) error { return nil })
			return err
		}, "may not publish to $JS.API.STREAM.MSG.GET.EPISODES"},
		"view": {func(ctx context.Context) error {
			_, err := as("viewer").OpenSpecs(ctx)
			return err
		}, "may not publish to $JS.API.CONSUMER.CREATE.KV_specs."},
		"envelope": {func(ctx context.Context) error {
			_, _, err := as("dashboard").ReadEnvelope(ctx, gen.ID, "a")
			return err
		}, "may not publish to $JS.API.DIRECT.GET.KV_envelopes "},
		"lag": {func(ctx context.Context) error {
			_, _, err := as("dashboard").Lags(ctx, gen.ID)
			return err
		}, "may not publish to $JS.API.CONSUMER.INFO.EPISODES."},
		"another's inbox": {func(ctx context.Context) error { return connect(foreign).CheckJetStream(ctx) }, "may not subscribe to _INBOX."},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			err := c.try(bustest.Context(t))
			if !errors.Is(err, client.ErrDenied) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(began); took > 4*time.Second { // a request alone waits 5 s
				t.Errorf("it took %s", took)
			}
		})
	}
}
