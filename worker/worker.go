// Package worker is the service that keeps the envelopes. It turns accepted episodes into
// entries of bucket curves (align), and entries into envelopes (reduce). Any number of
// workers may run, and each may die at any moment.
//
//	worker.go      New and Run
//	config.go      the settings and their defaults
//	session.go     a session: the work on one generation of the spec, with its views
//	align.go       the align loop: reads an archive and writes the episode's entry; waits for a
//	               missing archive
//	reduce.go      the reduce loop: writes a profile's envelope after an entry was put
//	compare.go     finds and writes envelopes that the reduce loop missed
//	signatures.go  computes the signatures, after the envelopes
//	models.go      measures how often models of the samples find the profile of an episode
//	suspects.go    reports accepted episodes that look like another profile
//	epoch.go       checks whether NATS lost or restored a stream, and reads the log again
//	logview.go     what a session knows of the episode log
//	metrics.go     declares the metrics; gauges.go updates the gauges
package worker

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/align"
	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/episode"
	"github.com/cis490/profiles/fit"
	"github.com/cis490/profiles/internal/service"
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
	channels map[fit.ProfileName]episode.ChannelName
	metrics  *metrics
	sessions *service.Sessions
	last     *session // the one that began last
}

// New makes a worker and starts nothing.
func New(cfg Config, deps Deps) (*Worker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	w := &Worker{
		cfg: cfg, deps: deps,
		fitter:   &align.Fitter{Spec: deps.Spec, Limits: cfg.Limits},
		channels: map[fit.ProfileName]episode.ChannelName{},
		metrics:  newMetrics(deps.Registry, deps.Spec.Profiles),
		sessions: service.NewSessions(deps.Bus, deps.Log),
	}
	for _, p := range deps.Spec.Profiles {
		channel, err := episode.ParseChannelName(p.Channel)
		if err != nil {
			return nil, fmt.Errorf("profile %s: %w", p.Name, err)
		}
		w.channels[p.Name] = channel
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
