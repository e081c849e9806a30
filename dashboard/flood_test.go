package dashboard_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/dashboard"
)

const (
	floodConnections = 3000     // of each kind; 600 in short tests
	floodHeap        = 64 << 20 // bytes that they may take
	// floodPatience is for each answer while the flood lasts. An idle machine needs
	// milliseconds; here the flood and the race detector take most of it.
	floodPatience = 15 * time.Second
)

// TestFloods: 3,000 connections of one address that are slow, silent or idle, or that do not
// read, keep nobody out: health, a new browser and a post are answered all the time, and
// memory is bounded. A client of the same address is kept out while they connect, and of feeds.
func TestFloods(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	put(t, srv.JetStream(), "dashboard.a.big", fmt.Sprintf("%q", strings.Repeat("x", 60<<10)))
	b := startBridge(t, srv, dashboard.Config{}).ready()
	const host = " HTTP/1.1\r\nHost: localhost\r\n"
	for name, send := range map[string]string{
		"silent":                  "",
		"half a header":           "GET /" + host + "X-A: ",
		"GET without its body":    "GET /" + host + "Content-Length: 10\r\n\r\n",
		"GET without its chunks":  "GET /" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\n",
		"PUT without its body":    "PUT /" + host + "Content-Length: 10\r\n\r\n",
		"POST without its body":   "POST /publish" + host + "Content-Length: 10\r\n\r\n",
		"POST with half a body":   "POST /publish" + host + "Content-Length: 60000\r\n\r\n" + strings.Repeat("x", 59_000),
		"POST without its chunks": "POST /publish" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\n{",
		"POST to another path":    "POST /x" + host + "Content-Length: 10\r\n\r\n",
		"waits for 100 Continue":  "POST /publish" + host + "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
		"idle after an answer":    "GET /healthz" + host + "\r\n",
		"does not read":           strings.Repeat("GET /api/events"+host+"\r\n", 20),
		"HTTP/2":                  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"long headers":            "GET /" + host + strings.Repeat("X-A: "+strings.Repeat("x", 1000)+"\r\n", 15),
		"feeds":                   "GET /events" + host + "\r\n",
	} {
		t.Run(name, func(t *testing.T) { flood(t, b, send, name == "feeds") })
	}
}

func flood(t *testing.T, b *bridge, send string, feeds bool) {
	before, most := heap(), floodConnections
	if testing.Short() {
		most = 600
	}
	ctx, stop := context.WithCancel(t.Context())
	var open sync.WaitGroup
	defer open.Wait()
	defer stop()
	connected := make(chan struct{}, most)
	for range 30 {
		open.Go(func() {
			for range most / 30 {
				c, err := (&net.Dialer{Timeout: 20 * time.Second}).DialContext(ctx, "tcp", b.addr)
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("connect: %v", err)
					}
					return
				}
				defer func() { _ = c.Close() }()
				_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
				_ = c.SetWriteDeadline(time.Now().Add(time.Second))
				_, _ = io.WriteString(c, send) // fails if the server closed the connection
				connected <- struct{}{}
			}
			<-ctx.Done()
		})
	}
	var slowest time.Duration
	for n := 0; n < most && !t.Failed(); {
		slowest = max(slowest, answers(t, b, "127.0.0.2"))
		for more := true; more; {
			select {
			case <-connected:
				n++
			default:
				more = false
			}
		}
	}
	slowest = max(slowest, answers(t, b, "127.0.0.2"))
	if !feeds {
		slowest = max(slowest, answers(t, b, "127.0.0.1"))
	}
	grown := heap() - before
	if grown > floodHeap {
		t.Errorf("%d MiB more are in use", grown>>20)
	}
	t.Logf("slowest answer %s, heap %+d KiB, %d goroutines", slowest.Round(time.Millisecond), grown>>10, runtime.NumGoroutine())
}

// answers checks that health, the page, a new browser and a post from an address are answered
// in time, and returns how long the slowest took.
func answers(t *testing.T, b *bridge, from string) (slowest time.Duration) {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	for _, ask := range []struct{ method, path, body string }{
		{http.MethodGet, "/healthz", ""}, {http.MethodGet, "/", ""}, {http.MethodGet, "/events", ""},
		{http.MethodPost, "/publish", `{"type":"model_metric","name":"x","metric":0.5}`},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), floodPatience)
		began := time.Now()
		req, err := http.NewRequestWithContext(ctx, ask.method, "http://"+b.addr+ask.path, strings.NewReader(ask.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		slowest = max(slowest, time.Since(began))
		if err != nil {
			t.Errorf("%s from %s: %v", ask.path, from, err)
		} else {
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s from %s: %s", ask.path, from, res.Status)
			}
			_ = res.Body.Close()
		}
		cancel()
	}
	return slowest
}
