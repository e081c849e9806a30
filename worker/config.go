package worker

import (
	"fmt"
	"runtime"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/internal/service"
)

// Config of a worker, filled from the environment by envconfig. A field's zero
// value means its default.
type Config struct {
	Bus    client.Config  `ignored:"true"` // filled by itself
	Limits episode.Limits `ignored:"true"` // filled by itself, prefix EPISODE_MAX

	// Store is where archives come from.
	Store string `envconfig:"EPISODE_STORE" default:"data/store" desc:"where archives are: a directory, file:///directory, nats://bucket or s3://bucket/prefix"`
	// Spec is a YAML file; empty means the built-in spec of the six profiles.
	Spec string `envconfig:"FIT_SPEC" desc:"fit spec, a YAML file (default: the six profiles)"`
	// Listen is the address of health and metrics; empty means none.
	Listen string `envconfig:"LISTEN" default:":8448" desc:"address of /healthz, /readyz and /metrics"`
	// Concurrency is how many archives are read at once.
	Concurrency int `envconfig:"CONCURRENCY" desc:"archives read at once (default: the cores)"`
	// AckWait is how long NATS waits for a sign of life before it delivers an
	// episode to another worker.
	AckWait time.Duration `envconfig:"ALIGN_ACK_WAIT" default:"30s" desc:"wait for a sign of life before an episode is delivered again"`
	// ReduceWait is the same for puts.
	ReduceWait time.Duration `envconfig:"REDUCE_ACK_WAIT" default:"10s" desc:"the same for puts to reduce"`
	// DrainTime is how long work in hand may go on at the end.
	DrainTime time.Duration `envconfig:"DRAIN_TIME" default:"10s" desc:"how long work in hand may go on after SIGTERM"`
	// Patience is how long an archive that the store says is not there is waited for.
	Patience time.Duration `envconfig:"MISSING_PATIENCE" default:"10s" desc:"how long to wait for an archive that is not there"`
	// CheckEvery is how often a worker compares its view with the envelopes and
	// makes sure that the streams are still the same.
	CheckEvery time.Duration `envconfig:"CHECK_EVERY" default:"30s" desc:"how often envelopes are compared with the view"`
}

// Settings are the parts of c to fill from the environment.
func (c *Config) Settings() []service.Settings {
	return []service.Settings{{Into: c}, {Into: &c.Bus}, {Prefix: "EPISODE_MAX", Into: &c.Limits}}
}

// Validate fills defaults and names the first field that can't be used.
func (c *Config) Validate() error {
	if c.Concurrency == 0 {
		c.Concurrency = runtime.GOMAXPROCS(0)
	}
	fill := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	fill(&c.AckWait, bus.AlignAckWait)
	fill(&c.ReduceWait, bus.ReduceAckWait)
	fill(&c.DrainTime, 10*time.Second)
	fill(&c.Patience, 10*time.Second)
	fill(&c.CheckEvery, 30*time.Second)
	c.Limits = c.Limits.OrDefault() // zero and the default must be one generation
	if c.Concurrency < 1 || c.Concurrency > 1024 {
		return fmt.Errorf("CONCURRENCY is %d: it must be between 1 and 1024", c.Concurrency)
	}
	for name, d := range map[string]time.Duration{
		"ALIGN_ACK_WAIT": c.AckWait, "REDUCE_ACK_WAIT": c.ReduceWait, "DRAIN_TIME": c.DrainTime,
		"MISSING_PATIENCE": c.Patience, "CHECK_EVERY": c.CheckEvery,
	} {
		if d < 0 || d > time.Hour {
			return fmt.Errorf("%s is %s: it must be between 0 and 1h", name, d)
		}
	}
	if err := c.Limits.Validate(); err != nil {
		return err
	}
	return c.Bus.Validate()
}
