package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/wait"
)

// A Bus is a service's connection to NATS.
type Bus interface {
	Connected() bool
	Ready(context.Context) error          // waits for a connection to a server that can be used
	EnsureTopology(context.Context) error // waits for streams and buckets
	Problem() error                       // why it waits, and what to do; nil if that is not known
}

// Sessions run a service as a series of sessions. A session has views of streams and buckets.
// It ends when one of them was created again or when something fails, and another begins.
// Ready answers with what the service waits for. The methods are safe for concurrent use,
// but Run may be called only once.
type Sessions struct {
	bus     Bus
	log     *slog.Logger
	waiting atomic.Pointer[string] // empty: ready; nil: Run was not called
	failed  atomic.Pointer[error]  // why the last session failed; nil: it did not, or another is at work
	logged  string                 // the last failure that was logged as a warning
}

// NewSessions returns Sessions and starts nothing.
func NewSessions(bus Bus, log *slog.Logger) *Sessions { return &Sessions{bus: bus, log: log} }

// WaitFor makes Ready return an error that says what the service waits for.
func (s *Sessions) WaitFor(what string) { s.waiting.Store(&what) }

// SetReady makes Ready return nil while the service is connected.
func (s *Sessions) SetReady() {
	s.failed.Store(nil)
	s.WaitFor("")
}

// Ready returns nil while the service is at work, else an error that names what it waits for.
func (s *Sessions) Ready() error {
	switch waiting := s.waiting.Load(); {
	case waiting == nil:
		return errors.New("not started")
	case *waiting != "":
		return s.waitingFor(*waiting)
	case !s.bus.Connected():
		return s.waitingFor("NATS")
	}
	return nil
}

func (s *Sessions) waitingFor(what string) error {
	if problem := s.bus.Problem(); problem != nil {
		return fmt.Errorf("waiting for %s: %w", what, problem)
	}
	if failed := s.failed.Load(); failed != nil {
		return fmt.Errorf("waiting for %s: %w", what, *failed)
	}
	return errors.New("waiting for " + what)
}

// ErrRenew matches the error of a session that ended without a failure, so that another
// can continue its work.
var ErrRenew = errors.New("the work goes on in a new session")

// longSession is how long a session must last for the next failure to count as a new one.
const longSession = time.Minute

// Run runs sessions until ctx ends, and returns nil then. A session begins when NATS is
// connected and the streams exist. After one that failed Run pauses, longer each time.
func (s *Sessions) Run(ctx context.Context, session func(context.Context) error) error {
	pause := wait.Backoff{Min: 50 * time.Millisecond, Max: 5 * time.Second}
	for {
		began := time.Now()
		err := s.run(ctx, session)
		s.WaitFor(fmt.Sprintf("a new session, since the last one ended: %v", err))
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > longSession {
			pause.Reset()
			s.logged = ""
		}
		if errors.Is(err, ErrRenew) {
			pause.Reset()
		} else if err != nil {
			s.failed.Store(&err)
		}
		s.log.Log(ctx, s.level(err), "begin a new session", logkey.Reason, err)
		if pause.Wait(ctx) != nil {
			return nil
		}
	}
}

func (s *Sessions) run(ctx context.Context, session func(context.Context) error) error {
	s.WaitFor("NATS")
	if err := s.bus.Ready(ctx); err != nil {
		return err
	}
	s.WaitFor("the topology")
	if err := s.bus.EnsureTopology(ctx); err != nil {
		return err
	}
	return session(ctx)
}

// level returns the level at which the end of a session is logged. A failure that repeats
// is a warning only once.
func (s *Sessions) level(err error) slog.Level {
	if err == nil || errors.Is(err, ErrRenew) || err.Error() == s.logged {
		return slog.LevelInfo
	}
	s.logged = err.Error()
	return slog.LevelWarn
}
