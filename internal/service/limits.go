package service

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Limits bound the connections of a server. If there are more, those that have been without
// progress for longest are closed, so new ones are always answered. A connection makes
// progress when a request begins or ends. Zero means no limit.
type Limits struct {
	All        int // connections of all addresses
	PerAddress int // connections of one client (see ClientOf)
	// Proxies reports whether an address is a proxy: PerAddress does not apply to it. It may
	// be nil.
	Proxies func(netip.Addr) bool
	// Closed is called when a connection was closed to keep a limit. It may be nil.
	Closed func(client netip.Addr, limit Limit)
}

// A Limit is one of Limits.
type Limit string

// The limits, also values of a metric's label.
const (
	LimitAll        Limit = "all"
	LimitPerAddress Limit = "address"
)

// ParseAddress returns the IP address in s, which may have a port. If there is none, the
// result is the zero Addr.
func ParseAddress(s string) netip.Addr {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		withPort, _ := netip.ParseAddrPort(s)
		ip = withPort.Addr()
	}
	return ip.Unmap().WithZone("")
}

// ClientOf returns the address that stands for a client where clients are counted: its IPv4
// address, or the first 64 bits of its IPv6 address, since one machine may have all others.
func ClientOf(ip netip.Addr) netip.Addr {
	if !ip.Is6() {
		return ip
	}
	network, _ := ip.Prefix(64)
	return network.Addr()
}

// connections keep the limits of one server.
type connections struct {
	limits Limits

	mu    sync.Mutex
	open  map[net.Conn]*connection
	order *list.List         // of *connection: those that are not held, the longest without progress first
	count map[netip.Addr]int // of order, by client
}

type connection struct {
	net.Conn
	client netip.Addr
	proxy  bool
	place  *list.Element // in order; nil while the connection is held
}

func newConnections(limits Limits) *connections {
	return &connections{limits: limits, open: map[net.Conn]*connection{}, order: list.New(), count: map[netip.Addr]int{}}
}

// changed is the server's ConnState.
func (cs *connections) changed(conn net.Conn, state http.ConnState) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.open[conn]
	switch {
	case state == http.StateNew:
		ip := ParseAddress(conn.RemoteAddr().String())
		c = &connection{Conn: conn, client: ClientOf(ip), proxy: cs.limits.Proxies != nil && cs.limits.Proxies(ip)}
		cs.open[conn] = c
		cs.add(c)
	case c == nil: // it was closed to keep a limit
	case state == http.StateClosed || state == http.StateHijacked:
		cs.remove(c)
		delete(cs.open, conn)
	case c.place != nil:
		cs.order.MoveToBack(c.place)
	}
}

// add makes c the last in the order, and closes connections above the limits.
func (cs *connections) add(c *connection) {
	c.place = cs.order.PushBack(c)
	cs.count[c.client]++
	if most := cs.limits.PerAddress; most > 0 && cs.count[c.client] > most && !c.proxy {
		cs.closeFirst(LimitPerAddress, func(other *connection) bool { return other.client == c.client })
	}
	if most := cs.limits.All; most > 0 && cs.order.Len() > most {
		cs.closeFirst(LimitAll, func(*connection) bool { return true })
	}
}

// closeFirst closes the connection that has been without progress for longest, of those that
// may be closed.
func (cs *connections) closeFirst(limit Limit, may func(*connection) bool) {
	for e := cs.order.Front(); e != nil; e = e.Next() {
		c := e.Value.(*connection)
		if !may(c) {
			continue
		}
		cs.remove(c)
		delete(cs.open, c.Conn)
		_ = c.Close()
		if cs.limits.Closed != nil {
			cs.limits.Closed(c.client, limit)
		}
		return
	}
}

// remove takes c out of the order, if it is there.
func (cs *connections) remove(c *connection) {
	if c.place == nil {
		return
	}
	cs.order.Remove(c.place)
	c.place = nil
	if cs.count[c.client]--; cs.count[c.client] == 0 {
		delete(cs.count, c.client)
	}
}

// hold takes a connection out of the limits until release.
func (cs *connections) hold(conn net.Conn) (release func()) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.open[conn]
	if c == nil {
		return func() {}
	}
	cs.remove(c)
	return func() {
		cs.mu.Lock()
		defer cs.mu.Unlock()
		if cs.open[conn] == c && c.place == nil {
			cs.add(c)
		}
	}
}

// connectionKey is the key of a request's connection in its context.
type connectionKey struct{}

type ownConnection struct {
	all  *connections
	conn net.Conn
}

// context is the server's ConnContext.
func (cs *connections) context(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, ownConnection{cs, conn})
}

// Hold takes the connection of a request out of the Limits of Serve until release is called:
// it is neither counted nor closed. The caller must limit such requests. ctx is that of the
// request.
func Hold(ctx context.Context) (release func()) {
	own, ok := ctx.Value(connectionKey{}).(ownConnection)
	if !ok {
		return func() {}
	}
	return own.all.hold(own.conn)
}
