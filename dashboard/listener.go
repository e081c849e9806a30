package dashboard

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/net/netutil"

	"github.com/cis490/profiles/internal/logkey"
	"github.com/cis490/profiles/internal/service"
)

const (
	// otherConnections is how many connections may be open beside MAX_BROWSERS
	// feeds: requests for the page, posts, and idle ones.
	otherConnections = 1024
	// sendBuffer is how many bytes the kernel holds for a browser that does not
	// read.
	sendBuffer = 256 << 10
)

// Serve answers HTTP at LISTEN until ctx ends.
func (d *Dashboard) Serve(ctx context.Context) error {
	l, err := net.Listen("tcp", d.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	return d.ServeListener(ctx, l)
}

// ServeListener answers HTTP at l until ctx ends, and closes l. While MAX_BROWSERS
// and 1,024 more connections are open, further ones wait to be accepted.
func (d *Dashboard) ServeListener(ctx context.Context, l net.Listener) error {
	local := isLoopback(l.Addr())
	d.deps.Log.Info("the dashboard listens", logkey.URL, "http://"+l.Addr().String()+d.cfg.BasePath)
	if d.cfg.PublishToken == "" && !local {
		d.deps.Log.Warn("everyone who reaches this address may publish events: set PUBLISH_TOKEN", logkey.Address, l.Addr().String())
	}
	handler := d.Handler()
	if local {
		handler = d.checkHost(handler)
	}
	l = netutil.LimitListener(listener{l}, d.cfg.MaxBrowsers+otherConnections)
	return service.Serve(ctx, l, handler)
}

func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
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
