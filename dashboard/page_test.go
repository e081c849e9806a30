package dashboard_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/dashboard"
)

func TestPage(t *testing.T) {
	srv := bustest.Start(t)
	b := startBridge(t, srv, dashboard.Config{})
	res, body := b.do(http.MethodGet, "", "")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(body, "<html") {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	tag := res.Header.Get("ETag")
	if res, body := b.do(http.MethodGet, "index.html", "", "If-None-Match", tag); res.StatusCode != http.StatusNotModified || body != "" || tag == "" {
		t.Errorf("with its tag %q: %s", tag, res.Status)
	}
	for name, value := range map[string]string{
		"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": "",
	} {
		if got := res.Header.Get(name); got != value {
			t.Errorf("%s is %q", name, got)
		}
	}
	for _, part := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'"} {
		if got := res.Header.Get("Content-Security-Policy"); !strings.Contains(got, part) {
			t.Errorf("the policy is %q", got)
		}
	}
	for path, code := range map[string]int{
		"embed.go": http.StatusNotFound, "nothing": http.StatusNotFound, "..%2fembed.go": http.StatusNotFound, "testdata/": http.StatusNotFound,
		"healthz": http.StatusOK, "metrics": http.StatusOK, "publish": http.StatusMethodNotAllowed, "api/events?type=A": http.StatusBadRequest,
	} {
		if res, body := b.do(http.MethodGet, path, ""); res.StatusCode != code {
			t.Errorf("%s: %s %.100s", path, res.Status, body)
		}
	}
	if res, _ := b.do(http.MethodPost, "events", ""); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST events: %s", res.Status)
	}
	if res, _ := b.do(http.MethodHead, "events", ""); res.StatusCode != http.StatusOK {
		t.Errorf("HEAD events: %s", res.Status)
	}
	b.ready()
	if res, body := b.do(http.MethodGet, "api/events?type=nothing", ""); res.StatusCode != http.StatusOK || body != "[]\n" {
		t.Errorf("no events: %s %q", res.Status, body)
	}
	if res, body := b.do(http.MethodGet, "readyz", ""); res.StatusCode != http.StatusOK {
		t.Errorf("%s %s", res.Status, body)
	}
}

// TestContentTypes: content types do not depend on the machine.
func TestContentTypes(t *testing.T) {
	nc := bustest.Start(t).Connect()
	files := fstest.MapFS{"index.html": {}, "a/b.js": {Data: []byte("x")}, "c.svg": {}, "d.go": {}}
	d, err := dashboard.New(dashboard.Config{BasePath: "p"}, dashboard.Deps{Bus: nc, Log: bustest.Log(t), Registry: prometheus.NewRegistry(), Page: files})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/p/a/b.js": "text/javascript; charset=utf-8", "/p/c.svg": "image/svg+xml", "/p/": "text/html; charset=utf-8"} {
		w := httptest.NewRecorder()
		d.Handler(true).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if got := w.Header().Get("Content-Type"); got != want || w.Code != http.StatusOK {
			t.Errorf("%s: %d %q", path, w.Code, got)
		}
	}
	for path, want := range map[string]int{"/p/d.go": 404, "/": 404, "/p": 307, "/p/a": 404, "/healthz": 200, "/p/healthz": 404} {
		w := httptest.NewRecorder()
		d.Handler(true).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// TestBehindProxy: BASE_PATH works behind a proxy that keeps the path, and the
// default behind one that strips it.
func TestBehindProxy(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	for base, strips := range map[string]bool{"/wall/profiles/": false, "/": true} {
		b := startBridge(t, srv, dashboard.Config{BasePath: base}).ready()
		to, err := url.Parse("http://" + b.addr)
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{}
		var proxy http.Handler = &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
		if strips {
			proxy = http.StripPrefix("/wall/profiles", proxy)
		}
		front := httptest.NewServer(proxy)
		b.url = front.URL + "/wall/profiles/"
		if res, body := b.do(http.MethodGet, "", ""); res.StatusCode != http.StatusOK || !strings.Contains(body, "<html") {
			t.Errorf("%s: the page: %s", base, res.Status)
		}
		br := b.browse("")
		br.catchUp()
		b.post(`{"type":"x","by":"` + base + `"}`)
		br.until(`{"type":"x","by":"` + base + `"}`)
		br.leave()
		b.client.CloseIdleConnections()
		front.Close()
		transport.CloseIdleConnections()
	}
}

func TestTokens(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{ReadToken: "read", PublishToken: "write"}).ready()
	const event = `{"type":"x"}`
	for _, test := range []struct {
		method, path, body string
		header             []string
		code               int
	}{
		{http.MethodGet, "", "", nil, 200},
		{http.MethodGet, "healthz", "", nil, 200},
		{http.MethodGet, "events", "", nil, 401},
		{http.MethodGet, "api/events", "", nil, 401},
		{http.MethodGet, "api/events?token=write", "", nil, 401},
		{http.MethodGet, "api/events?token=", "", nil, 401},
		{http.MethodGet, "api/events?token=read", "", nil, 200},
		{http.MethodGet, "api/events", "", []string{"Authorization", "Bearer read"}, 200},
		{http.MethodGet, "api/events", "", []string{"Authorization", "bearer read"}, 200},
		{http.MethodGet, "api/events", "", []string{"Authorization", "Bearer readx"}, 401},
		{http.MethodGet, "api/events", "", []string{"Authorization", "Basic read"}, 401},
		{http.MethodPost, "publish", event, nil, 401},
		{http.MethodPost, "publish?token=write", event, nil, 401},
		{http.MethodPost, "publish", event, []string{"Authorization", "Bearer read"}, 401},
		{http.MethodPost, "publish", event, []string{"Authorization", "Bearer write"}, 200},
		{http.MethodPost, "publish", "no", []string{"Authorization", "Bearer write"}, 400},
	} {
		res, text := b.do(test.method, test.path, test.body, test.header...)
		if res.StatusCode != test.code {
			t.Errorf("%s %s %v: %s %s", test.method, test.path, test.header, res.Status, text)
		}
		if test.code == 401 && (!strings.Contains(text, "token") || strings.Count(text, "\n") != 1 || res.Header.Get("WWW-Authenticate") == "") {
			t.Errorf("%s %s: %q", test.method, test.path, text)
		}
	}
	b.browse("?token=read").until(event)
}

