package standalone_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/command/standalone"
	"github.com/cis490/profiles/command/synth"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/store"
	"github.com/cis490/profiles/streamer"
)

// perProfile is how many episodes of each profile are accepted, one after the
// other, in each iteration.
const perProfile = 50

// BenchmarkAcceptedToEvent measures the time from publishing episode.accepted until
// a client on a socket gets the attack_profile event whose sample has the episode.
// It measures an idle system, and one that accepts 1,000 other episodes a second
// without opening their archives, which is the usual load once samples are full. It
// reports the median and the 99th and 99.9th percentile.
func BenchmarkAcceptedToEvent(b *testing.B) {
	dir := b.TempDir()
	g := synth.New(1)
	spec := fit.DefaultSpec()
	spec.Target = 10_000 // every episode changes its envelope
	var profiles []string
	for _, p := range spec.Profiles {
		profiles = append(profiles, string(p.Name))
	}
	if err := g.Write(context.Background(), dir, perProfile, profiles, nil); err != nil {
		b.Fatal(err)
	}
	archives, err := store.OpenDir(filepath.Join(dir, "store"))
	if err != nil {
		b.Fatal(err)
	}
	for _, load := range []int{0, 1000} {
		b.Run(fmt.Sprintf("%d-others", load), func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				took = append(took, acceptAll(b, g, archives, spec, load)...)
			}
			slices.Sort(took)
			at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1e3 }
			b.ReportMetric(at(0.5), "p50-ms")
			b.ReportMetric(at(0.99), "p99-ms")
			b.ReportMetric(at(0.999), "p99.9-ms")
			b.ReportMetric(0, "ns/op") // meaningless: it includes the start of the system
		})
	}
}

// others accepts rate episodes a second, of a profile that the spec does not name,
// until ctx ends.
func others(ctx context.Context, nc *bus.Bus, rate int) error {
	const every = 10 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	sent := 0
	notices := func(yield func(bus.Notice) bool) {
		for began := time.Now(); ; {
			for due := int(time.Since(began).Seconds() * float64(rate)); sent < due; sent++ {
				if !yield(bus.Notice{Host: "host", Episode: fmt.Sprintf("other-%d", sent), Profile: "other", At: time.Now()}) {
					return
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
	if err := nc.PublishAll(ctx, notices, func(bus.Notice) {}); ctx.Err() == nil {
		return err
	}
	return nil
}

// acceptAll runs a system, accepts the episodes one by one, and returns the time
// that each one took.
func acceptAll(b *testing.B, g *synth.Generator, store episode.Store, spec *fit.Spec, load int) []time.Duration {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	cfg := standalone.Config{NATS: "127.0.0.1:0", Dir: b.TempDir()}
	deps := standalone.Deps{Store: store, Spec: spec, Log: slog.New(slog.DiscardHandler), Listener: listener}
	var took []time.Duration
	err = standalone.Run(b.Context(), cfg, deps, func(ctx context.Context, s *standalone.System) error {
		ctx, end := context.WithCancel(ctx)
		loading := make(chan error, 1)
		go func() { loading <- others(ctx, s.Bus, load) }()
		defer func() {
			end()
			if err := <-loading; err != nil {
				b.Error(err)
			}
		}()
		var err error
		took, err = acceptEach(ctx, g, s, spec)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return took
}

func acceptEach(ctx context.Context, g *synth.Generator, s *standalone.System, spec *fit.Spec) ([]time.Duration, error) {
	nc, err := nats.Connect(s.URL)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	events, err := nc.SubscribeSync("dashboard.attack_profile.*")
	if err != nil {
		return nil, err
	}
	if err := nc.Flush(); err != nil {
		return nil, err
	}
	var took []time.Duration
	for i := range perProfile {
		for _, p := range spec.Profiles {
			host, id := g.Ref(string(p.Name), i)
			began := time.Now()
			if _, err := s.Bus.Publish(ctx, bus.Notice{Host: host, Episode: id, Profile: string(p.Name), At: began}); err != nil {
				return nil, err
			}
			if err := waitForEvent(ctx, events, p.Name, i+1); err != nil {
				return nil, err
			}
			took = append(took, time.Since(began))
		}
	}
	return took, nil
}

// waitForEvent waits for the event of a profile whose envelope is of n episodes.
func waitForEvent(ctx context.Context, published *nats.Subscription, p fit.ProfileName, n int) error {
	for {
		msg, err := published.NextMsgWithContext(ctx)
		if err != nil {
			return err
		}
		var e streamer.AttackProfile
		if err := json.Unmarshal(msg.Data, &e); err != nil {
			return err
		}
		if e.Name == string(p) && e.Used == n {
			return nil
		}
	}
}
