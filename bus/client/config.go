package client

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Config says how a service reaches NATS. It is filled from the environment by
// envconfig; the zero value of a field means its default.
type Config struct {
	// URL of one or more servers, separated by commas.
	URL string `envconfig:"NATS_URL" default:"nats://127.0.0.1:4222" desc:"NATS servers, separated by commas"`
	// Creds is a credentials file (JWT and nkey seed). Empty: none.
	Creds string `envconfig:"NATS_CREDS" desc:"credentials file"`
	// NKey is a file with an nkey seed, as `profiles credentials` makes it. Empty:
	// none. Creds and NKey are two ways to say who this is: one of them at most.
	NKey string `envconfig:"NATS_NKEY" desc:"file with this service's nkey seed, instead of NATS_CREDS"`
	// CA is a PEM file with the authorities that servers are checked against.
	// Empty: the system's.
	CA string `envconfig:"NATS_CA" desc:"PEM file with the authorities that servers are checked against"`
	// Cert and Key are PEM files of this client's certificate. Both or none.
	Cert string `envconfig:"NATS_CERT" desc:"PEM file with this client's certificate"`
	Key  string `envconfig:"NATS_KEY" desc:"PEM file with its key"`
	// InboxPrefix is the subject prefix of replies to this service.
	InboxPrefix string `envconfig:"NATS_INBOX_PREFIX" default:"_INBOX" desc:"subject prefix of replies"`
	// Name is what the server shows of this connection.
	Name string `envconfig:"NATS_NAME" desc:"what the server shows of this connection"`
	// Replicas of each stream and bucket that this service creates: 1, 3 or 5.
	// Those that exist keep what they have.
	Replicas int `envconfig:"NATS_REPLICAS" default:"1" desc:"replicas of streams and buckets that are created"`
	// Topology is "create" (make streams and buckets where absent) or "expect"
	// (wait until another program has created them).
	Topology TopologyMode `envconfig:"TOPOLOGY" default:"create" desc:"create streams and buckets where absent, or expect them"`
}

// A TopologyMode says who makes the streams and buckets.
type TopologyMode string

// The two modes.
const (
	TopologyCreate TopologyMode = "create"
	TopologyExpect TopologyMode = "expect"
)

// Validate names the first field that can't be used, after filling defaults.
func (c *Config) Validate() error {
	if c.URL == "" {
		c.URL = nats.DefaultURL
	}
	if c.InboxPrefix == "" {
		c.InboxPrefix = "_INBOX"
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Topology == "" {
		c.Topology = TopologyCreate
	}
	if c.Replicas < 1 || c.Replicas > 5 {
		return fmt.Errorf("NATS_REPLICAS is %d: it must be between 1 and 5", c.Replicas)
	}
	if c.Topology != TopologyCreate && c.Topology != TopologyExpect {
		return fmt.Errorf("TOPOLOGY is %q: it must be %q or %q", c.Topology, TopologyCreate, TopologyExpect)
	}
	if c.Creds != "" && c.NKey != "" {
		return fmt.Errorf("NATS_CREDS and NATS_NKEY are both set: one of them says who this is")
	}
	if strings.ContainsAny(c.InboxPrefix, "*> \t\r\n") || strings.HasSuffix(c.InboxPrefix, ".") {
		return fmt.Errorf("NATS_INBOX_PREFIX is %q: it must be a subject without wildcards", c.InboxPrefix)
	}
	if (c.Cert == "") != (c.Key == "") {
		return fmt.Errorf("NATS_CERT and NATS_KEY go together: one of them is empty")
	}
	return nil
}

// options turns c into the client's options.
func (c *Config) options() ([]nats.Option, error) {
	opts := []nats.Option{
		nats.Name(c.Name),
		nats.CustomInboxPrefix(c.InboxPrefix),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),      // the default gives up after 60 tries
		nats.IgnoreAuthErrorAbort(), // and when a server refuses twice, though rights may come later
		nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
	}
	if c.Creds != "" {
		opts = append(opts, nats.UserCredentials(c.Creds))
	}
	if c.NKey != "" {
		nkey, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, fmt.Errorf("read the seed in NATS_NKEY %s: %w", c.NKey, err)
		}
		opts = append(opts, nkey)
	}
	if c.CA != "" {
		opts = append(opts, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		opts = append(opts, nats.ClientCert(c.Cert, c.Key))
	}
	return opts, nil
}

// redactedURL is URL without passwords, for messages.
func (c *Config) redactedURL() string {
	parts := strings.Split(c.URL, ",")
	for i, p := range parts {
		if u, err := url.Parse(strings.TrimSpace(p)); err == nil {
			parts[i] = u.Redacted()
		}
	}
	return strings.Join(parts, ",")
}
