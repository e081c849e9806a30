package bustest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// StartDomains starts two servers, each with a JetStream domain that has its name: hub, and
// leaf, which is a leaf node of hub. They stop when the test ends. It returns when each of
// them reaches JetStream of the other.
func StartDomains(t testing.TB) (hub, leaf *Server) {
	t.Helper()
	port := freePorts(t, 1)[0]
	hub = startDomain(t, "hub", "listen: "+port)
	leaf = startDomain(t, "leaf", fmt.Sprintf(`remotes: [ { url: "nats-leaf://%s" } ]`, port))
	answers(t, hub, "leaf")
	answers(t, leaf, "hub")
	return hub, leaf
}

// startDomain starts a server with a domain. leafNodes is that part of its configuration.
func startDomain(t testing.TB, name, leafNodes string) *Server {
	t.Helper()
	s := &Server{t: t, name: name, dir: t.TempDir(), addr: "127.0.0.1:0", file: filepath.Join(t.TempDir(), "nats.conf")}
	conf := fmt.Sprintf("jetstream { domain: %s }\nleafnodes { %s }\n", name, leafNodes)
	if err := os.WriteFile(s.file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() { s.Stop() })
	return s
}

// answers waits until a client of a server gets an answer of a domain.
func answers(t testing.TB, s *Server, domain string) {
	t.Helper()
	nc, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.NewWithDomain(nc, domain)
	if err != nil {
		t.Fatal(err)
	}
	for ctx := Context(t); ; {
		once, end := context.WithTimeout(ctx, time.Second)
		_, err := js.AccountInfo(once)
		end()
		if err == nil {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("domain %s does not answer at server %s: %v", domain, s.name, err)
		}
	}
}
