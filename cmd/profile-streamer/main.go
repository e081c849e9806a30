// Command profile-streamer publishes envelopes as events of the dashboard.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/streamer"
)

const about = "profile-streamer publishes each profile's envelope as an attack_profile event. Any number may run."

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var cfg streamer.Config
	d := service.Daemon{Name: "profile-streamer", About: about, Settings: cfg.Settings()}
	d.Flags = func(f *pflag.FlagSet) { streamer.ModelFlags(f, &cfg.Models) }
	d.Run = func(ctx context.Context, log *slog.Logger) error {
		b, err := bus.Connect(cfg.Bus, log)
		if err != nil {
			return err
		}
		defer b.Close()
		health := service.Health{Registry: service.NewRegistry()}
		s, err := streamer.New(cfg, streamer.Deps{Bus: b, Log: log, Registry: health.Registry})
		if err != nil {
			return err
		}
		health.Ready, health.Problem = s.Ready, s.Problem
		return health.Run(ctx, cfg.Listen, s.Run)
	}
	return d.Main(args, stdout, stderr)
}
