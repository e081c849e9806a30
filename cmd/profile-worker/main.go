// Command profile-worker turns accepted episodes into envelopes.
package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"

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
	d := service.Daemon{Name: "profile-worker", About: about, Settings: settings}
	d.Run = func(ctx context.Context, log *slog.Logger) error {
		spec, err := service.LoadSpec(cfg.Spec)
		if err != nil {
			return err
		}
		b, err := bus.Connect(cfg.Bus, log)
		if err != nil {
			return err
		}
		defer b.Close()
		archives.Suffixes = spec.Format.Suffixes
		store, err := store.Open(cfg.Store, archives, b)
		if err != nil {
			return err
		}
		health := service.Health{Registry: service.NewRegistry()}
		w, err := worker.New(cfg, worker.Deps{Bus: b, Store: store, Spec: spec, Log: log, Registry: health.Registry})
		if err != nil {
			return err
		}
		health.Ready = w.Ready
		health.More = map[string]http.HandlerFunc{"GET /scale": w.ServeScale}
		return health.Run(ctx, cfg.Listen, w.Run)
	}
	return d.Main(args, stdout, stderr)
}
