// Package client is the project's connection to NATS. It knows no stream or message of the
// project: package bus does. Where JetStream does something that its users would not
// expect, it is dealt with here; docs/ARCHITECTURE.md has the list.
//
//	client.go        the connection; is it up, is the server new enough
//	config.go        its settings
//	connecterror.go  explains why the server rejects a connection
//	problem.go       the present problem in words: why there is no connection or no JetStream
//	denials.go       ends a request that the user has no right to
//	errors.go        what an error of the server means: absent, refused, conflict, no answer
//	incarnation.go   detects that a stream was created again under the same name
//	streams.go       creates and mends streams; deletes consumers
//	publish.go       publishes a message, for 20 s while there is no answer
//	value.go         the last message of a subject; compare-and-set
//	read.go          reads a stream without a consumer
//	listen.go        hears messages as they are published
//	view.go          keeps a state that is computed from the keys of a bucket
//	watch.go         the watches that a view follows, and when it starts another
//	inbox.go         delivers the messages of a consumer to handlers, extends the deadlines of
//	                 their acknowledgements, and hands messages back at the end
//	lane.go          the goroutines of an inbox: first tries, and tries that are repeated
//	fetch.go         one fetch of an inbox
//	objects.go       an object store: writing; object.go: reading
package client

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/wait"
	"github.com/cis490/profiles/internal/warnonce"
)

// A Client is one connection to NATS. It is safe for concurrent use. Close ends it.
type Client struct {
	cfg Config
	nc  *nats.Conn
	js  jetstream.JetStream
	log *slog.Logger

	problem       problem
	denials       denials
	connectErrors warnonce.Reasons // since the last connection
	failing       warnonce.Reasons // to find or create streams

	mu      sync.Mutex
	streams map[string]jetstream.Stream // by name; see Stream

	answered atomic.Int64 // when OpenStream last had an answer, in nanoseconds since 1970; 0: never
}

// Connect opens the connection that cfg describes. Further options override those
// of cfg: nats.InProcessServer for an embedded server, or
// nats.RetryOnFailedConnect(false) for a command that fails instead of waiting.
//
// By default Connect returns at once, also where no server answers, and goes on
// trying for ever: the service is alive, but not ready. Ready waits for the
// connection.
func Connect(cfg Config, log *slog.Logger, more ...nats.Option) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, log: log, streams: map[string]jetstream.Stream{}}
	opts, err := cfg.options()
	if err != nil {
		return nil, err
	}
	c.nc, err = nats.Connect(cfg.URL, slices.Concat(opts, c.handlers(), more)...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", cfg.redactedURL(), cfg.explain(err))
	}
	// Without a time-out a request that its stream's leader lost would wait for ever.
	c.js, err = c.openJetStream(jetstream.WithDefaultTimeout(RequestTimeout), jetstream.WithPublishAsyncTimeout(RequestTimeout))
	if err != nil {
		c.nc.Close()
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	return c, nil
}

func (c *Client) openJetStream(opts ...jetstream.JetStreamOpt) (jetstream.JetStream, error) {
	if c.cfg.JSDomain != "" {
		return jetstream.NewWithDomain(c.nc, c.cfg.JSDomain, opts...)
	}
	return jetstream.New(c.nc, opts...)
}

// handlers are called by the NATS library when the connection fails, is lost or comes back.
func (c *Client) handlers() []nats.Option {
	return []nats.Option{
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { c.warnConnect(err) }),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			c.connectErrors.Clear()
			c.problem.setConnection(nil)
			c.log.Info("reached NATS again", logkey.Server, nc.ConnectedServerName())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if !c.denials.report(err, c.cfg.InboxPrefix) {
				c.log.Warn("NATS reports", logkey.Err, err)
			}
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			c.denials.reset()
			if err != nil {
				c.log.Warn("lost NATS", logkey.Err, err)
			}
		}),
	}
}

// warnConnect logs an error of connecting, once for each reason until there is a connection.
// There may be several: one server is down, another refuses this user. Errors with the same
// hint have the same reason: their texts may contain the time.
func (c *Client) warnConnect(err error) {
	if err == nil {
		return
	}
	c.problem.setConnection(c.cfg.explain(err))
	if reason := cmp.Or(c.cfg.hint(err), err.Error()); c.connectErrors.IsNew(reason, reason) {
		c.log.Warn("no connection to NATS, keep trying", logkey.URL, c.cfg.redactedURL(), logkey.Err, c.cfg.explain(err))
	}
}

