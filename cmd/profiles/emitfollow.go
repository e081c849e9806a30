package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cis490/profiles/command/emit"
	"github.com/cis490/profiles/internal/service"
)

// followFile keeps the log in line with the file until ctx ends.
func (o *emitOptions) followFile(ctx context.Context, t *terminal, file string, e *emit.Emitter, publishing *progress) error {
	f := newFollowState()
	health := service.Health{Ready: f.ready, Registry: f.registry}
	return health.Run(ctx, o.listen, func(ctx context.Context) error {
		return e.Follow(ctx, file, emit.FollowPause, func(s emit.Summary, err error) error {
			publishing.end()
			if text, isNew := f.add(err); err != nil {
				if isNew {
					fmt.Fprintf(t.err, "profiles emit: %s\n", text)
				}
				return nil
			}
			return o.printSummary(t, s)
		})
	})
}

// A followState is what /readyz and the metrics of a following emit say.
type followState struct {
	registry *prometheus.Registry
	held     prometheus.Gauge
	agreed   prometheus.Gauge

	mu      sync.Mutex
	failing string // why the log does not agree with the file; "" if it does
}

func newFollowState() *followState {
	registry := service.NewRegistry()
	f := promauto.With(registry)
	return &followState{
		registry: registry,
		held: f.NewGauge(prometheus.GaugeOpts{Name: "profiles_emit_held_retractions",
			Help: "Episodes that the list would take back and that emit --follow holds, since they are too many; 0 where it holds none."}),
		agreed: f.NewGauge(prometheus.GaugeOpts{Name: "profiles_emit_agreed_timestamp_seconds",
			Help: "When emit --follow last brought the log in line with the list."}),
		failing: "waiting for the first reading of the log and the list",
	}
}

// add notes the result of a reconciliation. If it failed, text says why and what is done
// about it, and isNew reports whether it says something else than the one before.
func (f *followState) add(err error) (text string, isNew bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held.Set(0)
	var held *emit.HeldError
	switch {
	case err == nil:
		f.agreed.SetToCurrentTime()
	case errors.As(err, &held):
		f.held.Set(float64(held.Count))
		text = fmt.Sprintf("%s; waiting: it goes on by itself when the list is right again, or after `profiles emit --retract-all` was run once beside it", oneLine(err))
	default:
		text = oneLine(err) + "; trying again"
	}
	isNew = text != f.failing
	f.failing = text
	return text, isNew
}

func (f *followState) ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failing == "" {
		return nil
	}
	return errors.New(f.failing)
}
