package dashboard_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/dashboard"
)

func TestNewBrowser(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	js := srv.JetStream()
	put(t, js, "dashboard.a.x", `{"n":1}`)
	put(t, js, "dashboard.b.y", `{"n":2}`)
	put(t, js, "dashboard.a.x", `{"n":3}`)
	b := startBridge(t, srv, dashboard.Config{}).ready()
	br := b.browse("")
	got := br.catchUp()
	s := parseStatus(t, got[0])
	if s.NATS != "connected" || s.Incarnation == "" || s.Version == "" || s.Since.IsZero() || s.Full || got[0].id != "" {
		t.Errorf("the first message is %+v", got[0])
	}
	want := []message{{"b", "2", `{"n":2}`}, {"a", "3", `{"n":3}`}, {"caught-up", "3", `{"events":2}`}}
	if fmt.Sprint(got[1:]) != fmt.Sprint(want) {
		t.Errorf("then %v, want %v", got[1:], want)
	}
	seq := put(t, js, "dashboard.c_9.z%20.w", `{"n":4}`)
	if m := br.next(); m != (message{"c_9", fmt.Sprint(seq), `{"n":4}`}) {
		t.Errorf("after catching up: %v", m)
	}
	b.until("the event is counted", func() bool {
		return b.metric("profiles_dashboard_events_out_total", "") == 3 && b.metric("profiles_dashboard_publish_to_write_seconds", "") == 1 &&
			b.metric("profiles_dashboard_browsers", "") == 1
	})
	br.leave()
	b.until("the browser is gone", func() bool {
		return b.metric("profiles_dashboard_browsers_dropped_total", "left") == 1 && b.metric("profiles_dashboard_browsers", "") == 0
	})
}

// TestOmittedEvents: messages that browsers could not read are not shown.
func TestOmittedEvents(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	js := srv.JetStream()
	for subject, data := range map[string]string{
		"dashboard.a": `{}`, "dashboard.A.x": `{}`, "dashboard.bridge.x": `{}`, "dashboard.error.x": `{}`, "dashboard.ä.x": `{}`,
		"dashboard." + strings.Repeat("a", 65) + ".x": `{}`, "dashboard.a.x": `{`, "dashboard.a.y": ``,
	} {
		put(t, js, subject, data)
	}
	b := startBridge(t, srv, dashboard.Config{}).ready()
	br := b.browse("")
	if got := br.catchUp(); len(got) != 2 {
		t.Errorf("%v", got)
	}
	put(t, js, "dashboard.a.x", "no\n\nevent: json")
	b.until("all are counted", func() bool { return b.metric("profiles_dashboard_events_left_out_total", "") == 9 })
	put(t, js, "dashboard.a.x", "[1]")
	if m := br.next(); m.data != "[1]" {
		t.Errorf("%v", m)
	}
}

func TestLineEnds(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{}).ready()
	br := b.browse("")
	br.catchUp()
	put(t, srv.JetStream(), "dashboard.a.x", "{\n \"n\":\r\n1,\r\r\"m\":2\n}\n")
	if m := br.next(); m.data != "{\n \"n\":\n1,\n\n\"m\":2\n}" {
		t.Errorf("%q", m.data)
	}
	if _, body := b.do(http.MethodGet, "api/events", ""); !strings.Contains(body, "\"event\":{\n \"n\":\r\n1,\r\r\"m\":2\n}\n}]") {
		t.Errorf("%q", body)
	}
}

func TestResume(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	js := srv.JetStream()
	for _, s := range []string{"x", "y", "x", "z"} {
		put(t, js, "dashboard.a."+s, `{}`)
	}
	b := startBridge(t, srv, dashboard.Config{}).ready()
	for _, test := range []struct{ id, want string }{
		{"", "2 3 4"}, {"0", "2 3 4"}, {"1", "2 3 4"}, {"2", "3 4"}, {"3", "4"}, {"4", ""},
		{"5", "2 3 4"}, {"99999999999999999999999", "2 3 4"}, {"-1", "2 3 4"}, {"x", "2 3 4"},
	} {
		for _, br := range []*browser{b.browse("", "Last-Event-ID", test.id), b.browse("?last-event-id=" + test.id)} {
			var ids []string
			got := br.catchUp()
			for _, m := range got[1 : len(got)-1] {
				ids = append(ids, m.id)
			}
			if strings.Join(ids, " ") != test.want {
				t.Errorf("resumed from %q: %v, want %s", test.id, ids, test.want)
			}
			if last := got[len(got)-1].data; last != fmt.Sprintf(`{"events":%d}`, len(ids)) {
				t.Errorf("resumed from %q: %s", test.id, last)
			}
			br.leave()
		}
	}
	// An id of another incarnation does not count.
	incarnation := parseStatus(t, b.browse("").next()).Incarnation
	for query, want := range map[string]int{"?life=" + incarnation: 1, "?life=another": 3, "": 1} {
		if got := b.browse(query, "Last-Event-ID", "3").catchUp(); len(got) != want+2 {
			t.Errorf("resumed with %q: %d events, want %d", query, len(got)-2, want)
		}
	}
}

