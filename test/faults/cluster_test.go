//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// nodes of the cluster.
const nodes = 3

// A cluster is three NATS servers, each a process with files of its own. They connect
// to each other only through links.
type cluster struct {
	t     *testing.T
	nodes [nodes]*node
	disks bool // each node's files are on a file system of their own, diskSize large
}

type node struct {
	*process
	clients, routes string // addresses
	disk, store     string // the file system, and the folder on it
	to              []*link
}

// diskSize is how large a node's file system is, where it has one.
const diskSize = 256 << 20

func newCluster(t *testing.T, dir, logs string) *cluster {
	c := &cluster{t: t}
	for i := range c.nodes {
		name := fmt.Sprintf("n%d", i+1)
		n := &node{clients: freeAddr(t), routes: freeAddr(t), disk: filepath.Join(dir, name)}
		n.store = filepath.Join(n.disk, "store")
		if err := os.MkdirAll(n.disk, 0o755); err != nil {
			t.Fatal(err)
		}
		n.process = newProcess(t, logs, name, filepath.Join(bin, "nats-server"), []string{"-c", filepath.Join(dir, name+".conf")}, nil)
		c.nodes[i] = n
		t.Cleanup(n.kill)
	}
	c.mount()
	for _, n := range c.nodes {
		var routes []string
		for _, other := range c.nodes {
			if other != n {
				l := newLink(t, n.name, other.name, other.routes)
				n.to = append(n.to, l)
				routes = append(routes, "nats://"+l.addr())
			}
		}
		// The advertised address leads nowhere, so nodes use only the links.
		conf := fmt.Sprintf(`
server_name: %s
listen: %q
ping_interval: "1s"
ping_max: 3
write_deadline: "5s"
jetstream { store_dir: %q, max_file_store: 4GB, max_memory_store: 64MB }
cluster { name: profiles, listen: %q, advertise: "127.0.0.1:1", no_advertise: true, routes: [%s], connect_retries: 0 }
`, n.name, n.clients, n.store, n.routes, strings.Join(routes, ", "))
		if err := os.WriteFile(filepath.Join(dir, n.name+".conf"), []byte(conf), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range c.nodes {
		n.start()
	}
	return c
}

// mount mounts a file system for each node. Without root it does nothing.
func (c *cluster) mount() {
	for i, n := range c.nodes {
		err := syscall.Mount("tmpfs", n.disk, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize))
		if err != nil && i == 0 {
			c.t.Logf("NOT TESTED: full disks. Nodes have no disks of their own, for which this must run as root: %v", err)
			return
		}
		if err != nil {
			c.t.Fatal(err)
		}
		c.disks = true
		c.t.Cleanup(func() {
			n.kill()
			if err := syscall.Unmount(n.disk, syscall.MNT_DETACH); err != nil {
				c.t.Errorf("unmount %s: %v", n.disk, err)
			}
		})
	}
}

// given are the ports that freeAddr returned.
var given = map[int]bool{}

// freeAddr returns a free address. Its port is outside of the range that the kernel
// uses for connections and links, so that it is still free when a node is started
// again.
func freeAddr(t *testing.T) string {
	const first, last = 10_000, 30_000
	for range 1000 {
		port := first + rand.IntN(last-first)
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", addr)
		if err != nil || given[port] {
			continue
		}
		given[port] = true
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return addr
	}
	t.Fatal("no port is free")
	return ""
}

// url returns the addresses of all nodes, without links.
func (c *cluster) url() string {
	var urls []string
	for _, n := range c.nodes {
		urls = append(urls, "nats://"+n.clients)
	}
	return strings.Join(urls, ",")
}

func (c *cluster) node(name string) *node {
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// between returns the links between two nodes.
func (c *cluster) between(a, b *node) []*link {
	var all []*link
	for _, l := range append(append([]*link{}, a.to...), b.to...) {
		if l.from == a.name && l.to == b.name || l.from == b.name && l.to == a.name {
			all = append(all, l)
		}
	}
	return all
}

// around returns the links between a node and the others.
func (c *cluster) around(n *node) []*link {
	var all []*link
	for _, other := range c.nodes {
		if other != n {
			all = append(all, c.between(n, other)...)
		}
	}
	return all
}

// leader returns the name of the node that leads a stream.
func leader(ctx context.Context, js jetstream.JetStream, stream string) (string, error) {
	var name string
	err := ask(ctx, func(ctx context.Context) error {
		s, err := js.Stream(ctx, stream)
		if err != nil {
			return err
		}
		if i := s.CachedInfo().Cluster; i != nil {
			name = i.Leader
		}
		if name == "" {
			return errors.New("no leader")
		}
		return nil
	})
	return name, err
}

// ask repeats a request until it succeeds or ctx ends.
func ask(ctx context.Context, question func(context.Context) error) error {
	for {
		try, cancel := context.WithTimeout(ctx, patient(5*time.Second))
		err := question(try)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// connect returns a plain client that reconnects without end.
func connect(t *testing.T, url, name string) *nats.Conn {
	nc, err := nats.Connect(url, nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.RetryOnFailedConnect(true),
		nats.PingInterval(time.Second), nats.MaxPingsOutstanding(3), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}
