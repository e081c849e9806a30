package worker

import (
	"cmp"
	"runtime"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/internal/setting"
)

// Config of a worker, which envconfig fills from the environment. Unless its comment
// says otherwise, the zero value of a field means its default, which Validate fills in.
type Config struct {
	Bus    client.Config  `ignored:"true"` // has variables of its own; see Settings
	Limits episode.Limits `ignored:"true"` // has variables of its own, with the prefix EPISODE_MAX

	// Store is the address of the store of archives. The default is the directory data/store.
	Store string `envconfig:"EPISODE_STORE" desc:"where archives are: a directory, file:///directory, nats://bucket or s3://bucket/prefix"`
	// Spec is the path of a fit spec, a YAML file. Empty means the built-in spec of six profiles.
	Spec string `envconfig:"FIT_SPEC" desc:"fit spec, a YAML file; without it, that of the six profiles"`
	// Listen is the address of health, metrics and /scale. Empty means that the worker does not
	// listen. If LISTEN is not set, it is 127.0.0.1:8448.
	Listen string `envconfig:"LISTEN" default:"127.0.0.1:8448" desc:"address of /healthz, /readyz, /metrics and /scale"`
	// Concurrency is the number of archives that are read at once, 1 to 1024. The default is
	// the number of cores.
	Concurrency int `envconfig:"CONCURRENCY" desc:"archives read at once; without it, the number of cores"`
	// AckWait is the ack deadline of an episode: if a worker does not extend it for so long,
	// NATS delivers the episode to another worker. At most 1h, as all durations here.
	AckWait time.Duration `envconfig:"ALIGN_ACK_WAIT" desc:"time without an extension after which an episode is delivered again"`
	// ReduceWait is the ack deadline of a put.
	ReduceWait time.Duration `envconfig:"REDUCE_ACK_WAIT" desc:"the same for puts to reduce"`
	// DrainTime is how long work in hand may go on after Run was told to end.
	DrainTime time.Duration `envconfig:"DRAIN_TIME" desc:"how long work in hand may go on after SIGTERM"`
	// Patience is how long the worker waits for an archive that the store does not have.
	Patience time.Duration `envconfig:"MISSING_PATIENCE" desc:"how long to wait for an archive that is missing"`
	// CheckEvery is how often the worker compares its view with the envelopes, and checks
	// that no stream was created again.
	CheckEvery time.Duration `envconfig:"CHECK_EVERY" desc:"how often envelopes are compared with the view"`
}

// Settings returns the parts of c that have environment variables.
func (c *Config) Settings() []service.Settings {
	return []service.Settings{{Into: c}, {Into: &c.Bus}, {Prefix: "EPISODE_MAX", Into: &c.Limits}}
}

// Validate fills in defaults. It returns an error that names the first setting that is out
// of range, and its value.
func (c *Config) Validate() error {
	setting.Default(&c.Store, "data/store")
	c.Limits = c.Limits.OrDefault() // the limits are part of the generation, so none may stay zero
	return cmp.Or(
		setting.Number("CONCURRENCY", &c.Concurrency, runtime.GOMAXPROCS(0), 1, 1024),
		setting.Number("ALIGN_ACK_WAIT", &c.AckWait, bus.AlignAckWait, 0, time.Hour),
		setting.Number("REDUCE_ACK_WAIT", &c.ReduceWait, bus.ReduceAckWait, 0, time.Hour),
		setting.Number("DRAIN_TIME", &c.DrainTime, 10*time.Second, 0, time.Hour),
		setting.Number("MISSING_PATIENCE", &c.Patience, 10*time.Second, 0, time.Hour),
		setting.Number("CHECK_EVERY", &c.CheckEvery, 30*time.Second, 0, time.Hour),
		c.Limits.Validate(),
		c.Bus.Validate(),
	)
}
