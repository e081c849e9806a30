// Package standalone runs the whole system in one process: an embedded NATS
// server, a worker, a streamer and the dashboard. Each service has its own
// connection, as in a cluster, but in memory. One HTTP endpoint serves the page
// and, on a loopback address, the health and metrics of all services.
//
// Start with [Run].
package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
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
	// NATS is the host:port of the embedded server. Port 0 takes a free port.
	NATS string
	// Dir is the folder of the server's files. No other server may use it at the same
	// time.
	Dir string
	// The services' settings. Those of NATS, and LISTEN, are ignored.
	Worker    worker.Config
	Streamer  streamer.Config
	Dashboard dashboard.Config
}

// Deps are the dependencies of the system. The caller closes the store.
type Deps struct {
	Store episode.Store
	Spec  *fit.Spec
	Log   *slog.Logger
	// Listener serves the page and /publish. Run closes it. If it is on a loopback address,
	// it also serves /healthz, /readyz and /metrics; else Dashboard.HealthListen does.
	Listener net.Listener
}

// A System is a running system. It is valid until the function work of Run returns.
type System struct {
	Bus *bus.Bus
	URL string // of the embedded server, for clients

	worker    *worker.Worker
	streamer  *streamer.Streamer
	dashboard *dashboard.Dashboard
}

// Ready returns nil if all services are ready, else an error that says what they
// wait for.
func (s *System) Ready() error {
	return errors.Join(s.worker.Ready(), s.streamer.Ready(), s.dashboard.Ready())
}

// Problem returns what fails although all services are ready, and what to do: posts to
// PUBLISH_URL. It is nil if nothing fails.
func (s *System) Problem() error { return s.streamer.Problem() }

// ErrServer matches the error of Run if the embedded server does not start.
var ErrServer = errors.New("start the embedded NATS server")

// Run starts the server and the services, calls work, and when work has returned
// ends the services, their connections and the server in this order. When work is
// called all streams exist; the services may still be starting. Run returns the
// first error of work, of a service or of the start.
func Run(ctx context.Context, cfg Config, deps Deps, work func(context.Context, *System) error) error {
	defer func() { _ = deps.Listener.Close() }() // closed twice if it was served
	server, err := embedded.Start(embedded.Config{Addr: cfg.NATS, Dir: cfg.Dir})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	defer server.Shutdown()

	var buses [4]*bus.Bus
	for i, name := range []string{"profiles", "profile-worker", "profile-streamer", "profile-dashboard"} {
		// Do not use the settings of the environment: they are for another server.
		if buses[i], err = bus.Connect(client.Config{Name: name}, deps.Log, server.InProcess()); err != nil {
			return err
		}
		defer buses[i].Close()
	}
	if err := buses[0].EnsureTopology(ctx); err != nil {
		return err
	}
	registry := service.NewRegistry()
	cfg.Worker.Bus, cfg.Streamer.Bus, cfg.Dashboard.Bus = client.Config{}, client.Config{}, client.Config{}
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
	s.dashboard, err = dashboard.New(cfg.Dashboard, dashboard.Deps{Bus: buses[3], Log: deps.Log, Registry: registry, Ready: s.Ready, Problem: s.Problem})
	if err != nil {
		return err
	}

	g, ctx := errgroup.WithContext(ctx)
	ctx, end := context.WithCancel(ctx)
	defer end()
	g.Go(func() error { return s.dashboard.ServeListener(ctx, deps.Listener) })
	if !service.IsLoopback(deps.Listener.Addr()) {
		g.Go(func() error { return s.dashboard.ServeHealth(ctx) })
	}
	g.Go(func() error { return s.dashboard.Run(ctx) })
	g.Go(func() error { return s.worker.Run(ctx) })
	g.Go(func() error { return s.streamer.Run(ctx) })
	g.Go(func() error {
		defer end()
		return work(ctx, s)
	})
	return g.Wait()
}
