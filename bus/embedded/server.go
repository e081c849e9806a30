// Package embedded runs a NATS server with JetStream inside this process. It is
// the only package that imports nats-server.
package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Config of an embedded server.
type Config struct {
	// Addr is the host:port that clients reach it at. Port 0 takes a free one.
	// Empty: in-process connections only.
	Addr string
	// Dir holds JetStream's files; it must not be shared with another server.
	Dir string
	// File is a NATS configuration that holds beside what stands here: accounts,
	// TLS, limits. Empty: none, and everybody may do everything.
	File string
	// Log takes what the server says. Nil: nothing.
	Log *slog.Logger
	// Cluster makes the server one of several. Nil: it is alone.
	Cluster *Cluster
}

// Cluster is one server's place in a cluster.
type Cluster struct {
	Server string   // its name, unlike those of the others
	Addr   string   // host:port that the others reach it at
	Routes []string // addresses of all, its own may be among them
}

// A Server is a running server. Shutdown ends it.
type Server struct {
	srv  *server.Server
	lock *flock.Flock
}

// startTimeout bounds the wait for the server to take connections; recovering
// a large store takes its time.
const startTimeout = time.Minute

// Start starts a server and returns when it takes connections.
func Start(cfg Config) (_ *Server, err error) {
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = lock.Unlock()
		}
	}()
	opts := &server.Options{}
	if cfg.File != "" {
		if opts, err = server.ProcessConfigFile(cfg.File); err != nil {
			return nil, fmt.Errorf("read the configuration of the embedded NATS server: %w", err)
		}
	}
	opts.ServerName, opts.JetStream, opts.StoreDir = "profiles", true, cfg.Dir
	opts.DontListen, opts.NoSigs, opts.NoLog = cfg.Addr == "", true, cfg.Log == nil
	if cfg.Addr != "" {
		host, port, err := net.SplitHostPort(cfg.Addr)
		if err != nil {
			return nil, fmt.Errorf("listen for NATS at %q: %w", cfg.Addr, err)
		}
		opts.Host = host
		if opts.Port, err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("listen for NATS at %q: the port is no number", cfg.Addr)
		}
		if opts.Port == 0 {
			opts.Port = server.RANDOM_PORT
		}
		// The server ends the whole process where its port is taken.
		probe, err := net.Listen("tcp", cfg.Addr)
		if err != nil {
			return nil, fmt.Errorf("listen for NATS: %w", err)
		}
		_ = probe.Close()
	}
	if cfg.Cluster != nil {
		if err := cfg.Cluster.apply(opts); err != nil {
			return nil, err
		}
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("make the embedded NATS server: %w", err)
	}
	if cfg.Log != nil {
		srv.SetLoggerV2(logger{cfg.Log}, false, false, false)
	}
	go srv.Start()
	if !srv.ReadyForConnections(startTimeout) {
		srv.Shutdown()
		return nil, errors.New("the embedded NATS server did not become ready within " + startTimeout.String())
	}
	if !srv.JetStreamEnabled() {
		srv.Shutdown()
		return nil, fmt.Errorf("the embedded NATS server has no JetStream: is %s writable?", cfg.Dir)
	}
	return &Server{srv: srv, lock: lock}, nil
}

// lockDir makes sure that no other server of ours works on the same files, which
// the server itself does not look at.
func lockDir(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the embedded NATS server: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "profiles.lock"))
	switch held, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("lock the folder of the embedded NATS server: %w", err)
	case !held:
		return nil, fmt.Errorf("%s is in use by another server", dir)
	}
	return lock, nil
}

// apply adds the routes to the server's options. A server of a cluster has its
// JetStream ready once it found enough of the others.
func (c *Cluster) apply(opts *server.Options) error {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("listen for routes at %q: %w", c.Addr, err)
	}
	opts.ServerName, opts.Cluster.Name, opts.Cluster.Host = c.Server, "profiles", host
	if opts.Cluster.Port, err = strconv.Atoi(port); err != nil {
		return fmt.Errorf("listen for routes at %q: the port is no number", c.Addr)
	}
	for _, addr := range c.Routes {
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats-route", Host: addr})
	}
	return nil
}

// InProcess is the client option that connects without a socket.
func (s *Server) InProcess() nats.Option { return nats.InProcessServer(s.srv) }

// URL is where clients reach the server; empty where it does not listen.
func (s *Server) URL() string { return s.srv.ClientURL() }

// Addr is the host:port that the server listens at; empty where it does not listen.
func (s *Server) Addr() string {
	if a := s.srv.Addr(); a != nil {
		return a.String()
	}
	return ""
}

// Shutdown ends the server and waits for its files to be closed.
func (s *Server) Shutdown() {
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	_ = s.lock.Unlock()
}
