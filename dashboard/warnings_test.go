package dashboard_test

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/dashboard"
)

// TestWarnings: what the dashboard does not do is a line of its log, with the reason and mostly with the setting.
func TestWarnings(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	js := srv.JetStream()
	put(t, js, "dashboard.a.x", `{`)
	put(t, js, "dashboard.A.x", `{}`)
	b := startBridgeAt(t, srv.URL(), "0.0.0.0:0", dashboard.Config{MaxSubjects: 2, MaxPerAddress: 2, MaxBrowsers: 1}).ready()
	b.says("level=WARN", "everyone who reaches this address may publish events: set PUBLISH_TOKEN", "address=")
	b.says("level=WARN", "an event is not shown", "subject=dashboard.a.x", "reason=not_json")
	b.says("level=WARN", "an event is not shown", "subject=dashboard.A.x", "reason=subject")

	for _, subject := range []string{"dashboard.a.1", "dashboard.a.2", "dashboard.a.3", "dashboard.a.4"} {
		put(t, js, subject, `{}`)
	}
	b.says("level=WARN", "the stream has more events than the dashboard keeps: raise MAX_SUBJECTS or MAX_STATE_BYTES to show the oldest, too", "max_subjects=2")

	first := b.browse("")
	for range 2 {
		if res, text := b.do(http.MethodGet, "events", ""); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a second browser: %s %s", res.Status, text)
		}
	}
	b.says("level=WARN", "refuse a browser", "1 browsers are connected, which is all that MAX_BROWSERS allows")
	first.leave()

	for range 4 { // of one address, and silent
		c, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, "GET /"); err != nil {
			t.Fatal(err)
		}
	}
	b.says("level=WARN", "there are too many connections: the longest without progress are closed", "limit=address")
}

// TestTakenAddress: a dashboard whose address is in use ends, and names the setting.
func TestTakenAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	taken := l.Addr().String()
	nc := bustest.Start(t).Connect()
	for want, cfg := range map[string]dashboard.Config{
		"listen for HTTP (LISTEN): listen tcp " + taken:                      {Listen: taken, HealthListen: "127.0.0.1:0"},
		"listen for health and metrics (HEALTH_LISTEN): listen tcp " + taken: {Listen: "127.0.0.1:0", HealthListen: taken},
	} {
		d, err := dashboard.New(cfg, dashboard.Deps{Bus: nc, Log: bustest.Log(t), Registry: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Serve(bustest.Context(t)); err == nil || err.Error() != want+": bind: address already in use" {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
