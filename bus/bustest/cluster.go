package bustest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/bus/embedded"
)

// A Cluster is three NATS servers in this process, for one test.
type Cluster struct {
	t       testing.TB
	configs []embedded.Config
	servers map[string]*embedded.Server // the running ones, by name
	client  []nats.Option               // for JetStream
	config  client.Config               // for Topology
}

// StartCluster starts three servers, which stop when the test ends, and returns when
// they have a leader.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	return startCluster(t, &Cluster{t: t, servers: map[string]*embedded.Server{}}, "")
}

// StartSecureCluster starts three servers that require TLS and a key of clients, and a
// certificate of each other. Its clients have the role operator.
func StartSecureCluster(t testing.TB, credentials string) *Cluster {
	t.Helper()
	cfg := roleConfig(t, credentials, "operator")
	cfg.Topology = client.TopologyCreate
	seed, err := nats.NkeyOptionFromSeed(cfg.NKey)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t, servers: map[string]*embedded.Server{}, config: cfg,
		client: []nats.Option{seed, nats.RootCAs(cfg.CA), nats.CustomInboxPrefix(cfg.InboxPrefix)}}
	return startCluster(t, c, ServerConf(t, credentials))
}

func startCluster(t testing.TB, c *Cluster, file string) *Cluster {
	t.Helper()
	const nodes = 3
	ports := freePorts(t, 2*nodes)
	for i := range nodes {
		c.configs = append(c.configs, embedded.Config{Addr: ports[i], Dir: t.TempDir(), File: file,
			Cluster: &embedded.Cluster{Server: fmt.Sprint("n", i+1), Addr: ports[nodes+i], Routes: ports[nodes:]}})
	}
	t.Cleanup(func() {
		for _, cfg := range c.configs {
			c.Stop(cfg.Cluster.Server)
		}
	})
	var starting sync.WaitGroup // all at once, because a server waits long before it looks for the others again
	started := make([]*embedded.Server, nodes)
	for i, cfg := range c.configs {
		starting.Go(func() { started[i] = c.start(cfg) })
	}
	starting.Wait()
	for i, srv := range started {
		if srv == nil {
			t.FailNow()
		}
		c.servers[c.configs[i].Cluster.Server] = srv
	}
	js := c.JetStream()
	c.ask("a leader of the cluster", func(ctx context.Context) error {
		_, err := js.AccountInfo(ctx)
		return err
	})
	return c
}

// ask repeats a request until it succeeds. Without a leader there is no answer.
func (c *Cluster) ask(what string, question func(context.Context) error) {
	c.t.Helper()
	for ctx := Context(c.t); ; {
		try, cancel := context.WithTimeout(ctx, time.Second)
		err := question(try)
		cancel()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			c.t.Fatalf("waited in vain for %s: %v", what, err)
		}
	}
}

func (c *Cluster) start(cfg embedded.Config) *embedded.Server {
	srv, err := embedded.Start(cfg)
	if err != nil {
		c.t.Errorf("start NATS %s: %v", cfg.Cluster.Server, err)
	}
	return srv
}

// freePorts finds addresses that are not in use.
func freePorts(t testing.TB, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().String())
	}
	return ports
}

// Start starts one server again, with its files and addresses.
func (c *Cluster) Start(name string) {
	c.t.Helper()
	for _, cfg := range c.configs {
		if cfg.Cluster.Server == name && c.servers[name] == nil {
			if c.servers[name] = c.start(cfg); c.servers[name] == nil {
				c.t.FailNow()
			}
		}
	}
}

// Stop stops one server.
func (c *Cluster) Stop(name string) {
	if srv := c.servers[name]; srv != nil {
		srv.Shutdown()
		delete(c.servers, name)
	}
}

// URL has the addresses of all servers.
func (c *Cluster) URL() string {
	var urls []string
	for _, cfg := range c.configs {
		urls = append(urls, "nats://"+cfg.Addr)
	}
	return strings.Join(urls, ",")
}

// Topology connects a Bus and creates the topology with three replicas.
func (c *Cluster) Topology() *bus.Bus {
	c.t.Helper()
	cfg := c.config
	cfg.URL, cfg.Name, cfg.Replicas = c.URL(), c.t.Name(), len(c.configs)
	b, err := bus.Connect(cfg, Log(c.t))
	if err != nil {
		c.t.Fatalf("connect: %v", err)
	}
	c.t.Cleanup(b.Close)
	if err := errors.Join(b.Ready(Context(c.t)), b.EnsureTopology(Context(c.t))); err != nil {
		c.t.Fatalf("make the topology: %v", err)
	}
	return b
}

// JetStream connects a client of the NATS library.
func (c *Cluster) JetStream() jetstream.JetStream {
	c.t.Helper()
	return plainClient(c.t, c.URL(), c.client...)
}

// Leader returns the name of the server that leads a stream. It waits for an election.
func (c *Cluster) Leader(stream string) (name string) {
	c.t.Helper()
	js := c.JetStream()
	c.ask("a leader of "+stream, func(ctx context.Context) error {
		s, err := js.Stream(ctx, stream)
		if err == nil && s.CachedInfo().Cluster != nil {
			name = s.CachedInfo().Cluster.Leader
		}
		if err == nil && name == "" {
			err = errors.New("none yet")
		}
		return err
	})
	return name
}
