// Command profile-dashboard shows events in browsers, and publishes events that are posted
// to it.
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

const about = "profile-dashboard serves the page, sends events to browsers, and accepts events at /publish. Any number may run."

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var cfg dashboard.Config
	daemon := service.Daemon{Name: "profile-dashboard", About: about, Settings: cfg.Settings()}
	daemon.Run = func(ctx context.Context, log *slog.Logger) error {
		b, err := bus.Connect(cfg.Bus, log)
		if err != nil {
			return err
		}
		defer b.Close()
		d, err := dashboard.New(cfg, dashboard.Deps{Bus: b, Log: log, Registry: service.NewRegistry()})
		if err != nil {
			return err
		}
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return d.Serve(ctx) })
		g.Go(func() error { return d.Run(ctx) })
		return g.Wait()
	}
	return daemon.Main(args, stdout, stderr)
}
