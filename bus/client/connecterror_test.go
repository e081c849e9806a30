package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// TestHints: an error of connecting names the setting to look at. bus.TestConnectErrors has those that a server of this
// process can cause.
func TestHints(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		cfg Config
		err error
	}{
		"NATS_CERT and NATS_KEY must name the files of this client's certificate":                                                {Config{}, fmt.Errorf("client certificate: %w", fs.ErrNotExist)},
		"NATS_CREDS must name a credentials file":                                                                                {Config{Creds: "x"}, fs.ErrNotExist},
		"the server's certificate is for other names: `profiles credentials --host NAME --renew` adds one":                       {Config{}, x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}},
		"the server speaks no TLS there: is it the port for clients?":                                                            {Config{}, tls.RecordHeaderError{}},
		"the server asks for this client's certificate: NATS_CERT and NATS_KEY":                                                  {Config{}, errors.New("remote error: tls: bad certificate")},
		"no server of NATS greets there: is it the port for clients (4222), not that of monitoring (8222) or of another server?": {Config{}, &net.OpError{Op: "read", Err: io.EOF}},
		"is NATS_CREDS that of this server?":                                                                                     {Config{Creds: "x"}, errors.New("nats: Authorization Violation")},
	} {
		if got := c.cfg.explain(c.err).Error(); !strings.HasSuffix(got, ": "+want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
	if err := (&Config{}).explain(io.ErrShortBuffer); err != io.ErrShortBuffer {
		t.Errorf("an error without a hint became %v", err)
	}
}

// TestAbsent: with TOPOLOGY=expect the error says which program creates what is missing.
func TestAbsent(t *testing.T) {
	t.Parallel()
	c := &Client{cfg: Config{Topology: TopologyExpect}}
	const want = "with TOPOLOGY=expect another program must create it: run profiles topology --spec FILE"
	if err := c.explainAbsence(jetstream.ErrStreamNotFound); !strings.HasSuffix(err.Error(), want) {
		t.Error(err)
	}
}
