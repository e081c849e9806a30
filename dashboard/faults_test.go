package dashboard_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/dashboard"
)

// TestRestartOfNATS: browsers keep their connection, learn that NATS was lost and
// came back, and miss no event.
func TestRestartOfNATS(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	put(t, srv.JetStream(), "dashboard.a.x", `1`)
	b := startBridge(t, srv, dashboard.Config{}).ready()
	br := b.browse("")
	incarnation := parseStatus(t, br.catchUp()[0]).Incarnation

	srv.Stop()
	if s := br.untilStatus("lost"); s.Incarnation != incarnation || s.Since.IsZero() {
		t.Errorf("lost: %+v", s)
	}
	if b.d.Ready() == nil {
		t.Error("ready without NATS")
	}
	late := b.browse("") // gets the events, and learns that they may be outdated
	got := late.catchUp()
	if parseStatus(t, got[0]).NATS != "lost" || len(got) != 3 || got[1].data != "1" {
		t.Errorf("while NATS is lost: %v", got)
	}

	srv.Restart()
	put(t, srv.JetStream(), "dashboard.a.x", `2`)
	for _, br := range []*browser{br, late} {
		if s := br.untilStatus("connected"); s.Incarnation != incarnation {
			t.Errorf("connected: %+v, was of incarnation %s", s, incarnation)
		}
	}
	for _, br := range []*browser{br, late} {
		if m := br.until("2"); m.id != "2" {
			t.Errorf("%v", m)
		}
	}
	b.ready()
	put(t, srv.JetStream(), "dashboard.a.x", `3`)
	br.until("3")
}

// TestOlderEvent: an event that is older than the last one of its subject can only
// come from a stream that was restored. Browsers first learn of another incarnation.
func TestOlderEvent(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	const later, earlier = `{"type":"attack_profile","name":"a","life":"l","revision":[1,5]}`, `{"type":"attack_profile","name":"a","life":"l","revision":[1,4]}`
	put(t, srv.JetStream(), "dashboard.attack_profile.a", later)
	b := startBridge(t, srv, dashboard.Config{}).ready()
	br := b.browse("")
	incarnation := parseStatus(t, br.catchUp()[0]).Incarnation
	put(t, srv.JetStream(), "dashboard.attack_profile.a", earlier)
	now := incarnation
	for {
		m := br.next()
		if m.kind == "bridge" {
			now = parseStatus(t, m).Incarnation
		}
		if m.data == earlier {
			break
		}
	}
	if now == incarnation {
		t.Error("the browser got an older event without another incarnation")
	}
}

// TestStartWithoutNATS: a browser waits, and gets the events when NATS starts.
func TestStartWithoutNATS(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	url := srv.URL()
	srv.Stop()
	b := startBridgeAt(t, url, "127.0.0.1:0", dashboard.Config{})
	br := b.browse("", "Last-Event-ID", "7")
	if s := parseStatus(t, br.next()); s.NATS != "lost" || s.Incarnation != "" {
		t.Errorf("%+v", s)
	}
	if res, body := b.do(http.MethodGet, "api/events", ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("api: %s %s", res.Status, body)
	}
	if res, _ := b.do(http.MethodGet, "", ""); res.StatusCode != http.StatusOK {
		t.Errorf("the page: %s", res.Status)
	}
	srv.Restart()
	srv.Topology()
	put(t, srv.JetStream(), "dashboard.a.x", `1`)
	br.untilStatus("connected")
	br.until("1")
}

// TestRestartOfBridge: a browser that connects again gets what it missed.
func TestRestartOfBridge(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	js := srv.JetStream()
	put(t, js, "dashboard.a.x", `1`)
	first := startBridge(t, srv, dashboard.Config{}).ready()
	br := first.browse("")
	got := br.catchUp()
	incarnation := parseStatus(t, got[0]).Incarnation
	first.stop()
	put(t, js, "dashboard.a.y", `2`)
	second := startBridgeAt(t, srv.URL(), first.addr, dashboard.Config{}).ready()
	again := second.browse("", "Last-Event-ID", got[1].id).catchUp()
	if s := parseStatus(t, again[0]); s.Incarnation != incarnation || len(again) != 3 || again[1].data != "2" {
		t.Errorf("%v, the incarnation was %s", again, incarnation)
	}
}

