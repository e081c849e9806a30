package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Deadlines of every request. A handler may set others by http.ResponseController.
const (
	headerTimeout  = 5 * time.Second  // until the header is complete
	requestTimeout = 10 * time.Second // until the body is complete
	answerTimeout  = 30 * time.Second // from the end of the header to the end of the answer
	idleTimeout    = 15 * time.Second // between two requests of a connection
	maxHeader      = 16 << 10         // bytes
	shutdownTime   = 5 * time.Second  // for requests in progress when the server ends
)

// Serve serves HTTP on l until ctx ends. Then it closes l, and waits at most 5 s for
// requests in progress. Requests have deadlines, and connections have limits, so a client
// that is slow or silent can't keep others out.
func Serve(ctx context.Context, l net.Listener, limits Limits, handler http.Handler) error {
	connections := newConnections(limits)
	srv := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ConnState: connections.changed, ConnContext: connections.context,
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve HTTP at %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		_ = srv.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// IgnoreBody wraps handlers that read no body, so that a request that announces one does not
// wait for it. A GET with a body is answered with 400.
func IgnoreBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			DropBody(w)
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				http.Error(w, "a GET must not have a body", http.StatusBadRequest)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// bodyGrace is how long an answer waits for a body that is not read. Without it, a client
// that is still sending might not get the answer.
const bodyGrace = 100 * time.Millisecond

// DropBody must be called before an answer to a request whose body the handler does not read.
// The server would wait for the body before it answers. The connection is closed after the
// answer.
func DropBody(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyGrace))
}

// OnlyHosts wraps a handler, and refuses requests whose Host is neither localhost, nor a
// loopback address, nor one of names; the name * allows any. Without it, another site could
// let its own name point to the server's address, and read the answers through a visitor's
// browser. message is the answer to such a request.
func OnlyHosts(names []string, message string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isAllowedHost(r.Host, names) {
			next.ServeHTTP(w, r)
			return
		}
		DropBody(w)
		http.Error(w, message, http.StatusMisdirectedRequest)
	})
}

func isAllowedHost(hostPort string, names []string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = hostPort
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	if ip := net.ParseIP(host); strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() {
		return true
	}
	return slices.ContainsFunc(names, func(name string) bool { return name == "*" || strings.EqualFold(name, host) })
}

// IsLoopback reports whether a listener can be reached from its own machine only.
func IsLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
