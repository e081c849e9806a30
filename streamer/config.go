package streamer

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/internal/service"
)

// Config of a streamer, filled from the environment by envconfig. A field's
// zero value means its default.
type Config struct {
	Bus client.Config `ignored:"true"` // filled by itself

	// CyclePause is how old the last event of a subject must be to be sent again.
	CyclePause time.Duration `envconfig:"CYCLE_PAUSE" default:"20s" desc:"how old an event must be to be sent again"`
	// PublishURL is where events are posted, too; empty means nowhere.
	PublishURL string `envconfig:"PUBLISH_URL" desc:"where events are posted, too, such as http://127.0.0.1:8447/publish"`
	// PublishToken goes with each post as a bearer token; empty means none.
	PublishToken string `envconfig:"PUBLISH_TOKEN" desc:"bearer token of these posts"`
	// Listen is the address of health and metrics; empty means none.
	Listen string `envconfig:"LISTEN" default:":8449" desc:"address of /healthz, /readyz and /metrics"`
	// CheckEvery is how often the streamer makes sure that the streams are still
	// those that its views are of.
	CheckEvery time.Duration `envconfig:"CHECK_EVERY" default:"30s" desc:"how often the streams are checked"`

	Models Models `ignored:"true"` // flags
}

// Models are figures of models trained elsewhere that ride on each cycle.
type Models struct {
	Name      string   // of the model; empty means knn
	Metric    *float64 // nil: none
	LatencyUS *float64 // of one inference, in µs; nil: none. It needs a Metric.
}

// Settings are the parts of c to fill from the environment.
func (c *Config) Settings() []service.Settings {
	return []service.Settings{{Into: c}, {Into: &c.Bus}}
}

// ErrLatencyAlone says that a latency was given without an accuracy.
var ErrLatencyAlone = errors.New("--also-perf-latency-us needs --also-metric: a latency without an accuracy is no point in the plot")

// Validate fills defaults and names the first field that can't be used.
func (c *Config) Validate() error {
	if c.CyclePause == 0 {
		c.CyclePause = 20 * time.Second
	}
	if c.CheckEvery == 0 {
		c.CheckEvery = 30 * time.Second
	}
	if c.CyclePause < 0 {
		return fmt.Errorf("CYCLE_PAUSE is %s: it must not be negative", c.CyclePause)
	}
	if c.CheckEvery < 0 {
		return fmt.Errorf("CHECK_EVERY is %s: it must not be negative", c.CheckEvery)
	}
	if c.PublishURL != "" {
		if u, err := url.Parse(c.PublishURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("PUBLISH_URL is %q: it must be an http or https URL", c.PublishURL)
		}
	}
	if err := c.Models.Validate(); err != nil {
		return err
	}
	return c.Bus.Validate()
}

// Validate fills the model's name and refuses a latency without a metric.
func (m *Models) Validate() error {
	if m.Name == "" {
		m.Name = "knn"
	}
	if m.Metric != nil && *m.Metric > 1 {
		return fmt.Errorf("--also-metric is %g: an accuracy lies between 0 and 1", *m.Metric)
	}
	if m.LatencyUS != nil && m.Metric == nil {
		return ErrLatencyAlone
	}
	return nil
}

// Events are what rides on each cycle, by subject.
func (m Models) Events() map[string]any {
	all := map[string]any{}
	if m.Metric != nil {
		all[events.Subject(events.TypeModelMetric, m.Name)] = events.ModelMetric{Type: events.TypeModelMetric, Model: m.Name, Metric: *m.Metric}
	}
	if m.LatencyUS != nil {
		all[events.Subject(events.TypeModelPerf, m.Name)] = events.ModelPerf{
			Type: events.TypeModelPerf, Model: m.Name, Latency: *m.LatencyUS, Accuracy: *m.Metric,
		}
	}
	return all
}
