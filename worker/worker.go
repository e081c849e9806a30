// Package worker is the service that keeps the envelopes. It turns accepted episodes into
// entries of bucket curves (align), and entries into envelopes (reduce). Any number of
// workers may run, and each may die at any moment.
//
//	worker.go      New and Run
//	config.go      the settings and their defaults
//	session.go     a session: the work on one generation of the spec, with its views
//	align.go       the align loop: writes the entry of an episode
//	archive.go     reads an archive, and decides when it is tried again and when it is given up
//	reduce.go      the reduce loop: writes a profile's envelope after an entry was put
//	compare.go     finds and writes envelopes that the reduce loop missed
//	heal.go        makes damaged entries anew, from the log
//	warnings.go    logs the first episode of each reason, the first warning about each channel, and,
//	               from time to time, that the store does not answer
//	signatures.go  computes the signatures, after the envelopes
//	models.go      measures how often models of the samples find the profile of an episode
//	suspects.go    reports accepted episodes that look like another profile
//	epoch.go       checks whether NATS lost or restored a stream, and reads the log again
//	logview.go     what a session knows of the episode log
//	settings.go    checks and mends the settings of streams and consumers
//	metrics.go     declares the metrics; gauges.go updates the gauges
//	scale.go       says how much work waits, for a program that decides how many workers run
package worker

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/internal/warnonce"
)

// Deps are the dependencies of a worker. The caller closes them after Run has returned.
type Deps struct {
	Bus      *bus.Bus
	Store    episode.Store
	Spec     *fit.Spec
	Log      *slog.Logger
	Registry prometheus.Registerer
	// Reduced, where set, is called after each envelope that was written. It
	// must be quick and safe for concurrent use.
	Reduced func(fit.ProfileName, fit.Envelope)
}

// A Worker aligns and reduces. Run it once.
type Worker struct {
	cfg      Config
	deps     Deps
	fitter   *align.Fitter
	channels map[fit.ProfileName]string
	metrics  *metrics
	warned   *warnonce.Reasons
	sessions *service.Sessions
	last     *session                  // the one that began last
	specs    atomic.Pointer[bus.Specs] // of the session that began last; set before the worker is ready
	backlogs backlogs

	witness    *align.Witness
	unanswered unanswered
}

// New makes a worker and starts nothing.
func New(cfg Config, deps Deps) (*Worker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	fitter, err := align.New(deps.Spec, cfg.Limits)
	if err != nil {
		return nil, err
	}
	w := &Worker{
		cfg: cfg, deps: deps,
		fitter:   fitter,
		channels: map[fit.ProfileName]string{},
		metrics:  newMetrics(deps.Registry, deps.Log, deps.Spec.Profiles, deps.Bus.SettingsMended),
		warned:   new(warnonce.Reasons),
		sessions: service.NewSessions(deps.Bus, deps.Log),
		witness:  align.NewWitness(deps.Store),
	}
	service.ShowState(deps.Registry, "worker", w.Ready, deps.Bus.Answered)
	for _, p := range deps.Spec.Profiles {
		w.channels[p.Name] = p.Channel
	}
	return w, nil
}

// Ready returns nil while the worker is connected, the topology is there and
// its view of the sample is complete; else an error that names what it waits for.
func (w *Worker) Ready() error { return w.sessions.Ready() }

// Run works until ctx ends. Episodes in hand are then finished or handed back within
// DrainTime. It never gives up: an error of the bus ends a session, and another begins
// with views of its own.
func (w *Worker) Run(ctx context.Context) error {
	return w.sessions.Run(ctx, w.session)
}
