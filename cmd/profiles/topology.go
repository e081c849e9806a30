package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/internal/wait"
	"github.com/cis490/profiles/store"
)

type topologyOptions struct {
	nats     natsFlags
	spec     string
	patience time.Duration
	archives string
	json     bool
}

func topologyCommand() command {
	o := &topologyOptions{}
	cmd := &cobra.Command{
		Use:   "topology [--spec FILE] [--archives URL] [flags]",
		Short: "make the streams and buckets that the services use",
		Long: `topology makes the streams and buckets that are missing, and corrects settings that
differ. Services do this by themselves, except with TOPOLOGY=expect: then they wait
until this command has run. It needs the rights of an operator.

With --spec it also registers a spec and makes its two consumers. With --archives it
also makes the bucket of archives. New streams have NATS_REPLICAS replicas. It may be
repeated.

Use --patience if NATS may still be starting. For that time the command waits for a
server that cannot be reached, for a cluster without a leader, and for a cluster with
too few servers.`,
		Example: `  profiles topology
  profiles topology --spec default --archives nats://episodes --patience 5m
  NATS_REPLICAS=3 profiles topology --spec spec.yaml --nats nats://nats:4222`,
		Args: noArguments,
	}
	f := cmd.Flags()
	f.StringVar(&o.spec, "spec", "", "also register the fit spec in this `FILE` and make its consumers; \"default\" is the built-in spec")
	f.StringVar(&o.archives, "archives", "", "also make the bucket of archives at this `URL`: nats://bucket")
	f.DurationVar(&o.patience, "patience", 0, "how long to wait for NATS, a `TIME` such as 5m (default: fail within seconds)")
	f.BoolVar(&o.json, "json", false, "print the streams as JSON")
	o.nats.add(f)
	return command{cmd, o.validate, o.run}
}

func (o *topologyOptions) validate() error {
	switch {
	case o.archives != "" && !store.NeedsBus(o.archives):
		return fmt.Errorf("--archives is %q: it must be nats://bucket", o.archives)
	case o.patience < 0:
		return fmt.Errorf("--patience is %s: it must not be negative", o.patience)
	}
	return nil
}

// A topologyReport is the output of the command.
type topologyReport struct {
	Streams    []bus.StreamSize `json:"streams"`
	Generation string           `json:"generation,omitempty"`
	Archives   string           `json:"archives,omitempty"`
}

func (o *topologyOptions) run(ctx context.Context, t *terminal) error {
	spec, limits, err := o.loadSpec()
	if err != nil {
		return err
	}
	ctx, cancel := withTimeout(ctx, max(o.patience, topologyTimeout))
	defer cancel()
	b, err := o.connect(ctx, t)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.EnsureTopology(ctx); err != nil {
		return err
	}
	r := topologyReport{Archives: o.archives}
	if o.archives != "" {
		s, closeStore, err := makeStore(ctx, t, o.archives, nil, b)
		if err != nil {
			return err
		}
		if s, ok := s.(*store.NATS); ok {
			s.KeepSettings(ctx)
		}
		closeStore()
	}
	if spec != nil {
		if r.Generation, err = register(ctx, b, spec, limits); err != nil {
			return err
		}
	}
	if r.Streams, err = b.Streams(ctx); err != nil {
		return err
	}
	return t.print(o.json, r, r.print)
}

// loadSpec returns the spec to register, nil without --spec, and the limits that are
// part of its generation.
func (o *topologyOptions) loadSpec() (*fit.Spec, episode.Limits, error) {
	if o.spec == "" {
		return nil, episode.Limits{}, nil
	}
	path := o.spec
	if path == "default" {
		path = ""
	}
	spec, err := loadSpec(path)
	if err != nil {
		return nil, episode.Limits{}, err
	}
	limits, err := limits()
	return spec, limits, err
}

// connect tries again until the patience is over.
func (o *topologyOptions) connect(ctx context.Context, t *terminal) (*bus.Bus, error) {
	cfg, err := o.nats.config()
	if err != nil {
		return nil, err
	}
	cfg.Topology = client.TopologyCreate // TOPOLOGY=expect is for the services
	began := time.Now()
	for {
		b, err := connect(ctx, t, cfg)
		var mistake *service.UsageError
		if err == nil || errors.As(err, &mistake) || time.Since(began) > o.patience {
			return b, err
		}
		if wait.For(ctx, time.Second) != nil {
			return nil, err
		}
	}
}

// register registers the present generation of a spec, makes its consumers, and
// returns its id.
func register(ctx context.Context, b *bus.Bus, spec *fit.Spec, limits episode.Limits) (string, error) {
	specs, err := b.ReadSpecs(ctx)
	if err != nil {
		return "", err
	}
	generation, err := b.Present(ctx, specs, spec, limits)
	if err != nil {
		return "", err
	}
	if err := b.Register(ctx, generation); err != nil {
		return "", err
	}
	err = b.EnsureConsumers(ctx, generation, bus.AlignAckWait, bus.ReduceAckWait)
	if errors.Is(err, bus.ErrNeedsEpoch) { // the consumers of the next epoch are new ones
		generation = generation.Next()
		if err := b.Register(ctx, generation); err != nil {
			return "", err
		}
		err = b.EnsureConsumers(ctx, generation, bus.AlignAckWait, bus.ReduceAckWait)
	}
	if err != nil {
		return "", err
	}
	return string(generation.ID), nil
}

func (r topologyReport) print(out io.Writer) error {
	fmt.Fprintf(out, "%d streams and buckets exist\n", len(r.Streams))
	if r.Archives != "" {
		fmt.Fprintf(out, "the bucket of archives exists: %s\n", r.Archives)
	}
	if r.Generation != "" {
		fmt.Fprintf(out, "generation %s is registered and has its consumers\n", r.Generation)
	}
	return nil
}
