package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sync/errgroup"

	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/service"
)

const (
	// otherConnections is how many connections may be open beside feeds: requests for the
	// page, posts, and idle ones.
	otherConnections = 1024
	// sendBuffer is how many bytes the kernel holds for a browser that does not read. Linux
	// takes twice as much.
	sendBuffer = 64 << 10
)

// Serve answers HTTP at LISTEN, and health and metrics at HEALTH_LISTEN, until ctx ends.
func (d *Dashboard) Serve(ctx context.Context) error {
	l, err := net.Listen("tcp", d.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for HTTP (LISTEN): %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.ServeListener(ctx, l) })
	g.Go(func() error { return d.ServeHealth(ctx) })
	return g.Wait()
}

// ServeHealth answers /healthz, /readyz and /metrics at HEALTH_LISTEN until ctx ends.
func (d *Dashboard) ServeHealth(ctx context.Context) error {
	addr := cmp.Or(d.cfg.HealthListen, DefaultHealthListen)
	l, err := net.Listen("tcp", addr)
	if err != nil && d.cfg.HealthListen == "" { // another dashboard on this machine may have it
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return fmt.Errorf("listen for health and metrics (HEALTH_LISTEN): %w", err)
	}
	if is := l.Addr().String(); is == addr {
		d.deps.Log.Info("health and metrics", logkey.URL, "http://"+is)
	} else {
		d.deps.Log.Warn("health and metrics are at another address, since "+addr+" is taken: set HEALTH_LISTEN", logkey.URL, "http://"+is)
	}
	return d.health().Serve(ctx, l)
}

// ServeListener answers HTTP at l until ctx ends, and closes l. If l is on a loopback address,
// it also answers /healthz, /readyz and /metrics there.
func (d *Dashboard) ServeListener(ctx context.Context, l net.Listener) error {
	local := service.IsLoopback(l.Addr())
	d.deps.Log.Info("the dashboard listens", logkey.URL, "http://"+l.Addr().String()+d.cfg.BasePath)
	if d.cfg.PublishToken == "" && !local {
		d.deps.Log.Warn("everyone who reaches this address may publish events: set PUBLISH_TOKEN", logkey.Address, l.Addr().String())
	}
	handler := d.Handler(local)
	if local || len(d.cfg.AllowedHosts) > 0 {
		handler = service.OnlyHosts(d.cfg.AllowedHosts, "this dashboard does not answer to that name: see ALLOWED_HOSTS", handler)
	}
	limits := service.Limits{
		All: otherConnections, PerAddress: d.cfg.MaxPerAddress, Proxies: d.proxies.contain,
		Closed: func(client netip.Addr, limit service.Limit) {
			d.metrics.closed.WithLabelValues(string(limit)).Inc()
			d.warnConnections.Do(func() {
				d.deps.Log.Warn("there are too many connections: the longest without progress are closed", logkey.Address, client, logkey.Limit, limit)
			})
		},
	}
	return service.Serve(ctx, listener{l}, limits, handler)
}

// A listener limits the send buffer of each connection, and how long the kernel keeps a
// connection that does not acknowledge.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer)
		setUserTimeout(tcp)
	}
	return c, err
}
