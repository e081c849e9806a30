package streamer

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/internal/setting"
)

// Config of a streamer, which envconfig fills from the environment. Unless its comment
// says otherwise, the zero value of a field means its default, which Validate fills in.
type Config struct {
	Bus client.Config `ignored:"true"` // has variables of its own; see Settings

	// CyclePause is how old the last event of a subject must be to be published again.
	CyclePause time.Duration `envconfig:"CYCLE_PAUSE" desc:"how old an event must be to be published again"`
	// PublishURL is a URL that events are also posted to. Empty means none.
	PublishURL string `envconfig:"PUBLISH_URL" desc:"where events are also posted, such as http://127.0.0.1:8447/publish"`
	// PublishToken is the bearer token of these posts. Empty means none.
	PublishToken string `envconfig:"PUBLISH_TOKEN" desc:"bearer token of these posts"`
	// Listen is the address of health and metrics. Empty means that the streamer does not
	// listen. If LISTEN is not set, it is 127.0.0.1:8449.
	Listen string `envconfig:"LISTEN" default:"127.0.0.1:8449" desc:"address of /healthz, /readyz and /metrics"`
	// CheckEvery is how often the streamer checks that no stream was created again.
	CheckEvery time.Duration `envconfig:"CHECK_EVERY" desc:"how often the streams are checked"`

	Models Models `ignored:"true"` // from flags
}

// Settings returns the parts of c that have environment variables.
func (c *Config) Settings() []service.Settings {
	return []service.Settings{{Into: c}, {Into: &c.Bus}}
}

// Validate fills in defaults. It returns an error that names the first setting that can't
// be used, and its value.
func (c *Config) Validate() error {
	return cmp.Or(
		setting.AtLeast("CYCLE_PAUSE", &c.CyclePause, 20*time.Second, 0),
		setting.AtLeast("CHECK_EVERY", &c.CheckEvery, 30*time.Second, 0),
		c.validateURL(),
		c.Models.Validate(),
		c.Bus.Validate(),
	)
}

func (c *Config) validateURL() error {
	if c.PublishURL == "" {
		return nil
	}
	if u, err := url.Parse(c.PublishURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("PUBLISH_URL is %q: it must be an http or https URL", c.PublishURL)
	}
	return nil
}

// DefaultModelName is the name of the model in Models if they have no name.
const DefaultModelName = "knn"

// Models are figures of a model that was trained elsewhere. The streamer publishes them in
// each cycle.
type Models struct {
	Name      string   // of the model; empty means DefaultModelName
	Metric    *float64 // accuracy, at most 1; nil: no event
	LatencyUS *float64 // of one inference, in µs; nil: no event. It needs a Metric.
}

// ErrLatencyAlone is the error of Models that have a latency and no accuracy.
var ErrLatencyAlone = errors.New("--also-perf-latency-us needs --also-metric: the plot shows a latency at its accuracy")

// Validate fills in the default name. It returns ErrLatencyAlone, or an error that names
// the accuracy where that is above 1.
func (m *Models) Validate() error {
	setting.Default(&m.Name, DefaultModelName)
	if m.Metric != nil && *m.Metric > 1 {
		return fmt.Errorf("--also-metric is %g: an accuracy lies between 0 and 1", *m.Metric)
	}
	if m.LatencyUS != nil && m.Metric == nil {
		return ErrLatencyAlone
	}
	return nil
}

// Events returns the events of the figures, by subject.
func (m Models) Events() map[string]any {
	all := map[string]any{}
	if m.Metric != nil {
		all[events.Subject(events.TypeModelMetric, m.Name)] = ModelMetric{Type: events.TypeModelMetric, Model: m.Name, Metric: *m.Metric}
	}
	if m.LatencyUS != nil {
		all[events.Subject(events.TypeModelPerf, m.Name)] = ModelPerf{
			Type: events.TypeModelPerf, Model: m.Name, Latency: *m.LatencyUS, Accuracy: *m.Metric,
		}
	}
	return all
}
