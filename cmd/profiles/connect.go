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

// natsFlags have the address of NATS. --nats overrides NATS_URL; all other settings come
// from the environment.
type natsFlags struct{ url string }

func (f *natsFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "nats", "", "`URL` of the NATS servers, separated by commas (NATS_URL, default "+nats.DefaultURL+")")
}

func (f *natsFlags) config() (client.Config, error) {
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
	// topologyTimeout bounds the time for making streams: a command fails instead of
	// waiting for a cluster to recover.
	topologyTimeout = 15 * time.Second
)

// connect returns an open connection, or an error within seconds.
func (f *natsFlags) connect(ctx context.Context, t *terminal) (*bus.Bus, error) {
	cfg, err := f.config()
	if err != nil {
		return nil, err
	}
	return connect(ctx, t, cfg)
}

func connect(ctx context.Context, t *terminal, cfg client.Config) (*bus.Bus, error) {
	b, err := bus.Connect(cfg, t.log, nats.RetryOnFailedConnect(false), nats.Timeout(dialTimeout))
	if noServer(err) {
		return nil, fmt.Errorf("%w (is a server running there? Set --nats or NATS_URL; `profiles up` starts one)", err)
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

// connectAndMakeStreams connects and makes the streams and buckets that are missing.
func (f *natsFlags) connectAndMakeStreams(ctx context.Context, t *terminal) (*bus.Bus, error) {
	b, err := f.connect(ctx, t)
	if err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(ctx, topologyTimeout)
	defer cancel()
	if err := b.EnsureTopology(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// withTimeout returns a context whose cause says that the time is over.
func withTimeout(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("no success within %s", limit))
}

// noServer reports whether err says that no server answers at the address.
func noServer(err error) bool {
	var dial *net.OpError
	return errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) || errors.As(err, &dial) && dial.Op == "dial"
}