// TestAnotherIncarnation: when the stream was lost and made again, browsers learn of
// another incarnation and drop all events.
func TestAnotherIncarnation(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testing.T, *bustest.Server){"made again": deleteStream, "all lost": wipe} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, b, br, last := afterLoss(t, lose)
			if last.data != `{"events":0}` || last.id != "" {
				t.Errorf("caught up with %v: the browser would resume from the old incarnation", last)
			}
			put(t, srv.JetStream(), "dashboard.a.x", `"new"`)
			br.until(`"new"`)
			if m := b.browse("", "Last-Event-ID", "9").catchUp(); len(m) != 3 || m[1].data != `"new"` {
				t.Errorf("resumed from the old incarnation: %v", m)
			}
		})
	}
}

// TestPurge: when a subject was purged, browsers learn of another incarnation and get all
// events anew.
func TestPurge(t *testing.T) {
	t.Parallel()
	srv, _, br, last := afterLoss(t, purge)
	if last.data != `{"events":2}` {
		t.Errorf("caught up with %v", last)
	}
	put(t, srv.JetStream(), "dashboard.a.x", `"new"`)
	br.until(`"new"`)
}

// afterLoss publishes events of three subjects, connects a browser and calls lose.
// It returns when the browser has learned of another incarnation and caught up, with its
// last message.
func afterLoss(t *testing.T, lose func(*testing.T, *bustest.Server)) (*bustest.Server, *bridge, *browser, message) {
	t.Helper()
	srv := bustest.Start(t)
	srv.Topology()
	js := srv.JetStream()
	for i := range 9 {
		put(t, js, "dashboard.a."+string("xyz"[i%3]), fmt.Sprint(i))
	}
	b := startBridge(t, srv, dashboard.Config{CheckEvery: 50 * time.Millisecond}).ready()
	br := b.browse("")
	incarnation := parseStatus(t, br.catchUp()[0]).Incarnation
	lose(t, srv)
	for other := incarnation; other == incarnation; {
		other = br.untilStatus("connected").Incarnation
	}
	got := br.catchUp()
	return srv, b, br, got[len(got)-1]
}

func deleteStream(t *testing.T, srv *bustest.Server) {
	if err := srv.JetStream().DeleteStream(bustest.Context(t), bus.DashboardStream); err != nil {
		t.Fatal(err)
	}
}

func wipe(_ *testing.T, srv *bustest.Server) { srv.Wipe() }