// WarnOnce logs a warning that a stream, consumer or watch is missing or does not answer,
// and that the client keeps trying. It does not log the same reason twice in a row. A nil
// error means that the piece is available again.
func (c *Client) WarnOnce(piece string, err error) {
	c.problem.setPiece(piece, err)
	if err == nil {
		c.failing.Works(piece)
	} else if c.failing.IsNew(piece, err.Error()) {
		c.log.Warn("not available, keep trying", logkey.Piece, piece, logkey.Err, err)
	}
}

// RequestTimeout bounds one request to the JetStream API that has no deadline of
// its own.
const RequestTimeout = 5 * time.Second

// Close sends what is buffered and ends the connection.
func (c *Client) Close() { c.nc.Close() }

// Log is the logger that Connect was given.
func (c *Client) Log() *slog.Logger { return c.log }

// JetStream is the NATS library's own interface over the same connection.
func (c *Client) JetStream() jetstream.JetStream { return c.js }

// MaxPayload is the largest message that the connected server takes, in bytes.
func (c *Client) MaxPayload() int64 { return c.nc.MaxPayload() }

// Connected reports whether the connection is up at this moment.
func (c *Client) Connected() bool { return c.nc.IsConnected() }

// Ready waits until the connection is up and returns an error where the server is
// older than the project needs.
func (c *Client) Ready(ctx context.Context) error {
	up := c.nc.StatusChanged(nats.CONNECTED)
	defer c.nc.RemoveStatusListener(up)
	for !c.nc.IsConnected() {
		select {
		case <-up:
		case <-time.After(time.Second): // the change may have come just before StatusChanged
			// The library does not report a server that refuses this user when it connects again.
			c.warnConnect(c.nc.LastError())
		case <-ctx.Done():
			if err := c.nc.LastError(); err != nil {
				return fmt.Errorf("connect to NATS at %s: %w (%w)", c.cfg.redactedURL(), c.cfg.explain(err), ctx.Err())
			}
			return fmt.Errorf("connect to NATS at %s: %w", c.cfg.redactedURL(), ctx.Err())
		}
		if c.nc.IsConnected() {
			c.problem.setConnection(nil)
		}
		if c.nc.IsClosed() {
			return fmt.Errorf("connect to NATS at %s: %w", c.cfg.redactedURL(), nats.ErrConnectionClosed)
		}
	}
	return checkVersion(c.nc.ConnectedServerVersion())
}

// CheckJetStream returns an error where the server is too old, has no JetStream,
// or does not let this account use it. It waits for at most RequestTimeout, also for
// a cluster that elects its leader.
func (c *Client) CheckJetStream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout)
	defer cancel()
	if err := c.Ready(ctx); err != nil {
		return err
	}
	ctx, done := c.WatchDenials(ctx, c.APISubject("INFO"))
	defer done()
	pause := wait.Backoff{Min: 100 * time.Millisecond, Max: time.Second}
	for {
		_, err := c.js.AccountInfo(ctx)
		if err == nil {
			return nil
		}
		if !hasNoLeader(err) || pause.Wait(ctx) != nil {
			return fmt.Errorf("ask NATS at %s for JetStream: %w", c.cfg.redactedURL(), c.explainSilence(OrDenied(ctx, err)))
		}
	}
}

// minMajor and minMinor are the oldest server that has TTLs of single messages.
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

// Reconnects returns a channel that gets a value each time the connection comes
// back, and a function that ends this.
func (c *Client) Reconnects() (<-chan nats.Status, func()) {
	ch := c.nc.StatusChanged(nats.CONNECTED)
	return ch, func() { c.nc.RemoveStatusListener(ch) }
}

// StatusChanges returns a channel that gets a value when the connection is lost
// and when it comes back, and a function that ends this. A value is dropped while
// nobody receives: ask Connected, too.
func (c *Client) StatusChanges() (<-chan nats.Status, func()) {
	ch := c.nc.StatusChanged(nats.CONNECTED, nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED)
	return ch, func() { c.nc.RemoveStatusListener(ch) }
}
