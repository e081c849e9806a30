// Package standalone runs the whole system in one process: an embedded NATS
// server, a worker, a streamer and the dashboard, each with an in-process
// connection of its own as in a cluster. One HTTP endpoint has the page, and the
// health and metrics of all.
package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/embedded"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/streamer"
	"github.com/cis490/profiles/worker"
)

// Config of a standalone system.
type Config struct {
	// NATS is the host:port of the embedded server; port 0 takes a free one.
	NATS string
	// Dir keeps the server's files. Nobody else may use it meanwhile.
	Dir string
	// The services' settings. What they say of NATS and of where to listen is not
	// looked at.
	Worker    worker.Config
	Streamer  streamer.Config
	Dashboard dashboard.Config
}

// Deps are what the system works with; they stay the caller's.
type Deps struct {
	Store episode.Store
	Spec  *fit.Spec
	Log   *slog.Logger
	// Listener is where the page, /publish, /healthz, /readyz and /metrics are
	// served; Run closes it.
	Listener net.Listener
}

// A System is what works beside the services, while they run.
type System struct {
	Bus *bus.Bus
	URL string // where clients reach the embedded server

	worker    *worker.Worker
	streamer  *streamer.Streamer
	dashboard *dashboard.Dashboard
}

// Ready returns nil while all services do their work, else what they wait for.
func (s *System) Ready() error {
	return errors.Join(s.worker.Ready(), s.streamer.Ready(), s.dashboard.Ready())
}

// ErrServer matches an error of starting the embedded server.
var ErrServer = errors.New("start the embedded NATS server")

// Run starts everything, calls work, and ends everything in order when work has
// returned: the services, their connections, the server. The topology is there
// when work is called; the services may still be starting. Its error is that of
// work, or of what failed before or meanwhile.
func Run(ctx context.Context, cfg Config, deps Deps, work func(context.Context, *System) error) error {
	defer func() { _ = deps.Listener.Close() }() // again, where it was served
	server, err := embedded.Start(embedded.Config{Addr: cfg.NATS, Dir: cfg.Dir})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	defer server.Shutdown()

	var buses [4]*bus.Bus
	for i, name := range []string{"profiles", "profile-worker", "profile-streamer", "profile-dashboard"} {
		// The zero settings: what the environment says of NATS is of another server.
		if buses[i], err = bus.Connect(bus.Config{Name: name}, deps.Log, server.InProcess()); err != nil {
			return err
		}
		defer buses[i].Close()
	}
	if err := buses[0].EnsureTopology(ctx); err != nil {
		return err
	}
	registry := service.NewRegistry()
	cfg.Worker.Bus, cfg.Streamer.Bus, cfg.Dashboard.Bus = bus.Config{}, bus.Config{}, bus.Config{}
	s := &System{Bus: buses[0], URL: server.URL()}
	s.worker, err = worker.New(cfg.Worker, worker.Deps{
		Bus: buses[1], Store: deps.Store, Spec: deps.Spec, Log: deps.Log, Registry: registry,
	})
	if err != nil {
		return err
	}
	s.streamer, err = streamer.New(cfg.Streamer, streamer.Deps{Bus: buses[2], Log: deps.Log, Registry: registry})
	if err != nil {
		return err
	}

	s.dashboard, err = dashboard.New(cfg.Dashboard, dashboard.Deps{Bus: buses[3], Log: deps.Log, Registry: registry, Ready: s.Ready})
	if err != nil {
		return err
	}

	g, ctx := errgroup.WithContext(ctx)
	ctx, end := context.WithCancel(ctx)
	defer end()
	g.Go(func() error { return s.dashboard.ServeListener(ctx, deps.Listener) })
	g.Go(func() error { return s.dashboard.Run(ctx) })
	g.Go(func() error { return s.worker.Run(ctx) })
	g.Go(func() error { return s.streamer.Run(ctx) })
	g.Go(func() error {
		defer end()
		return work(ctx, s)
	})
	return g.Wait()
}
