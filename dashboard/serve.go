package dashboard

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cis490/profiles/internal/service"
)

// Bounds of connections.
const (
	// otherConnections are those beside the browsers that listen: requests for
	// the page, posts, and whoever connects and says nothing.
	otherConnections = 1024
	// sendBuffer bounds what the kernel holds for a browser that does not read.
	sendBuffer = 256 << 10
)

// Serve answers HTTP at the configured address until ctx ends.
func (d *Dashboard) Serve(ctx context.Context) error {
	l, err := net.Listen("tcp", d.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	return d.ServeListener(ctx, l)
}

// ServeListener is Serve on a listener that is open already; it closes it. It
// takes only so many connections at once: further ones wait.
func (d *Dashboard) ServeListener(ctx context.Context, l net.Listener) error {
	d.deps.Log.Info("the dashboard listens", "url", "http://"+l.Addr().String()+d.cfg.BasePath)
	if d.cfg.PublishToken == "" && !loopback(l.Addr()) {
		d.deps.Log.Warn("anybody who reaches this address may publish events: set PUBLISH_TOKEN", "address", l.Addr().String())
	}
	bounded := &listener{Listener: l, room: make(chan struct{}, d.cfg.MaxBrowsers+otherConnections), closed: make(chan struct{})}
	handler := d.Handler()
	if loopback(l.Addr()) {
		handler = d.calledRight(handler)
	}
	return service.ServeListener(ctx, bounded, handler)
}

// calledRight refuses requests by names that are not ours.
func (d *Dashboard) calledRight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		host = strings.ToLower(strings.Trim(host, "[]"))
		ip := net.ParseIP(host)
		if host == "localhost" || ip != nil && ip.IsLoopback() ||
			slices.Contains(d.cfg.AllowedHosts, "*") || slices.Contains(d.cfg.AllowedHosts, host) {
			next.ServeHTTP(w, r)
			return
		}
		// Whoever is not served is not waited for either.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
		w.Header().Set("Connection", "close")
		http.Error(w, "this dashboard listens on a loopback address and is not called by that name: see ALLOWED_HOSTS", http.StatusMisdirectedRequest)
	})
}

func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// A listener bounds how many connections are open and what each may hold.
type listener struct {
	net.Listener
	room   chan struct{}
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer)
		giveUpOnSilence(tcp)
	}
	return &conn{Conn: c, leave: sync.OnceFunc(func() { <-l.room })}, nil
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// A conn gives its room back when it is closed.
type conn struct {
	net.Conn
	leave func()
}

func (c *conn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
