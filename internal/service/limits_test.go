package service_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/internal/service"
)

// A limited server answers "/" and holds the connection of "/hold" until the client closes it.
type limited struct {
	t      *testing.T
	addr   string
	closed chan service.Limit
}

func startLimited(t *testing.T, limits service.Limits) *limited {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &limited{t, l.Addr().String(), make(chan service.Limit, 100)}
	limits.Closed = func(_ netip.Addr, limit service.Limit) { s.closed <- limit }
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- service.Serve(ctx, l, limits, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/hold" {
				defer service.Hold(r.Context())()
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}
		}))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask connects from an address, sends a request and waits for the first line of the answer.
func (s *limited) ask(from, path string) *bufio.Reader {
	s.t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		s.t.Fatal(err)
	}
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		s.t.Fatalf("%s from %s: %q %v", path, from, line, err)
	}
	return r
}

// isClosed checks that the limit closed one more connection, and that it is this one.
func (s *limited) isClosed(r io.Reader, limit service.Limit) {
	s.t.Helper()
	if got := <-s.closed; got != limit {
		s.t.Errorf("closed by %s, not %s", got, limit)
	}
	if _, err := io.Copy(io.Discard, r); err != nil && !strings.Contains(err.Error(), "reset") {
		s.t.Errorf("the connection: %v", err)
	}
}

func TestLimits(t *testing.T) {
	proxy := netip.MustParseAddr("127.0.0.9")
	s := startLimited(t, service.Limits{All: 5, PerAddress: 2, Proxies: func(a netip.Addr) bool { return a == proxy }})
	s.ask("127.0.0.1", "/hold")
	s.ask("127.0.0.1", "/hold")
	s.ask("127.0.0.1", "/hold") // these are not counted
	first := s.ask("127.0.0.1", "/")
	other := s.ask("127.0.0.2", "/")
	s.ask("127.0.0.1", "/")
	s.ask("127.0.0.1", "/") // the third of the address
	s.isClosed(first, service.LimitPerAddress)
	s.ask("127.0.0.9", "/")
	s.ask("127.0.0.9", "/")
	s.ask("127.0.0.9", "/") // the sixth of all; a proxy's have no limit of their own
	s.isClosed(other, service.LimitAll)
	if len(s.closed) > 0 {
		t.Error("more connections were closed")
	}
}

// TestIgnoreBody: an answer does not wait for a body that nobody reads.
func TestIgnoreBody(t *testing.T) {
	handler := service.IgnoreBody(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- service.Serve(ctx, l, service.Limits{}, handler) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n":           "400",
		"HEAD / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n": "400",
		"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n":           "418",
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n":           "418",
		"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 30_000):   "431",
	} {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		began := time.Now()
		_, _ = io.WriteString(c, request)
		line, err := bufio.NewReader(c).ReadString('\n')
		if !strings.Contains(line, want) || time.Since(began) > 4*time.Second {
			t.Errorf("%.60q: %q %v after %s", request, line, err, time.Since(began))
		}
		_ = c.Close()
	}
}

// TestOnlyHosts: names are compared without regard to case, port and final dot.
func TestOnlyHosts(t *testing.T) {
	for _, test := range []struct {
		names string
		host  string
		want  bool
	}{
		{"", "localhost", true}, {"", "LOCALHOST:80", true}, {"", "127.0.0.5:80", true}, {"", "[::1]:80", true},
		{"", "evil.example", false}, {"", "10.0.0.1", false}, {"", "", false}, {"", "localhost.evil.example", false},
		{"Profiles.example", "profiles.EXAMPLE.:443", true}, {"profiles.example", "evil.example", false}, {"10.0.0.1", "10.0.0.1:80", true},
		{"*", "evil.example", true},
	} {
		var names []string
		if test.names != "" {
			names = []string{test.names}
		}
		w := httptest.NewRecorder()
		r := &http.Request{Host: test.host, Header: http.Header{}}
		service.OnlyHosts(names, "not here", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })).ServeHTTP(w, r)
		if got := w.Code == 200; got != test.want || !got && w.Code != http.StatusMisdirectedRequest {
			t.Errorf("%q called %q: %d", test.names, test.host, w.Code)
		}
	}
}
