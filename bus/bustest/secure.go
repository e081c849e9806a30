package bustest

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/command/credentials"
	"github.com/cis490/profiles/roles"
)

// Credentials creates a folder of credentials for one test.
func Credentials(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := credentials.Make(credentials.Config{Dir: dir}); err != nil {
		t.Fatalf("make credentials: %v", err)
	}
	return dir
}

// ServerConf writes a server configuration that uses the certificate and accounts.conf
// of a folder of credentials, and returns its path.
func ServerConf(t testing.TB, dir string) string {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	tls := fmt.Sprintf("cert_file: %q, key_file: %q, ca_file: %q", at(credentials.ServerCert), at(credentials.ServerKey), at(credentials.CACert))
	// A busy machine may need more time than the server's default time-outs.
	tls += ", timeout: 20"
	conf := fmt.Sprintf("include %q\nauthorization { timeout: 30 }\ntls { %s }\ncluster { tls { %s, verify: true } }\n", "accounts.conf", tls, tls)
	path := at("nats.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A Secure server requires TLS and a key, and gives each role the rights of package
// roles.
type Secure struct {
	*Server
	Credentials string  // the folder
	Said        *Record // the server's log
}

// StartSecure starts a server, which stops when the test ends.
func StartSecure(t testing.TB) *Secure {
	t.Helper()
	return StartSecureWith(t, Credentials(t))
}

// StartSecureWith is StartSecure with given credentials.
func StartSecureWith(t testing.TB, dir string) *Secure {
	t.Helper()
	said := &Record{}
	s := &Secure{&Server{t: t, dir: t.TempDir(), addr: "127.0.0.1:0", file: ServerConf(t, dir), log: said.Log(t)}, dir, said}
	s.start()
	t.Cleanup(s.Stop)
	return s
}

// Config is the configuration of a role's client. It creates no streams.
func (s *Secure) Config(role string) client.Config {
	s.t.Helper()
	cfg := roleConfig(s.t, s.Credentials, role)
	cfg.URL = s.URL()
	return cfg
}

func roleConfig(t testing.TB, dir, role string) client.Config {
	t.Helper()
	r, ok := roles.Named(role)
	if !ok {
		t.Fatalf("there is no role %q", role)
	}
	return client.Config{
		Name: role, InboxPrefix: r.Inbox(), Topology: client.TopologyExpect,
		NKey: filepath.Join(dir, credentials.SeedFile(role)), CA: filepath.Join(dir, credentials.CACert),
	}
}

// Environment is Config as environment variables.
func (s *Secure) Environment(role string) map[string]string {
	cfg := s.Config(role)
	return map[string]string{
		"NATS_URL": cfg.URL, "NATS_NKEY": cfg.NKey, "NATS_CA": cfg.CA, "NATS_INBOX_PREFIX": cfg.InboxPrefix, "TOPOLOGY": string(cfg.Topology),
	}
}

// ConnectAs connects a Bus as a role. It is closed when the test ends.
func (s *Secure) ConnectAs(role string, log *slog.Logger) *bus.Bus {
	s.t.Helper()
	b, err := bus.Connect(s.Config(role), log)
	if err != nil {
		s.t.Fatalf("connect as %s: %v", role, err)
	}
	s.t.Cleanup(b.Close)
	if err := b.Ready(Context(s.t)); err != nil {
		s.t.Fatalf("connect as %s: %v", role, err)
	}
	return b
}

// Dial connects a client of the NATS library as a role. Errors that the server reports
// to the connection go to report.
func (s *Secure) Dial(role string, report func(error)) *nats.Conn {
	s.t.Helper()
	cfg := s.Config(role)
	seed, err := nats.NkeyOptionFromSeed(cfg.NKey)
	if err != nil {
		s.t.Fatal(err)
	}
	nc, err := nats.Connect(cfg.URL, seed, nats.RootCAs(cfg.CA), nats.CustomInboxPrefix(cfg.InboxPrefix), nats.Timeout(10*time.Second),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { report(err) }))
	if err != nil {
		s.t.Fatalf("connect as %s: %v", role, err)
	}
	s.t.Cleanup(nc.Close)
	return nc
}

// A Record keeps a log.
type Record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (r *Record) Write(text []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(text)
}

// Log returns a logger that writes to the record and to the test's log.
func (r *Record) Log(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(io.MultiWriter(r, t.Output()), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Lines returns the lines that contain one of the texts, in upper or lower case.
func (r *Record) Lines(texts ...string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for line := range strings.Lines(r.text.String()) {
		for _, text := range texts {
			if strings.Contains(strings.ToLower(line), strings.ToLower(text)) {
				found = append(found, line)
				break
			}
		}
	}
	return found
}

// Violations returns the lines about permission violations.
func (r *Record) Violations() []string { return r.Lines("violation", "not permitted") }
