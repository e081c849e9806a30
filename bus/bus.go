// Package bus is everything the project says to NATS: the topology (streams,
// buckets, consumers), the messages and stored values with their types, the
// delivery rules, and the views that services keep of the buckets.
//
// What JetStream does that one would not guess is dealt with here and nowhere
// else; docs/ARCHITECTURE.md lists it.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Bus is one service's connection. It is safe for concurrent use; Close ends it.
type Bus struct {
	cfg Config
	nc  *nats.Conn
	js  jetstream.JetStream
	log *slog.Logger

	denials denials
	trouble novelty // of connecting

	mu      sync.Mutex
	handles map[string]jetstream.Stream
}

// Connect opens the connection that cfg describes. Further options go over
// cfg's: nats.InProcessServer for an embedded server, or
// nats.RetryOnFailedConnect(false) for a command that rather fails than waits.
//
// By default Connect returns at once also where no server answers, and goes on
// trying for ever: a service is alive without its bus, only not ready. Use
// Ready to wait.
func Connect(cfg Config, log *slog.Logger, more ...nats.Option) (*Bus, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := &Bus{cfg: cfg, log: log, handles: map[string]jetstream.Stream{}}
	opts, err := cfg.options()
	if err != nil {
		return nil, err
	}
	b.nc, err = nats.Connect(cfg.URL, slices.Concat(opts, b.handlers(), more)...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", cfg.redactedURL(), cfg.explain(err))
	}
	// A message that was lost with its stream's leader is never answered.
	b.js, err = jetstream.New(b.nc, jetstream.WithDefaultTimeout(requestTimeout), jetstream.WithPublishAsyncTimeout(requestTimeout))
	if err != nil {
		b.nc.Close()
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	return b, nil
}

// handlers take what the connection reports.
func (b *Bus) handlers() []nats.Option {
	return []nats.Option{
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			if err = b.cfg.explain(err); err != nil && b.trouble.is(err.Error()) {
				b.log.Warn("no connection to NATS, keep trying", "url", b.cfg.redactedURL(), "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			b.trouble.is("")
			b.log.Info("reached NATS again", "server", nc.ConnectedServerName())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if !b.denials.hear(err, b.cfg.InboxPrefix) {
				b.log.Warn("NATS reports", "err", err)
			}
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.denials.forget()
			if err != nil {
				b.log.Warn("lost NATS", "err", err)
			}
		}),
	}
}

// requestTimeout bounds one request to the JetStream API that has no deadline
// of its own.
const requestTimeout = 5 * time.Second

// Close writes what is buffered and ends the connection.
func (b *Bus) Close() { b.nc.Close() }

// Connected tells whether the connection stands at this moment.
func (b *Bus) Connected() bool { return b.nc.IsConnected() }

// Ready waits until the connection stands, then makes sure that the server is
// new enough and has JetStream.
func (b *Bus) Ready(ctx context.Context) error {
	up := b.nc.StatusChanged(nats.CONNECTED)
	defer b.nc.RemoveStatusListener(up)
	for !b.nc.IsConnected() {
		select {
		case <-up:
		case <-time.After(time.Second): // a status change may be missed while we subscribe
		case <-ctx.Done():
			if err := b.nc.LastError(); err != nil {
				return fmt.Errorf("connect to NATS at %s: %w (%w)", b.cfg.redactedURL(), b.cfg.explain(err), ctx.Err())
			}
			return fmt.Errorf("connect to NATS at %s: %w", b.cfg.redactedURL(), ctx.Err())
		}
		if b.nc.IsClosed() {
			return fmt.Errorf("connect to NATS at %s: %w", b.cfg.redactedURL(), nats.ErrConnectionClosed)
		}
	}
	return checkVersion(b.nc.ConnectedServerVersion())
}

// minMajor and minMinor are the oldest server that has per-message TTLs.
const minMajor, minMinor = 2, 11

func checkVersion(v string) error {
	parts := strings.SplitN(strings.TrimPrefix(v, "v"), ".", 3)
	if len(parts) >= 2 {
		major, err1 := strconv.Atoi(parts[0])
		minor, err2 := strconv.Atoi(parts[1])
		if err1 == nil && err2 == nil {
			if major > minMajor || major == minMajor && minor >= minMinor {
				return nil
			}
			return fmt.Errorf("NATS server %s is too old: this needs %d.%d or newer", v, minMajor, minMinor)
		}
	}
	return fmt.Errorf("NATS server version %q can't be read: this needs %d.%d or newer", v, minMajor, minMinor)
}

// Reconnects returns a channel that gets a value each time the connection
// comes back, and a function that ends that.
func (b *Bus) Reconnects() (<-chan nats.Status, func()) {
	ch := b.nc.StatusChanged(nats.CONNECTED)
	return ch, func() { b.nc.RemoveStatusListener(ch) }
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// isConflict tells whether err says that a compare-and-set lost. It says
// nothing of whether an earlier try that timed out was stored.
func isConflict(err error) bool {
	if errors.Is(err, jetstream.ErrKeyRevisionMismatch) || errors.Is(err, jetstream.ErrKeyExists) {
		return true
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
