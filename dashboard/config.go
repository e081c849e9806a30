package dashboard

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/internal/service"
)

// Config of a dashboard, filled from the environment by envconfig. A field's
// zero value means its default.
type Config struct {
	Bus client.Config `ignored:"true"` // filled by itself

	// Listen is the address of everything HTTP.
	Listen string `envconfig:"LISTEN" default:"127.0.0.1:8447" desc:"address of the page, /publish, /healthz, /readyz and /metrics"`
	// BasePath is the path under which a reverse proxy that does not cut it off
	// shows the dashboard. Health and metrics stay at the root.
	BasePath string `envconfig:"BASE_PATH" default:"/" desc:"path of the page behind a reverse proxy, such as /profiles/"`
	// AllowedHosts are the names, beside localhost and its addresses, by which a
	// dashboard that listens on a loopback address may be called. Others are
	// refused: a page of another site could have its name point here.
	AllowedHosts []string `envconfig:"ALLOWED_HOSTS" desc:"names, separated by commas, by which a dashboard on a loopback address may be called, such as that of a reverse proxy; * is any"`
	// ReadToken is asked of whoever reads events; empty means nobody is asked.
	ReadToken string `envconfig:"READ_TOKEN" desc:"bearer token (or ?token=) that reading events takes (default: none)"`
	// PublishToken is asked of whoever posts an event; empty means nobody is asked.
	PublishToken string `envconfig:"PUBLISH_TOKEN" desc:"bearer token that /publish takes (default: none)"`

	// MaxBrowsers is how many may listen to events at once.
	MaxBrowsers int `envconfig:"MAX_BROWSERS" default:"1000" desc:"browsers that may listen at once"`
	// MaxSubjects and MaxStateBytes bound what is kept of the last events. Of more,
	// those that were published last are kept.
	MaxSubjects   int   `envconfig:"MAX_SUBJECTS" default:"10000" desc:"subjects whose last event is kept"`
	MaxStateBytes int64 `envconfig:"MAX_STATE_BYTES" default:"134217728" desc:"bytes of last events kept"`

	// MergeEvery is the least time between two events of a subject to a browser.
	MergeEvery time.Duration `envconfig:"MERGE_EVERY" default:"100ms" desc:"least time between two events of a subject to one browser"`
	// Heartbeat is how long a feed is silent at most.
	Heartbeat time.Duration `envconfig:"HEARTBEAT" default:"15s" desc:"how long a browser hears nothing at most"`
	// WriteTimeout is how long one write to a browser may take before it is dropped.
	WriteTimeout time.Duration `envconfig:"WRITE_TIMEOUT" default:"5s" desc:"how long a write to a browser may take before it is dropped"`
	// BodyTimeout is how long the sender of a posted event may take.
	BodyTimeout time.Duration `envconfig:"BODY_TIMEOUT" default:"10s" desc:"how long the sender of a posted event may take"`
	// PublishTimeout is how long /publish waits for the stream's acknowledgement.
	PublishTimeout time.Duration `envconfig:"PUBLISH_TIMEOUT" default:"3s" desc:"how long /publish waits for the bus"`
	// CheckEvery is how often the dashboard makes sure that the stream is still
	// the one it follows.
	CheckEvery time.Duration `envconfig:"CHECK_EVERY" default:"30s" desc:"how often the stream is checked"`
}

// maxHeartbeat leaves the page, which gives up after 40 s, time to hear two.
const maxHeartbeat = 20 * time.Second

// Settings are the parts of c to fill from the environment.
func (c *Config) Settings() []service.Settings {
	return []service.Settings{{Into: c}, {Into: &c.Bus}}
}

var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*/$`)

// Validate fills defaults and names the first field that can't be used.
func (c *Config) Validate() error {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8447"
	}
	base := "/" + strings.Trim(c.BasePath, "/") + "/"
	if base == "//" {
		base = "/"
	}
	if !plainPath.MatchString(base) || path.Clean(base)+"/" != base && base != "/" {
		return fmt.Errorf("BASE_PATH is %q: it must be a path such as /profiles/", c.BasePath)
	}
	c.BasePath = base
	for _, f := range []struct {
		name        string
		value       *int
		least, most int
		otherwise   int
	}{
		{"MAX_BROWSERS", &c.MaxBrowsers, 1, 100_000, 1000},
		{"MAX_SUBJECTS", &c.MaxSubjects, 1, 1_000_000, 10_000},
	} {
		if *f.value == 0 {
			*f.value = f.otherwise
		}
		if *f.value < f.least || *f.value > f.most {
			return fmt.Errorf("%s is %d: it must be between %d and %d", f.name, *f.value, f.least, f.most)
		}
	}
	if c.MaxStateBytes == 0 {
		c.MaxStateBytes = 128 << 20
	}
	if c.MaxStateBytes < 1<<20 {
		return fmt.Errorf("MAX_STATE_BYTES is %d: it must be at least 1048576", c.MaxStateBytes)
	}
	for _, f := range []struct {
		name             string
		value            *time.Duration
		least, otherwise time.Duration
	}{
		{"MERGE_EVERY", &c.MergeEvery, time.Millisecond, 100 * time.Millisecond},
		{"HEARTBEAT", &c.Heartbeat, 10 * time.Millisecond, 15 * time.Second},
		{"WRITE_TIMEOUT", &c.WriteTimeout, 10 * time.Millisecond, 5 * time.Second},
		{"BODY_TIMEOUT", &c.BodyTimeout, 10 * time.Millisecond, 10 * time.Second},
		{"PUBLISH_TIMEOUT", &c.PublishTimeout, 10 * time.Millisecond, 3 * time.Second},
		{"CHECK_EVERY", &c.CheckEvery, 10 * time.Millisecond, 30 * time.Second},
	} {
		if *f.value == 0 {
			*f.value = f.otherwise
		}
		if *f.value < f.least || *f.value > time.Hour {
			return fmt.Errorf("%s is %s: it must be between %s and 1h", f.name, *f.value, f.least)
		}
	}
	if c.Heartbeat > maxHeartbeat {
		return fmt.Errorf("HEARTBEAT is %s: it must be at most %s, for the page takes 40s of silence for a broken connection", c.Heartbeat, maxHeartbeat)
	}
	return c.Bus.Validate()
}
