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

	"github.com/nats-io/nats.go"
)

// explain adds the hint to an error of connecting. An error without a hint stays as it is.
func (c *Config) explain(err error) error {
	if hint := c.hint(err); hint != "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}

// hint returns the likely cause of an error of connecting and the setting to look at, or
// nothing.
func (c *Config) hint(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		name    x509.HostnameError
		plain   tls.RecordHeaderError
		network *net.OpError
	)
	switch {
	case err == nil:
		return ""
	case strings.Contains(err.Error(), "rootCA file"):
		return "NATS_CA must name a PEM file with certificates of authorities"
	case strings.Contains(err.Error(), "client certificate") && errors.Is(err, fs.ErrNotExist):
		return "NATS_CERT and NATS_KEY must name the files of this client's certificate"
	case c.Creds != "" && errors.Is(err, fs.ErrNotExist):
		return "NATS_CREDS must name a credentials file"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate has expired, or a clock is wrong: `profiles credentials --renew` makes another"
	case errors.As(err, &unknown) && c.CA == "":
		return "NATS_CA is not set: it names the file with the authority of the server's certificate"
	case errors.As(err, &unknown):
		return "is NATS_CA the file with the authority of the server's certificate?"
	case errors.As(err, &name):
		return "the server's certificate is for other names: `profiles credentials --host NAME --renew` adds one"
	case errors.Is(err, nats.ErrSecureConnWanted):
		return "the server offers no TLS, but NATS_CA, NATS_CERT or tls:// asks for it"
	case errors.As(err, &plain):
		return "the server speaks no TLS there: is it the port for clients?"
	case strings.Contains(err.Error(), "tls: certificate required"), strings.Contains(err.Error(), "tls: bad certificate"):
		return "the server asks for this client's certificate: NATS_CERT and NATS_KEY"
	case errors.Is(err, nats.ErrNoInfoReceived), errors.Is(err, io.EOF), errors.As(err, &network) && network.Op == "read":
		return noNATS
	case errors.Is(err, nats.ErrNkeysNotSupported):
		return "the server has no users, so it is not the one that NATS_NKEY is for: is NATS_URL right, does it include accounts.conf?"
	case !unauthorized(err):
		return ""
	case c.NKey == "" && c.Creds == "":
		return "the server accepts no client without a key: NATS_NKEY names the file with this service's seed"
	case c.NKey != "":
		return "the server does not know this key: is NATS_NKEY of the same `profiles credentials` as the server's accounts.conf?"
	}
	return "is NATS_CREDS that of this server?"
}

const noNATS = "no server of NATS greets there: is it the port for clients (4222), not that of monitoring (8222) or of another server?"

// unauthorized reports whether the server rejected this user. Some of the server's
// answers reach us as errors of text only.
func unauthorized(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) ||
		strings.Contains(strings.ToLower(err.Error()), "authorization violation")
}
