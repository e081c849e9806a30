// Command profile-dashboard shows events in browsers and takes those that are
// posted.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/dashboard"
	"github.com/cis490/profiles/internal/service"
)

const about = "profile-dashboard serves the page, feeds browsers from the bus, and takes events at /publish. Any number may run."

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var cfg dashboard.Config
	return service.Main("profile-dashboard", about, cfg.Settings(), args, stdout, stderr, nil, func(ctx context.Context, log *slog.Logger) error {
		nc, err := bus.Connect(cfg.Bus, log)
		if err != nil {
			return err
		}
		defer nc.Close()
		d, err := dashboard.New(cfg, dashboard.Deps{Bus: nc, Log: log, Registry: service.NewRegistry()})
		if err != nil {
			return err
		}
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return d.Serve(ctx) })
		g.Go(func() error { return d.Run(ctx) })
		return g.Wait()
	})
}
