package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/wait"
	"github.com/cis490/profiles/store"
)

type topologyOptions struct {
	bus      busFlags
	spec     string
	patience time.Duration
	archives string
	json     bool
}

func topologyCommand(t *terminal) *cobra.Command {
	var o topologyOptions
	cmd := &cobra.Command{
		Use:   "topology [--spec FILE] [--archives URL] [flags]",
		Short: "make the streams and buckets that the services use",
		Long: `topology makes every stream and bucket where absent and mends settings that
differ. Services do that by themselves, unless TOPOLOGY=expect tells them to wait
for it: then this command, with more rights than theirs, does it for them.

With --spec it also registers the spec and makes its two consumers, with --archives
the bucket of archives. NATS_REPLICAS says how many replicas new streams get. It is
safe to repeat. --patience is for where NATS starts at the same time: until then a
server that can't be reached, a cluster without a leader and one with too few
servers are waited for.`,
		Example: `  profiles topology
  profiles topology --spec default --archives nats://episodes --patience 5m
  NATS_REPLICAS=3 profiles topology --spec spec.yaml --nats nats://nats:4222`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&o.spec, "spec", "", "also register the fit spec in this `FILE` and make its consumers; \"default\" is the built-in one")
	f.StringVar(&o.archives, "archives", "", "also make the bucket of archives at this `URL`: nats://bucket")
	f.DurationVar(&o.patience, "patience", 0, "how long to wait for NATS, a `TIME` such as 5m (default: fail within seconds)")
	f.BoolVar(&o.json, "json", false, "print what is there as JSON")
	o.bus.add(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runTopology(cmd.Context(), t, o) }
	return cmd
}

// topologyMade is what the command prints.
type topologyMade struct {
	Streams    []bus.StreamSize `json:"streams"`
	Generation string           `json:"generation,omitempty"`
	Archives   string           `json:"archives,omitempty"`
}

func runTopology(ctx context.Context, t *terminal, o topologyOptions) error {
	if o.archives != "" && !store.NeedsBus(o.archives) {
		return usagef("--archives is %q: it must be nats://bucket", o.archives)
	}
	spec, limits, err := o.wanted()
	if err != nil {
		return err
	}
	if o.patience < 0 {
		return usagef("--patience is %s: it must not be negative", o.patience)
	}
	limit := max(o.patience, topologyTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no success within %s", limit))
	defer cancel()
	b, err := o.connect(ctx, t)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.EnsureTopology(ctx); err != nil {
		return err
	}
	made := topologyMade{Archives: o.archives}
	if o.archives != "" {
		_, shut, err := uploader(ctx, t, o.archives, b) // which makes the bucket
		if err != nil {
			return err
		}
		shut()
	}
	if spec != nil {
		specs, err := b.ReadSpecs(ctx)
		if err != nil {
			return err
		}
		generation, err := b.Present(ctx, specs, spec, limits)
		if err != nil {
			return err
		}
		if err := b.Register(ctx, generation); err != nil {
			return err
		}
		if err := b.EnsureConsumers(ctx, generation, bus.AlignAckWait, bus.ReduceAckWait); err != nil {
			return err
		}
		made.Generation = string(generation.ID)
	}
	if made.Streams, err = b.Streams(ctx); err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(t.out).Encode(made)
	}
	fmt.Fprintf(t.out, "%d streams and buckets are there\n", len(made.Streams))
	if o.archives != "" {
		fmt.Fprintf(t.out, "archives have their place at %s\n", o.archives)
	}
	if spec != nil {
		fmt.Fprintf(t.out, "generation %s is registered and has its consumers\n", made.Generation)
	}
	return nil
}

// wanted is the spec whose consumers are to be made, nil where none is given,
// and the limits that are part of its generation.
func (o *topologyOptions) wanted() (*fit.Spec, episode.Limits, error) {
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

// connect tries for as long as patience says.
func (o *topologyOptions) connect(ctx context.Context, t *terminal) (*bus.Bus, error) {
	began := time.Now()
	for {
		// Whatever the environment tells the services: this is who makes it.
		b, err := o.bus.connect(ctx, t, func(cfg *client.Config) { cfg.Topology = client.TopologyCreate })
		var mistake *usageError
		if err == nil || errors.As(err, &mistake) || time.Since(began) > o.patience {
			return b, err
		}
		if wait.For(ctx, time.Second) != nil {
			return nil, err
		}
	}
}
