package dashboard

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/internal/setting"
)

// Config of a dashboard, which envconfig fills from the environment. The zero value of
// a field means its default, which Validate fills in.
type Config struct {
	Bus client.Config `ignored:"true"` // has variables of its own; see Settings

	// Listen is the address of the page and of /publish.
	Listen string `envconfig:"LISTEN" desc:"address of the page and of /publish; if it is a loopback address, also of /healthz, /readyz and /metrics"`
	// HealthListen is the address of health and metrics. If it is empty, it is
	// DefaultHealthListen, or a free port if that is taken.
	HealthListen string `envconfig:"HEALTH_LISTEN" desc:"address of /healthz, /readyz and /metrics (default 127.0.0.1:8450, or a free port if that is taken)"`
	// BasePath is the path of the page behind a reverse proxy that does not remove it, such
	// as /profiles/. Health and metrics stay at the root.
	BasePath string `envconfig:"BASE_PATH" desc:"path of the page behind a reverse proxy, such as /profiles/"`
	// AllowedHosts are the host names and addresses by which the dashboard may be called,
	// besides localhost and its addresses. Requests to others are refused: the owner of a web
	// site can make its name point to this address. Empty means localhost only if Listen is a
	// loopback address, else any.
	AllowedHosts []string `envconfig:"ALLOWED_HOSTS" desc:"names and addresses, separated by commas, by which the dashboard may be called, besides localhost; * allows any. If it is not set: localhost only if LISTEN is a loopback address, else any"`
	// ReadToken is the bearer token that reading events requires. Empty means none.
	ReadToken string `envconfig:"READ_TOKEN" desc:"bearer token (or ?token=) that reading events requires"`
	// PublishToken is the bearer token that posting an event requires. Empty means none.
	PublishToken string `envconfig:"PUBLISH_TOKEN" desc:"bearer token that /publish requires"`

	// MaxBrowsers is the number of browsers that may be connected at once.
	MaxBrowsers int `envconfig:"MAX_BROWSERS" desc:"browsers that may be connected at once"`
	// MaxPerAddress is how many browsers of one address may be connected at once, and how
	// many other connections it may have.
	MaxPerAddress int `envconfig:"MAX_PER_ADDRESS" desc:"browsers of one address that may be connected at once; also the number of its other connections"`
	// TrustedProxies are addresses and networks of reverse proxies. The address of a client
	// is taken from their header X-Forwarded-For.
	TrustedProxies []string `envconfig:"TRUSTED_PROXIES" desc:"addresses and networks, separated by commas, of reverse proxies whose X-Forwarded-For names the client"`
	// MaxSubjects and MaxStateBytes bound the last events that are kept. If there are more,
	// those that were published last are kept.
	MaxSubjects   int   `envconfig:"MAX_SUBJECTS" desc:"subjects whose last event is kept"`
	MaxStateBytes int64 `envconfig:"MAX_STATE_BYTES" desc:"bytes of last events kept"`

	// MergeEvery is the least time between two events of a subject to one browser.
	MergeEvery time.Duration `envconfig:"MERGE_EVERY" desc:"least time between two events of a subject to one browser"`
	// Heartbeat is the longest time without a line to a browser, at most 20s.
	Heartbeat time.Duration `envconfig:"HEARTBEAT" desc:"longest time without a line to a browser"`
	// WriteTimeout is how long one write to a browser may take before its connection is closed.
	WriteTimeout time.Duration `envconfig:"WRITE_TIMEOUT" desc:"how long a write to a browser may take before its connection is closed"`
	// BodyTimeout is how long the sender of a posted event may take.
	BodyTimeout time.Duration `envconfig:"BODY_TIMEOUT" desc:"how long the sender of a posted event may take"`
	// PublishTimeout is how long /publish waits for the stream's acknowledgement.
	PublishTimeout time.Duration `envconfig:"PUBLISH_TIMEOUT" desc:"how long /publish waits for NATS"`
	// CheckEvery is how often the dashboard checks that the stream was not created again.
	CheckEvery time.Duration `envconfig:"CHECK_EVERY" desc:"how often the stream is checked"`
}

// DefaultHealthListen is where health and metrics are if HEALTH_LISTEN is not set.
const DefaultHealthListen = "127.0.0.1:8450"

// maxHeartbeat: the page takes a connection to be dead after 40 s, which is twice this.
const maxHeartbeat = 20 * time.Second

// Settings returns the parts of c that have environment variables.
func (c *Config) Settings() []service.Settings {
	return []service.Settings{{Into: c}, {Into: &c.Bus}}
}

// Validate fills in defaults. It returns an error that names the first setting that is out
// of range, and its value.
func (c *Config) Validate() error {
	setting.Default(&c.Listen, "127.0.0.1:8447")
	const least = 10 * time.Millisecond
	_, err := parseProxies(c.TrustedProxies)
	return cmp.Or(
		c.validateBasePath(),
		err,
		setting.Number("MAX_BROWSERS", &c.MaxBrowsers, 1000, 1, 100_000),
		setting.Number("MAX_PER_ADDRESS", &c.MaxPerAddress, 250, 1, 100_000),
		setting.Number("MAX_SUBJECTS", &c.MaxSubjects, 10_000, 1, 1_000_000),
		setting.AtLeast("MAX_STATE_BYTES", &c.MaxStateBytes, 128<<20, 1<<20),
		setting.Number("MERGE_EVERY", &c.MergeEvery, 100*time.Millisecond, time.Millisecond, time.Hour),
		setting.Number("HEARTBEAT", &c.Heartbeat, 15*time.Second, least, maxHeartbeat),
		setting.Number("WRITE_TIMEOUT", &c.WriteTimeout, 5*time.Second, least, time.Hour),
		setting.Number("BODY_TIMEOUT", &c.BodyTimeout, 10*time.Second, least, time.Hour),
		setting.Number("PUBLISH_TIMEOUT", &c.PublishTimeout, 3*time.Second, least, time.Hour),
		setting.Number("CHECK_EVERY", &c.CheckEvery, 30*time.Second, least, time.Hour),
		c.Bus.Validate(),
	)
}

var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*/$`)

// validateBasePath makes the path begin and end with a slash.
func (c *Config) validateBasePath() error {
	base := "/" + strings.Trim(c.BasePath, "/") + "/"
	if base == "//" {
		base = "/"
	}
	if !plainPath.MatchString(base) || path.Clean(base)+"/" != base && base != "/" {
		return fmt.Errorf("BASE_PATH is %q: it must be a path such as /profiles/", c.BasePath)
	}
	c.BasePath = base
	return nil
}
