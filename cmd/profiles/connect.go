package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/pflag"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/internal/service"
)

// busFlags say which NATS a command talks to: the environment does, and --nats
// goes over NATS_URL.
type busFlags struct{ url string }

func (f *busFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "nats", "", "`URL` of the NATS servers, separated by commas (NATS_URL, default nats://127.0.0.1:4222)")
}

// config is the connection's settings.
func (f *busFlags) config() (client.Config, error) {
	var cfg client.Config
	if err := (service.Settings{Into: &cfg}).FromEnvironment(); err != nil {
		return cfg, usage(err)
	}
	if f.url != "" {
		cfg.URL = f.url
	}
	if cfg.Name == "" {
		cfg.Name = "profiles"
	}
	return cfg, usage(cfg.Validate())
}

const (
	dialTimeout = 3 * time.Second
	// topologyTimeout bounds the making of streams: a command rather fails than
	// waits for a cluster to get well.
	topologyTimeout = 15 * time.Second
)

// connect returns a connection that stands, or an error within seconds.
func (f *busFlags) connect(ctx context.Context, t *terminal, change ...func(*client.Config)) (*bus.Bus, error) {
	cfg, err := f.config()
	if err != nil {
		return nil, err
	}
	for _, c := range change {
		c(&cfg)
	}
	b, err := bus.Connect(cfg, t.log, nats.RetryOnFailedConnect(false), nats.Timeout(dialTimeout))
	if nobodyThere(err) {
		return nil, fmt.Errorf("%w (is it running? --nats or NATS_URL says where; `profiles up` starts one)", err)
	}
	if err != nil {
		return nil, err
	}
	if err := b.CheckJetStream(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// nobodyThere tells whether err says that no server answers there at all.
func nobodyThere(err error) bool {
	var dial *net.OpError
	return errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) || errors.As(err, &dial) && dial.Op == "dial"
}

// topology makes sure of streams and buckets.
func topology(ctx context.Context, b *bus.Bus) error {
	ctx, cancel := context.WithTimeoutCause(ctx, topologyTimeout, fmt.Errorf("no success within %s", topologyTimeout))
	defer cancel()
	return b.EnsureTopology(ctx)
}
