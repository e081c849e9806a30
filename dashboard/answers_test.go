package dashboard_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
)

// TestRefusedRequests: a request that the dashboard does not answer gets one sentence.
func TestRefusedRequests(t *testing.T) {
	srv := bustest.Start(t)
	url := srv.URL()
	srv.Stop()
	b := startBridgeAt(t, url, "127.0.0.1:0", dashboard.Config{ReadToken: "read"})
	for _, c := range []struct {
		path, body string
		code       int
		says       string
	}{
		{"api/events", "", 401, "reading events requires a token: Authorization: Bearer <READ_TOKEN>, or ?token="},
		{"api/events?token=read&type=A", "", 400, "type must have at most 64 characters of a-z, 0-9 and _"},
		{"api/events?token=read", "", 503, "the events are not read yet: waiting for NATS"},
		{"nothing", "", 404, "there is no such page"},
		{"", "text", 400, "a GET must not have a body"},
	} {
		if res, text := b.do(http.MethodGet, c.path, c.body); res.StatusCode != c.code || text != c.says+"\n" {
			t.Errorf("%s: %s %q, want %d and %q", c.path, res.Status, text, c.code, c.says)
		}
	}
}

// TestAnswersOfPublish: each status code of /publish comes with a sentence that says what to do.
func TestAnswersOfPublish(t *testing.T) {
	srv := bustest.Start(t)
	incarnation, err := events.Incarnation(t.Context(), srv.Topology())
	if err != nil {
		t.Fatal(err)
	}
	put(t, srv.JetStream(), "dashboard.attack_profile.live", `{"type":"attack_profile","name":"live","revision":[1,2],"epoch":0,"life":"`+string(incarnation)+`"}`)
	b := startBridge(t, srv, dashboard.Config{PublishToken: "write", MaxSubjects: 2, PublishTimeout: 500 * time.Millisecond}).ready()
	const event = `{"type":"x","name":"n"}`
	token := []string{"Authorization", "Bearer write"}
	check := func(method, body string, header []string, code int, says string) {
		t.Helper()
		if res, text := b.do(method, "publish", body, header...); res.StatusCode != code || !strings.Contains(text, says) || strings.Count(text, "\n") != 1 {
			t.Errorf("%s %.60s: %s %q, want %d and %q", method, body, res.Status, text, code, says)
		}
	}
	check(http.MethodPost, event, token, 200, `{"stored":true,"subject":"dashboard.x.n","seq":2}`)
	check(http.MethodPost, `{"type":"attack_profile","name":"live"}`, token, 409, `"because":"the last event of dashboard.attack_profile.live has an order, this one has none"`)
	check(http.MethodPost, `{"name":"n"}`, token, 400, `the event has no "type"`)
	check(http.MethodPost, `{"type":"bridge"}`, token, 400, `type bridge is reserved for the bridge and the browser`)
	check(http.MethodPost, `{"type":"x","life":"l"}`, token, 400, `the event claims an order, which only streamers may: send it without the key "life"`)
	check(http.MethodPost, event, nil, 401, "publishing requires a token: Authorization: Bearer <PUBLISH_TOKEN>")
	check(http.MethodPost, event, append([]string{"Sec-Fetch-Site", "cross-site"}, token...), 403, "a page of another site may not publish")
	check(http.MethodGet, "", token, 405, "events are published with POST")
	check(http.MethodPost, strings.Repeat(" ", 64<<10+1), token, 413, "the body is larger than 65536 bytes")
	check(http.MethodPost, event, append([]string{"Content-Encoding", "gzip"}, token...), 415, "the body must be sent without Content-Encoding")
	check(http.MethodPost, event, append([]string{"Host", "evil.example"}, token...), 421, "this dashboard does not answer to that name: see ALLOWED_HOSTS")
	check(http.MethodPost, `{"type":"x","name":"other"}`, token, 507, "the dashboard keeps as many events as MAX_SUBJECTS and MAX_STATE_BYTES allow: there is no room for dashboard.x.other")
	if err := srv.JetStream().DeleteStream(bustest.Context(t), bus.DashboardStream); err != nil {
		t.Fatal(err)
	}
	check(http.MethodPost, event, token, 503, "NATS did not acknowledge the event in time, and may or may not have stored it: post the event again")
	b.says("level=WARN", `msg="publish a posted event"`, "subject=dashboard.x.n", "err=")
	srv.Stop()
	b.until("the connection is lost", func() bool { return b.metric("profiles_dashboard_connected", "") == 0 })
	check(http.MethodPost, event, token, 503, "NATS is not reachable: post the event again")
}
