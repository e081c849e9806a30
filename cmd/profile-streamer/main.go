// Command profile-streamer publishes envelopes as events of the dashboard.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/streamer"
)

const about = "profile-streamer publishes each profile's envelope as an attack_profile event. Any number may run."

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var cfg streamer.Config
	flags := func(f *pflag.FlagSet) { streamer.ModelFlags(f, &cfg.Models) }
	return service.Main("profile-streamer", about, cfg.Settings(), args, stdout, stderr, flags, func(ctx context.Context, log *slog.Logger) error {
		nc, err := bus.Connect(cfg.Bus, log)
		if err != nil {
			return err
		}
		defer nc.Close()
		registry := service.NewRegistry()
		s, err := streamer.New(cfg, streamer.Deps{Bus: nc, Log: log, Registry: registry})
		if err != nil {
			return err
		}
		health := service.Health{Ready: s.Ready, Registry: registry}
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return service.Serve(ctx, cfg.Listen, health.Handler()) })
		g.Go(func() error { return s.Run(ctx) })
		return g.Wait()
	})
}