func purge(t *testing.T, srv *bustest.Server) {
	s, err := srv.JetStream().Stream(bustest.Context(t), bus.DashboardStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(bustest.Context(t), jetstream.WithPurgeSubject("dashboard.a.y")); err != nil {
		t.Fatal(err)
	}
	srv.Restart() // the bridge notices a purge when it connects again
}

// TestTopologyExpected: while another stream is missing and the dashboard may not
// make it, the dashboard still notices at once that DASHBOARD was made again.
func TestTopologyExpected(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	js, ctx := srv.JetStream(), bustest.Context(t)
	put(t, js, "dashboard.a.x", `1`)
	b := startBridgeWith(t, client.Config{URL: srv.URL(), Topology: client.TopologyExpect}, "127.0.0.1:0", dashboard.Config{CheckEvery: 10 * time.Millisecond}).ready()
	srv.LoseStream(bus.SuspectsStream)
	s, err := js.Stream(ctx, bus.DashboardStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(ctx, bus.DashboardStream); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(ctx, s.CachedInfo().Config); err != nil {
		t.Fatal(err)
	}
	b.until("the bridge is not ready", func() bool { return b.d.Ready() != nil })
}

// TestSlowBrowser: browsers that do not read are dropped, others get all events,
// and memory stays bounded.
func TestSlowBrowser(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	js := srv.JetStream()
	b := startBridge(t, srv, dashboard.Config{WriteTimeout: 300 * time.Millisecond, MergeEvery: 10 * time.Millisecond}).ready()
	const slow = 20
	for range slow {
		c, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	b.until("all are connected", func() bool { return b.metric("profiles_dashboard_browsers", "") == slow })
	br := b.browse("")
	before := heap()
	big := strings.Repeat("x", 60<<10)
	dropped := func() bool { return b.metric("profiles_dashboard_browsers_dropped_total", "slow") == slow }
	i := 0
	for ; !dropped(); i++ {
		seq := put(t, js, fmt.Sprint("dashboard.a.", i%20), fmt.Sprintf("%q", fmt.Sprint(i, big)))
		for br.next().id != fmt.Sprint(seq) { // the reading browser is not delayed
			continue
		}
	}
	if grown := heap() - before; grown > 32<<20 {
		t.Errorf("%d MiB more are in use", grown>>20)
	}
	if n := b.metric("profiles_dashboard_browsers", ""); n != 1 {
		t.Errorf("%v browsers remain", n)
	}
	t.Logf("%d slow browsers dropped after %d events of 60 KiB", slow, i)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestBadConnections: a client that sends nothing, only a part of a request or no
// HTTP, or closes early, gets an answer or is disconnected.
func TestBadConnections(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{BodyTimeout: 200 * time.Millisecond}).ready()
	for name, test := range map[string]badConnection{
		"silent":                    {"", nil, ""},
		"another host":              {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", nil, "421"},
		"another host, half a body": {"POST /publish HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100\r\n\r\n{", nil, "421"},
		"GET with a body":           {"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n", nil, "400"},
		"half a header":             {"GET /events HTTP/1.1\r\nHost: localhost\r\nX-A", nil, "400"},
		"half a body":               {"POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"type\":", nil, "400"},
		"no body":                   {"POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n", nil, "400"},
		"half a chunk":              {"POST /publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"t", nil, "400"},
		"not HTTP":                  {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", nil, "400"},
		"huge header":               {"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", nil, "431"},
		"two lengths":               {"POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", nil, "400"},
		"half closed":               {"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n", (*net.TCPConn).CloseWrite, "200"},
		"reset":                     {"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n", reset, ""},
		"closed too soon":           {"POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{", (*net.TCPConn).CloseWrite, "400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.check(t, b)
		})
	}
}

// A badConnection is what a client does, and the answer.
type badConnection struct {
	send   string
	then   func(*net.TCPConn) error
	answer string // a part of the first line; empty: no answer
}

func (bc badConnection) check(t *testing.T, b *bridge) {
	c, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, bc.send) // fails if the server stops reading
	if bc.then != nil {
		if bc.send[:3] == "GET" {
			b.until("it has a feed", func() bool { return b.metric("profiles_dashboard_browsers", "") > 0 })
		}
		if err := bc.then(c.(*net.TCPConn)); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	line, err := bufio.NewReader(c).ReadString('\n')
	if bc.answer == "" && err == nil || !strings.Contains(line, bc.answer) {
		t.Errorf("%q %v, want %q", line, err, bc.answer)
	}
	if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Error("the connection stays open")
	}
}

func reset(c *net.TCPConn) error {
	_ = c.SetLinger(0)
	return c.Close()
}

// TestManySubjects: browsers get all of MAX_SUBJECTS subjects. A post of one more
// is refused; one more in the stream takes the place of the oldest.
func TestManySubjects(t *testing.T) {
	const most = 10_000
	srv := bustest.Start(t)
	srv.Topology()
	js := srv.JetStream()
	b := startBridge(t, srv, dashboard.Config{WriteTimeout: time.Minute}).ready() // early reads late
	early := b.browse("")
	early.catchUp()
	for i := range most {
		if _, err := js.PublishAsync(fmt.Sprintf("dashboard.model_metric.m%d", i), fmt.Appendf(nil, `{"type":"model_metric","model":"m%d","metric":%d}`, i, i)); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 999 {
			<-js.PublishAsyncComplete()
		}
	}
	for range most {
		early.next()
	}
	late := b.browse("").catchUp()
	if last := late[len(late)-1].data; last != `{"events":10000}` || len(late) != most+2 {
		t.Errorf("%d messages, %s", len(late), last)
	}
	_, list := b.do(http.MethodGet, "api/events?type=model_metric", "")
	if n := strings.Count(list, `"seq":`); n != most {
		t.Errorf("the list has %d", n)
	}
	if n := b.metric("profiles_dashboard_subjects", ""); n != most {
		t.Errorf("%v subjects", n)
	}
	if !b.post(`{"type":"model_metric","model":"m7","metric":8}`).Stored {
		t.Error("an event of a subject that is kept was not stored")
	}
	if res, body := b.do(http.MethodPost, "publish", `{"type":"model_metric","model":"other"}`); res.StatusCode != http.StatusInsufficientStorage {
		t.Errorf("one too many: %s %s", res.Status, body)
	}
	put(t, js, "dashboard.model_metric.other", `{}`)
	early.until(`{}`)
	if s := parseStatus(t, b.browse("").next()); !s.Full {
		t.Errorf("%+v", s)
	}
	if n := b.metric("profiles_dashboard_events_left_out_total", "room"); n != 1 {
		t.Errorf("%v left out", n)
	}
}