func TestConfig(t *testing.T) {
	for want, cfg := range map[string]dashboard.Config{
		"BASE_PATH": {BasePath: "/a b/"},
		`BASE_PATH is "/../x": it must be a path such as /profiles/`: {BasePath: "/../x"},
		"MAX_BROWSERS":    {MaxBrowsers: -1},
		"MAX_SUBJECTS":    {MaxSubjects: 1 << 30},
		"MAX_STATE_BYTES": {MaxStateBytes: 5},
		"MERGE_EVERY":     {MergeEvery: -1},
		"HEARTBEAT":       {Heartbeat: 1},
		"MAX_PER_ADDRESS": {MaxPerAddress: -1},
		`TRUSTED_PROXIES has "proxy": it must be an address or a network, such as 10.0.0.0/8`: {TrustedProxies: []string{"10.0.0.0/8", "proxy"}},
		"TOPOLOGY": {Bus: client.Config{Topology: "x"}},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	var zero dashboard.Config
	if err := zero.Validate(); err != nil || zero.Listen != "127.0.0.1:8447" || zero.BasePath != "/" || zero.MaxBrowsers != 1000 {
		t.Errorf("%+v %v", zero, err)
	}
	for given, want := range map[string]string{"x": "/x/", "/x": "/x/", "/x/y/": "/x/y/", "//": "/"} {
		cfg := dashboard.Config{BasePath: given}
		if err := cfg.Validate(); err != nil || cfg.BasePath != want {
			t.Errorf("%q: %q %v", given, cfg.BasePath, err)
		}
	}
	if len(zero.Settings()) != 2 {
		t.Error("settings")
	}
}

// TestAllowedHosts: names that are set are enforced on any address. Health and metrics are on
// the page's address only if that is a loopback address.
func TestAllowedHosts(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	const any = "0.0.0.0:0"
	for _, test := range []struct {
		listen string
		names  []string
		host   string
		path   string
		code   int
	}{
		{"127.0.0.1:0", nil, "localhost", "", 200},
		{"127.0.0.1:0", nil, "localhost", "metrics", 200},
		{"127.0.0.1:0", nil, "evil.example", "", 421},
		{"127.0.0.1:0", []string{"a.example"}, "a.example", "", 200},
		{any, nil, "evil.example", "", 200},
		{any, nil, "localhost", "healthz", 404},
		{any, nil, "localhost", "metrics", 404},
		{any, []string{"a.example"}, "a.example:80", "", 200},
		{any, []string{"a.example"}, "evil.example", "api/events", 421},
		{any, []string{"a.example"}, "192.0.2.1", "", 421},
		{any, []string{"*"}, "evil.example", "", 200},
	} {
		b := startBridgeAt(t, srv.URL(), test.listen, dashboard.Config{AllowedHosts: test.names}).ready()
		if res, _ := b.do(http.MethodGet, test.path, "", "Host", test.host); res.StatusCode != test.code {
			t.Errorf("%+v: %s", test, res.Status)
		}
		b.stop()
	}
}

// TestHealthListen: health and metrics have a listener of their own. It takes a free port if
// that of the default is taken.
func TestHealthListen(t *testing.T) {
	if l, err := net.Listen("tcp", dashboard.DefaultHealthListen); err == nil {
		defer func() { _ = l.Close() }()
	}
	srv := bustest.Start(t)
	b := srv.Topology()
	lines := make(chan string, 100)
	d, err := dashboard.New(dashboard.Config{Listen: "0.0.0.0:0"}, dashboard.Deps{
		Bus: b, Log: slog.New(slog.NewTextHandler(lineWriter(lines), nil)), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- d.Serve(ctx) }()
	for line := range lines {
		if strings.Contains(line, "health and metrics are at another address, since ") && strings.Contains(line, " is taken: set HEALTH_LISTEN") {
			_, url, _ := strings.Cut(strings.TrimSpace(line), "url=")
			for host, code := range map[string]int{"localhost": 200, "evil.example": 421} {
				res, _ := (&bridge{t: t, url: url, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}).do(http.MethodGet, "/healthz", "", "Host", host)
				if res.StatusCode != code {
					t.Errorf("%s as %s: %s", url, host, res.Status)
				}
			}
			break
		}
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A lineWriter gets the lines of a log.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}
