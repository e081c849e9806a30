//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
)

// nameStreams records the names of all streams once they exist.
func (f *fleet) nameStreams() {
	f.must("the streams' names", time.Minute, func(ctx context.Context) error {
		return ask(ctx, func(ctx context.Context) error {
			f.topology = nil
			all, err := f.bus.Streams(ctx)
			for _, s := range all {
				f.topology = append(f.topology, s.Name)
			}
			return err
		})
	})
}

// healthy waits until every stream, and both consumers of the wanted generation, exist and
// have a leader, and all of their replicas are up to date. It asks for each by name,
// since lists leave out streams without a leader.
func (f *fleet) healthy(ctx context.Context) error {
	for _, stream := range f.topology {
		if err := ask(ctx, f.caughtUp(stream)); err != nil {
			return err
		}
	}
	return ask(ctx, func(ctx context.Context) error {
		gen, err := f.wanted(ctx)
		if err != nil {
			return err
		}
		for stream, name := range map[string]string{
			bus.EpisodesStream: bus.AlignConsumer(gen.ID), "KV_" + bus.CurvesBucket: bus.ReduceConsumer(gen.ID),
		} {
			c, err := f.js.Consumer(ctx, stream, name)
			if err != nil {
				return fmt.Errorf("consumer %s: %w", name, err)
			}
			if err := checkReplicas("consumer "+name, nodes, c.CachedInfo().Cluster); err != nil {
				return err
			}
		}
		return nil
	})
}

// caughtUp returns a check that a stream has a leader and that all of its replicas are up
// to date.
func (f *fleet) caughtUp(stream string) func(context.Context) error {
	return func(ctx context.Context) error {
		s, err := f.js.Stream(ctx, stream)
		if err != nil {
			return fmt.Errorf("stream %s: %w", stream, err)
		}
		info := s.CachedInfo()
		return checkReplicas("stream "+stream, info.Config.Replicas, info.Cluster)
	}
}

// checkReplicas checks that a stream or consumer has a leader, and a current copy on every node.
func checkReplicas(what string, replicas int, c *jetstream.ClusterInfo) error {
	if c == nil || c.Leader == "" {
		return errors.New(what + " has no leader")
	}
	if replicas != nodes || len(c.Replicas) != nodes-1 {
		return fmt.Errorf("%s has %d replicas beside its leader, of %d", what, len(c.Replicas), replicas)
	}
	for _, r := range c.Replicas {
		if !r.Current || r.Offline {
			return fmt.Errorf("%s: replica %s is not up to date", what, r.Name)
		}
	}
	return nil
}

// wanted returns the generation of the wanted spec.
func (f *fleet) wanted(ctx context.Context) (bus.Generation, error) {
	specs, err := f.bus.ReadSpecs(ctx)
	if err != nil {
		return bus.Generation{}, err
	}
	gen, ok := specs.Wanted()
	if !ok || gen.Spec.Revision != f.spec.Revision {
		return gen, fmt.Errorf("revision %d is wanted, not %d", gen.Spec.Revision, f.spec.Revision)
	}
	return gen, nil
}

func TestHealthy(t *testing.T) {
	c := bustest.StartCluster(t)
	f := &fleet{t: t, bus: c.Topology(), js: c.JetStream(), spec: fit.DefaultSpec()}
	f.nameStreams()
	gen, _, end := bustest.Curves(t, f.bus, f.spec)
	defer end()
	expect := func(when string, within time.Duration, right bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patient(within))
		defer cancel()
		if err := f.healthy(ctx); (err == nil) != right {
			t.Errorf("%s: %v", when, err)
		}
	}
	expect("without consumers", 2*time.Second, false)
	if err := f.bus.EnsureConsumers(t.Context(), gen, time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	expect("whole", time.Minute, true)
	if err := f.js.DeleteStream(t.Context(), bus.SuspectsStream); err != nil {
		t.Fatal(err)
	}
	expect("without a stream", 2*time.Second, false)
}
