// Package embedded runs a NATS server with JetStream inside this process. It is
// the only package that imports nats-server.
package embedded

import (
	"cmp"
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
	// Addr is the host:port that the server listens at. Port 0 takes a free port.
	// Empty: only connections within this process.
	Addr string
	// Dir holds JetStream's files; it must not be shared with another server.
	Dir string
	// Name is the server's name, which leaf nodes must not share. Empty: profiles.
	Name string
	// File is a NATS configuration file for everything else: accounts, TLS, limits.
	// Empty: none, so that every client may do everything.
	File string
	// Log gets the server's log. Nil: the server logs nothing.
	Log *slog.Logger
	// Cluster makes the server one of a cluster. Nil: a single server.
	Cluster *Cluster
}

// Cluster is one server's place in a cluster.
type Cluster struct {
	Server string   // its name, different from those of the others
	Addr   string   // host:port that it listens at for the others
	Routes []string // the Addr of each server; its own may be among them
}

// A Server is a running server. Shutdown ends it.
type Server struct {
	srv  *server.Server
	lock *flock.Flock
}

// startTimeout is how long Start waits until the server accepts connections.
// Recovering a large store takes a while.
const startTimeout = time.Minute

// Start starts a server and returns when it accepts connections.
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
	opts, err := cfg.options()
	if err != nil {
		return nil, err
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("create the embedded NATS server: %w", err)
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

func (cfg Config) options() (opts *server.Options, err error) {
	opts = &server.Options{}
	if cfg.File != "" {
		if opts, err = server.ProcessConfigFile(cfg.File); err != nil {
			return nil, fmt.Errorf("read the configuration of the embedded NATS server: %w", err)
		}
	}
	opts.ServerName, opts.JetStream, opts.StoreDir = cmp.Or(cfg.Name, "profiles"), true, cfg.Dir
	opts.DontListen, opts.NoSigs, opts.NoLog = cfg.Addr == "", true, cfg.Log == nil
	if cfg.Addr != "" {
		if opts.Host, opts.Port, err = splitAddr("NATS", cfg.Addr); err != nil {
			return nil, err
		}
		if opts.Port == 0 {
			opts.Port = server.RANDOM_PORT
		}
		// The server would end the whole process if its port is in use.
		probe, err := net.Listen("tcp", cfg.Addr)
		if err != nil {
			return nil, fmt.Errorf("listen for NATS: %w", err)
		}
		_ = probe.Close()
	}
	if cfg.Cluster != nil {
		return opts, cfg.Cluster.apply(opts)
	}
	return opts, nil
}

// splitAddr splits host:port. what names the listener in errors.
func splitAddr(what, addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("listen for %s at %q: %w", what, addr, err)
	}
	if port, err = strconv.Atoi(text); err != nil {
		return "", 0, fmt.Errorf("listen for %s at %q: the port is not a number", what, addr)
	}
	return host, port, nil
}

// lockDir makes sure that no other embedded server uses the same files. nats-server
// itself does not check that.
func lockDir(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create the folder of the embedded NATS server: %w", err)
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

// apply adds the cluster to the server's options. JetStream of such a server is ready
// when it has found enough of the others.
func (c *Cluster) apply(opts *server.Options) (err error) {
	opts.ServerName, opts.Cluster.Name = c.Server, "profiles"
	if opts.Cluster.Host, opts.Cluster.Port, err = splitAddr("routes", c.Addr); err != nil {
		return err
	}
	for _, addr := range c.Routes {
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats-route", Host: addr})
	}
	return nil
}

// InProcess is the option of a client that connects without a socket.
func (s *Server) InProcess() nats.Option { return nats.InProcessServer(s.srv) }

// URL is the URL for clients; empty where the server does not listen.
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
