package service

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/wait"
)

// Sessions runs a service as a row of sessions: each holds views that are good
// for one life of the streams, ends when that is over or something failed, and
// is followed by another. It also knows what the service waits for. The zero
// value is not ready; it is safe for concurrent use.
type Sessions struct {
	ready   atomic.Bool
	waiting atomic.Value // string
}

// WaitFor says that the service is not ready, and why.
func (s *Sessions) WaitFor(what string) {
	s.waiting.Store(what)
	s.ready.Store(false)
}

// SetReady says that the service does its work.
func (s *Sessions) SetReady() { s.ready.Store(true) }

// Ready returns nil while the service does its work, else what it waits for.
func (s *Sessions) Ready() error {
	if s.ready.Load() {
		return nil
	}
	if what, ok := s.waiting.Load().(string); ok {
		return errors.New("waiting for " + what)
	}
	return errors.New("not started")
}

// ErrRenew in a session's error says that the session ended because its work
// goes on in another, not because something failed.
var ErrRenew = errors.New("the work goes on in a new session")

// Run begins sessions until ctx ends, and returns nil then. Between two it
// waits, longer after each that was short.
func (s *Sessions) Run(ctx context.Context, log *slog.Logger, session func(context.Context) error) error {
	const long = time.Minute
	pause := wait.Backoff{Min: 50 * time.Millisecond, Max: 5 * time.Second}
	for {
		began := time.Now()
		err := session(ctx)
		s.WaitFor("a new session")
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > long || errors.Is(err, ErrRenew) {
			pause.Reset()
		}
		log.Info("begin a new session", logkey.Reason, err)
		if pause.Wait(ctx) != nil {
			return nil
		}
	}
}
