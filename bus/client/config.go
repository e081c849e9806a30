package client

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/internal/setting"
)

// Config says how a service reaches NATS. envconfig fills it from the environment. The zero
// value of a field means its default, which Validate fills in.
type Config struct {
	// URL of one or more servers, separated by commas.
	URL string `envconfig:"NATS_URL" desc:"NATS servers, separated by commas"`
	// JSDomain is the JetStream domain of the streams. Empty means that of the server.
	JSDomain string `envconfig:"NATS_JS_DOMAIN" desc:"JetStream domain of the streams, where that is not the one of the servers in NATS_URL"`
	// Creds is the path of a credentials file (JWT and nkey seed). Empty means none.
	Creds string `envconfig:"NATS_CREDS" desc:"credentials file"`
	// NKey is the path of a file with an nkey seed, as `profiles credentials` writes it.
	// Empty means none. Only one of Creds and NKey may be set.
	NKey string `envconfig:"NATS_NKEY" desc:"file with this service's nkey seed, instead of NATS_CREDS"`
	// CA is a PEM file with the authorities that the servers' certificates are checked
	// against. Empty means those of the system.
	CA string `envconfig:"NATS_CA" desc:"PEM file with the authorities that servers are checked against"`
	// Cert and Key are PEM files of this client's certificate. Both are set, or none.
	Cert string `envconfig:"NATS_CERT" desc:"PEM file with this client's certificate"`
	Key  string `envconfig:"NATS_KEY" desc:"PEM file with its key"`
	// InboxPrefix is the subject prefix of replies to this service.
	InboxPrefix string `envconfig:"NATS_INBOX_PREFIX" desc:"subject prefix of replies"`
	// Name is the name of this connection, as the server shows it.
	Name string `envconfig:"NATS_NAME" desc:"name of this connection, as the server shows it"`
	// Replicas is the number of replicas of the streams and buckets that this service
	// creates, 1 to 5. Those that exist keep theirs.
	Replicas int `envconfig:"NATS_REPLICAS" desc:"replicas of streams and buckets that are created"`
	// LogBytes is the most that the log of episodes (stream EPISODES) may take in the storage of
	// each server that has it. Zero: 1 GiB for a log that is created or has no limit; any other limit stays.
	LogBytes int64 `envconfig:"NATS_LOG_BYTES" desc:"bytes that the log EPISODES may take; when it is full, accepts are refused (default: 1 GiB when created)"`
	// ArchivesBytes is the same for the bucket of archives. Zero: no limit for a bucket that is created; a
	// bucket that exists keeps its own.
	ArchivesBytes int64 `envconfig:"NATS_ARCHIVES_BYTES" desc:"bytes that the bucket of archives may take; when it is full, uploads are refused (default: no limit when created)"`
	// Topology is TopologyCreate or TopologyExpect.
	Topology TopologyMode `envconfig:"TOPOLOGY" desc:"create streams and buckets where absent, or expect them"`
}

// A TopologyMode says whether a service creates streams and buckets.
type TopologyMode string

// The two modes.
const (
	TopologyCreate TopologyMode = "create" // creates those that are absent
	TopologyExpect TopologyMode = "expect" // waits until another program has created them
)

// Validate fills in defaults. It returns an error that names the first setting that can't
// be used.
func (c *Config) Validate() error {
	setting.Default(&c.URL, nats.DefaultURL)
	setting.Default(&c.InboxPrefix, "_INBOX")
	setting.Default(&c.Topology, TopologyCreate)
	if err := c.validateServers(); err != nil {
		return err
	}
	if err := setting.Number("NATS_REPLICAS", &c.Replicas, 1, 1, 5); err != nil {
		return err
	}
	if err := cmp.Or(setting.AtLeast("NATS_LOG_BYTES", &c.LogBytes, 0, 0), setting.AtLeast("NATS_ARCHIVES_BYTES", &c.ArchivesBytes, 0, 0)); err != nil {
		return err
	}
	if c.Topology != TopologyCreate && c.Topology != TopologyExpect {
		return fmt.Errorf("TOPOLOGY is %q: it must be %q or %q", c.Topology, TopologyCreate, TopologyExpect)
	}
	if c.Creds != "" && c.NKey != "" {
		return fmt.Errorf("NATS_CREDS and NATS_NKEY are both set: set only one of them")
	}
	if strings.ContainsAny(c.InboxPrefix, "*> \t\r\n") || strings.HasSuffix(c.InboxPrefix, ".") {
		return fmt.Errorf("NATS_INBOX_PREFIX is %q: it must be a subject without wildcards", c.InboxPrefix)
	}
	if (c.Cert == "") != (c.Key == "") {
		return fmt.Errorf("NATS_CERT and NATS_KEY go together: one of them is empty")
	}
	return nil
}

// validateServers checks NATS_URL and NATS_JS_DOMAIN.
func (c *Config) validateServers() error {
	for part := range strings.SplitSeq(c.URL, ",") {
		text := strings.TrimSpace(part)
		if !strings.Contains(text, "://") {
			text = "nats://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" {
			return fmt.Errorf("NATS_URL has %q: it must be nats://HOST:PORT or tls://HOST:PORT, or several, separated by commas", redact(part))
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		case "http", "https":
			return fmt.Errorf("NATS_URL has %q: services need the port for clients, such as nats://%s:4222, not one of HTTP", redact(part), u.Hostname())
		default:
			return fmt.Errorf("NATS_URL has %q: it must begin with nats:// or tls://", redact(part))
		}
	}
	if strings.ContainsAny(c.JSDomain, ".*> \t\r\n") {
		return fmt.Errorf("NATS_JS_DOMAIN is %q: it must be the name of a domain", c.JSDomain)
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
		parts[i] = redact(p)
	}
	return strings.Join(parts, ",")
}

// redact returns a URL without its password, also one that can't be parsed.
func redact(text string) string {
	text = strings.TrimSpace(text)
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		return u.Redacted()
	}
	if i := strings.LastIndex(text, "@"); i >= 0 {
		return "xxxxx" + text[i:]
	}
	return text
}