// TestMerging: in a burst of events a browser gets each subject at most ten times
// a second, and always the last event.
func TestMerging(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	js := srv.JetStream()
	b := startBridge(t, srv, dashboard.Config{}).ready()
	br := b.browse("")
	br.catchUp()
	began := time.Now()
	published := 0
	for ; time.Since(began) < time.Second; published++ {
		put(t, js, fmt.Sprint("dashboard.a.", published%3), fmt.Sprint(published))
	}
	last := map[string]bool{}
	for i := range 3 {
		n := published + i
		last[fmt.Sprint(n)] = true
		put(t, js, fmt.Sprint("dashboard.a.", n%3), fmt.Sprint(n))
	}
	published += 3
	got := map[string]int{}
	for len(last) > 0 {
		m := br.next()
		var n int
		if _, err := fmt.Sscan(m.data, &n); err != nil {
			t.Fatal(err)
		}
		got[fmt.Sprint(n%3)]++
		delete(last, m.data)
	}
	took := time.Since(began)
	total := 0
	for s, n := range got {
		total += n
		if most := int(took/(100*time.Millisecond)) + 2; n > most {
			t.Errorf("subject %s was received %d times in %s", s, n, took)
		}
	}
	t.Logf("%d published in %s, %d received", published, took, total)
	// The stream keeps one event of a subject, so the bridge may not have received all.
	b.until("all are counted", func() bool {
		in := b.metric("profiles_dashboard_events_in_total", "")
		return b.metric("profiles_dashboard_events_merged_total", "")+b.metric("profiles_dashboard_events_out_total", "") == in && in > float64(total)
	})
}

func TestHeartbeat(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{Heartbeat: 20 * time.Millisecond}).ready()
	br := b.browse("")
	for range 3 {
		select {
		case <-br.comments:
		case <-bustest.Context(t).Done():
			t.Fatal("no heartbeat")
		}
	}
}

func TestTooManyBrowsers(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{MaxBrowsers: 2}).ready()
	first := b.browse("")
	b.browse("")
	if _, err := b.tryBrowse(""); !errors.Is(err, errNoFeed) || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "MAX_BROWSERS") {
		t.Errorf("the third: %v", err)
	}
	if n := b.metric("profiles_dashboard_browsers_dropped_total", "full"); n != 1 {
		t.Errorf("%v refused", n)
	}
	first.leave()
	b.until("there is room again", func() bool {
		_, err := b.tryBrowse("")
		return err == nil
	})
}

// TestEventSourceIsRefused: an EventSource gives up for good unless the status is 200, so it
// gets a feed that says why, and when to try again.
func TestEventSourceIsRefused(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{MaxBrowsers: 1}).ready()
	b.browse("")
	res, text := b.do(http.MethodGet, "events", "", "Accept", "text/event-stream")
	const want = "retry: 10000\nevent: refused\ndata: {\"reason\":\"1 browsers are connected, which is all that MAX_BROWSERS allows\"}\n\n"
	if res.StatusCode != http.StatusOK || text != want || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		t.Errorf("%s %v %q", res.Status, res.Header, text)
	}
	res, _ = b.do(http.MethodGet, "events", "")
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "10" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
}

// TestFeedsOfOneAddress: an address has at most MAX_PER_ADDRESS feeds. X-Forwarded-For counts
// only from a proxy of TRUSTED_PROXIES.
func TestFeedsOfOneAddress(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{MaxPerAddress: 1}).ready()
	first := b.browse("")
	_, err := b.tryBrowse("", "X-Forwarded-For", "192.0.2.1")
	if !errors.Is(err, errNoFeed) || !strings.Contains(err.Error(), "1 browsers of 127.0.0.1 are connected, which is all that MAX_PER_ADDRESS allows; if that is a proxy, name it in TRUSTED_PROXIES") {
		t.Errorf("without a proxy: %v", err)
	}
	if n := b.metric("profiles_dashboard_browsers_dropped_total", "address"); n != 1 {
		t.Errorf("%v refused", n)
	}
	first.leave()
	b.until("there is room again", func() bool {
		br, err := b.tryBrowse("")
		if err == nil {
			br.leave()
		}
		return err == nil
	})
	b = startBridge(t, srv, dashboard.Config{MaxPerAddress: 1, TrustedProxies: []string{"127.0.0.0/8"}}).ready()
	b.browse("", "X-Forwarded-For", "192.0.2.1")
	b.browse("", "X-Forwarded-For", "192.0.2.1, 192.0.2.2")
	if _, err := b.tryBrowse("", "X-Forwarded-For", "198.51.100.7, 192.0.2.1, 127.0.0.3"); !errors.Is(err, errNoFeed) {
		t.Errorf("a second one of 192.0.2.1: %v", err)
	}
}

// TestShutdown: the dashboard ends at once, with all feeds.
func TestShutdown(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{}).ready()
	br := b.browse("")
	br.catchUp()
	began := time.Now()
	b.stop()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
	if m, ok := <-br.messages; ok {
		t.Errorf("%v", m)
	}
	if n := b.metric("profiles_dashboard_browsers_dropped_total", "shutdown"); n != 1 {
		t.Errorf("%v feeds ended by the shutdown", n)
	}
	if b.d.Ready() == nil {
		t.Error("still ready")
	}
}
