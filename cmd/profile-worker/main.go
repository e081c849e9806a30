// Command profile-worker aligns accepted episodes and reduces envelopes.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/store"
	"github.com/cis490/profiles/worker"
)

const about = "profile-worker turns accepted episodes into curves and curves into envelopes. Any number may run."

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var cfg worker.Config
	var archives store.Config
	settings := cfg.Settings()
	for _, s := range archives.Settings() {
		settings = append(settings, service.Settings{Into: s})
	}
	return service.Main("profile-worker", about, settings, args, stdout, stderr, nil, func(ctx context.Context, log *slog.Logger) error {
		spec, err := service.LoadSpec(cfg.Spec)
		if err != nil {
			return err
		}
		nc, err := bus.Connect(cfg.Bus, log)
		if err != nil {
			return err
		}
		defer nc.Close()
		store, err := store.Open(cfg.Store, archives, nc)
		if err != nil {
			return err
		}
		registry := service.NewRegistry()
		w, err := worker.New(cfg, worker.Deps{Bus: nc, Store: store, Spec: spec, Log: log, Registry: registry})
		if err != nil {
			return err
		}
		health := service.Health{Ready: w.Ready, Registry: registry}
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return service.Serve(ctx, cfg.Listen, health.Handler()) })
		g.Go(func() error { return w.Run(ctx) })
		return g.Wait()
	})
}
