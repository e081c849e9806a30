//go:build faults

package faults

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A link forwards TCP connections from one process to another, so that the test can cut
// or delay them.
type link struct {
	from, to string // names
	target   string // host:port
	listener net.Listener
	open     sync.WaitGroup

	mu            sync.Mutex
	state         linkState
	delay         time.Duration // of each piece of data
	affectedCount int           // since the state was set: connections ended or refused, and pieces of data delayed
	moved         chan struct{} // closed and replaced when the state changes
	conns         map[net.Conn]struct{}
}

type linkState int

const (
	whole  linkState = iota
	cut              // connections end, new ones are refused
	silent           // data waits, connections stay open
)

func newLink(t *testing.T, from, to, target string) *link {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{from: from, to: to, target: target, listener: l, moved: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	k.open.Go(k.accept)
	t.Cleanup(func() {
		_ = l.Close()
		k.set(cut, 0)
		k.open.Wait()
	})
	return k
}

func (k *link) addr() string { return k.listener.Addr().String() }

// set changes the state and the delay.
func (k *link) set(s linkState, delay time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state, k.delay, k.affectedCount = s, delay, 0
	close(k.moved)
	k.moved = make(chan struct{})
	if s == cut {
		k.affectedCount += len(k.conns)
		for c := range k.conns {
			_ = c.Close()
		}
		clear(k.conns)
	}
}

// affected returns how often the present state ended, refused or delayed something.
func (k *link) affected() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.affectedCount
}

func (k *link) accept() {
	for {
		in, err := k.listener.Accept()
		if err != nil {
			return
		}
		k.open.Go(func() { k.serve(in) })
	}
}

func (k *link) serve(in net.Conn) {
	defer func() { _ = in.Close() }()
	if !k.hold(in) {
		return
	}
	defer k.release(in)
	out, err := net.DialTimeout("tcp", k.target, time.Second)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	if !k.hold(out) {
		return
	}
	defer k.release(out)
	var both sync.WaitGroup
	pass := func(to, from net.Conn) {
		k.pass(to, from)
		_ = to.Close()
		_ = from.Close()
	}
	both.Go(func() { pass(out, in) })
	both.Go(func() { pass(in, out) })
	both.Wait()
}

// hold registers a connection, which ends when the link is cut. It returns false if the
// link is cut already.
func (k *link) hold(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == cut {
		k.affectedCount++
		return false
	}
	k.conns[c] = struct{}{}
	return true
}

func (k *link) release(c net.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, c)
}

func (k *link) pass(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !k.through() {
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// through waits for the delay of a piece of data. It returns false if the link is cut.
func (k *link) through() bool {
	for {
		k.mu.Lock()
		state, delay, moved := k.state, k.delay, k.moved
		if state == silent || delay > 0 {
			k.affectedCount++
		}
		k.mu.Unlock()
		switch {
		case state == cut:
			return false
		case state == silent:
			<-moved
		case delay > 0:
			t := time.NewTimer(delay)
			defer t.Stop()
			select {
			case <-t.C:
				return true
			case <-moved:
			}
		default:
			return true
		}
	}
}

// TestLinkAffected: a link counts what it disturbs, and counts nothing without traffic.
func TestLinkAffected(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	k := newLink(t, "a", "b", server.Addr().String())
	expect := func(when string, affectedCount bool) {
		t.Helper()
		for end := time.Now().Add(patient(5 * time.Second)); affectedCount && k.affected() == 0 && time.Now().Before(end); {
			<-time.After(10 * time.Millisecond)
		}
		if n := k.affected(); (n > 0) != affectedCount {
			t.Errorf("%s: %d were affected", when, n)
		}
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", k.addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	for name, set := range map[string]func(){
		"cut":    func() { k.set(cut, 0) },
		"silent": func() { k.set(silent, 0) },
		"slow":   func() { k.set(whole, time.Millisecond) },
	} {
		set()
		expect(name+", without connections,", false)
		c := dial()
		if name != "cut" {
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		expect(name+", with one,", true)
		k.set(cut, 0) // ends it
		k.set(whole, 0)
		expect("whole", false)
	}
}
