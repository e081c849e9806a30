package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/events"
	"github.com/cis490/profiles/dashboard"
)

// last returns the last message of a subject in the stream, and its sequence.
func last(t testing.TB, js jetstream.JetStream, subject string) (string, uint64) {
	t.Helper()
	s, err := js.Stream(bustest.Context(t), bus.DashboardStream)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetLastMsgForSubject(bustest.Context(t), subject)
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	return string(m.Data), m.Sequence
}

func TestPublish(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{MergeEvery: time.Millisecond}).ready()
	br := b.browse("")
	br.catchUp()
	long := strings.Repeat("n", 200)
	for body, subject := range map[string]string{
		`{"type":"model_metric","model":"knn","metric":0.762}`:          "dashboard.model_metric.knn",
		` {"name": "a", "model": 5, "type": "x_1"}` + "\r\n":            "dashboard.x_1.a",
		`{"type":"x","name":"","model":"m"}`:                            "dashboard.x.m",
		`{"type":"x"}`:                                                  "dashboard.x._",
		`{"type":"x","name":"a.b*>c d%ü"}`:                              "dashboard.x.a%2Eb%2A%3Ec%20d%25%C3%BC",
		`{"type":"x","name":"` + long + `"}`:                            "dashboard.x." + long,
		`{"type":"x","name":"\u0000\ud83d\ude00"}`:                      "dashboard.x.%00%F0%9F%98%80",
		`{"type":"` + strings.Repeat("t", 64) + `"}`:                    "dashboard." + strings.Repeat("t", 64) + "._",
		`{"type":"x","name":"n","Type":5,"life":7,"revision":"no"}`:     "dashboard.x.n",
		`{"type":"big","pad":"` + strings.Repeat("p", 64<<10-23) + `"}`: "dashboard.big._",
	} {
		r := b.post(body)
		if !r.Stored || r.Subject != subject || r.Seq == 0 || r.Because != "" {
			t.Errorf("%.80s: %+v, want %s", body, r, subject)
			continue
		}
		if data, seq := last(t, srv.JetStream(), subject); data != body || seq != r.Seq {
			t.Errorf("%s holds %.80s at %d, want %.80s at %d", subject, data, seq, body, r.Seq)
		}
		for br.next().id != fmt.Sprint(r.Seq) {
			continue
		}
	}
	if n := b.metric("profiles_dashboard_publish_total", "stored"); n != 10 {
		t.Errorf("%v stored", n)
	}
}

func TestBadBodies(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{}).ready()
	for body, part := range map[string]string{
		``:                                "empty",
		`   `:                             "empty",
		`null`:                            "one JSON object",
		`[{"type":"x"}]`:                  "one JSON object",
		strings.Repeat("3", 400):          "one JSON object",
		`"type"`:                          "one JSON object",
		`type=x`:                          "not JSON",
		`{"type":"x"`:                     "too early",
		`{"type":"x",}`:                   "not JSON",
		`{"type":"x"}{"type":"x"}`:        "follows",
		`{"type":"x"} x`:                  "follows",
		`{"type":"x" "a":1}`:              "not JSON",
		`{"type":"x","a":NaN}`:            "not JSON",
		`{"type":"x","a":01}`:             "not JSON",
		"{\"type\":\"x\",\"a\":\"\n\"}":   "not JSON",
		"\ufeff{\"type\":\"x\"}":          "not JSON",
		"{\"type\":\"x\",\"a\":\"\xff\"}": "UTF-8",
		`{}`:                              `no "type"`,
		`{"Type":"x"}`:                    `no "type"`,
		`{"type":5}`:                      "type must be a string",
		`{"type":null}`:                   "type must be a string",
		`{"type":""}`:                     "a-z",
		`{"type":"Attack"}`:               "a-z",
		`{"type":"a.b"}`:                  "a-z",
		`{"type":"a\n"}`:                  "a-z",
		`{"type":"` + strings.Repeat("a", 65) + `"}`:                                 "64",
		`{"type":"bridge"}`:                                                          "reserved",
		`{"type":"x","type":"y"}`:                                                    "twice",
		`{"type":"x","name":5}`:                                                      "name must be a string",
		`{"type":"x","name":null}`:                                                   "name must be a string",
		`{"type":"x","model":{}}`:                                                    "model must be a string",
		`{"type":"x","name":"a","name":"b"}`:                                         "twice",
		`{"type":"x","name":"` + strings.Repeat("n", 201) + `"}`:                     "201",
		`{"type":"x","name":"` + strings.Repeat("ü", 34) + `"}`:                      "204",
		`{"type":"x","a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`: "nested",
		strings.Repeat("[", 60000):                                                   "nested",
	} {
		res, text := b.do(http.MethodPost, "publish", body)
		if res.StatusCode != http.StatusBadRequest || !strings.Contains(text, part) || strings.Count(text, "\n") != 1 {
			t.Errorf("%.60q: %s %q, want a sentence with %q", body, res.Status, text, part)
		}
	}
	for what, test := range map[string]struct {
		method, body string
		header       []string
		code         int
	}{
		"too large":       {http.MethodPost, `{"type":"x","pad":"` + strings.Repeat("p", 64<<10) + `"}`, nil, http.StatusRequestEntityTooLarge},
		"compressed":      {http.MethodPost, `{"type":"x"}`, []string{"Content-Encoding", "gzip"}, http.StatusUnsupportedMediaType},
		"GET":             {http.MethodGet, ``, nil, http.StatusMethodNotAllowed},
		"PUT":             {http.MethodPut, `{"type":"x"}`, nil, http.StatusMethodNotAllowed},
		"of another site": {http.MethodPost, `{"type":"x"}`, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"of another port": {http.MethodPost, `{"type":"x"}`, []string{"Origin", "http://127.0.0.1:1"}, http.StatusForbidden},
	} {
		if res, text := b.do(test.method, "publish", test.body, test.header...); res.StatusCode != test.code || strings.Count(text, "\n") != 1 {
			t.Errorf("%s: %s %q, want %d", what, res.Status, text, test.code)
		}
	}
	if n := b.metric("profiles_dashboard_publish_total", "stored"); n != 0 {
		t.Errorf("%v stored", n)
	}
}

// TestOrder: a posted event may not claim an order, and replaces none that has one.
func TestOrder(t *testing.T) {
	srv := bustest.Start(t)
	now, err := events.Incarnation(t.Context(), srv.Topology())
	if err != nil {
		t.Fatal(err)
	}
	incarnation := string(now)
	b := startBridge(t, srv, dashboard.Config{}).ready()
	const subject = "dashboard.attack_profile.io-walk"
	event := func(incarnation string, revision int) string {
		return fmt.Sprintf(`{"type":"attack_profile","name":"io-walk","revision":[1,%d],"epoch":0,"life":%q}`, revision, incarnation)
	}
	const plain = `{"type": "attack_profile", "name": "io-walk", "shape": "s", "curve": [0.5], "revision": [9, 9], "epoch": 3}`
	for _, claims := range []string{
		event("2001-01-01T00:00:00Z", 9), event(incarnation, 2), event(incarnation, 1<<53-1),
		strings.Replace(event(incarnation, 2), "life", "Life", 1), `{"life":"", "type":"x", "life":"x"}`,
		// Browsers and other readers look for the key "life" only.
		`{"type":"x","life":"x","LIFE":""}`, `{"type":"x","LIFE":"","life":"x"}`, `{"type":"x","life":"x","revision":"no"}`, `{"type":"x","\u006cife":"x","generation":5}`,
	} {
		if res, text := b.do(http.MethodPost, "publish", claims); res.StatusCode != http.StatusBadRequest || !strings.Contains(text, `without the key "life"`) {
			t.Errorf("%s: %s %s", claims, res.Status, text)
		}
	}
	for range 2 { // the Python program repeats its events
		if r := b.post(plain); !r.Stored {
			t.Errorf("%+v", r)
		}
	}
	ordered := event(incarnation, 2)
	put(t, srv.JetStream(), subject, ordered)
	if r := b.post(plain); r.Stored || r.Because == "" {
		t.Errorf("over an event with an order: %+v", r)
	}
	if now, _ := last(t, srv.JetStream(), subject); now != ordered {
		t.Errorf("the stream holds %s", now)
	}
	if n := b.metric("profiles_dashboard_publish_total", "kept"); n != 1 {
		t.Errorf("%v kept", n)
	}
}

// TestConcurrentPosts: posts of one subject and of others at the same time are all
// stored.
func TestConcurrentPosts(t *testing.T) {
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{}).ready()
	var posting sync.WaitGroup
	for i := range 100 {
		posting.Go(func() {
			if r := b.post(fmt.Sprintf(`{"type":"x","name":"n%d","i":%d}`, i%2*i, i)); !r.Stored {
				t.Errorf("%+v", r)
			}
		})
	}
	posting.Wait()
}

// TestUnreachableBus: while the stream or NATS is gone, posts are answered with 503
// within seconds.
func TestUnreachableBus(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	b := startBridge(t, srv, dashboard.Config{PublishTimeout: 500 * time.Millisecond}).ready()
	refused := func(what string) {
		t.Helper()
		began := time.Now()
		res, text := b.do(http.MethodPost, "publish", `{"type":"x"}`)
		if took := time.Since(began); res.StatusCode != http.StatusServiceUnavailable || took > 8*time.Second || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s %q after %s", what, res.Status, text, took)
		}
	}
	if err := srv.JetStream().DeleteStream(bustest.Context(t), bus.DashboardStream); err != nil {
		t.Fatal(err)
	}
	refused("no stream")
	srv.Stop()
	refused("no server")
	srv.Restart()
	srv.Topology()
	b.ready()
	b.until("an event is stored", func() bool {
		res, _ := b.do(http.MethodPost, "publish", `{"type":"x"}`)
		return res.StatusCode == http.StatusOK
	})
}

// pythonBodies are bodies that the Python program posts, by subject.
func pythonBodies() map[string]string {
	var curve []string
	for i := range 80 {
		curve = append(curve, fmt.Sprint(float64(float32(i)/79)))
	}
	return map[string]string{
		"dashboard.attack_profile.io-walk": `{"type": "attack_profile", "name": "io-walk", "shape": "fs traversal + urandom writes", "curve": [` + strings.Join(curve, ", ") + `]}`,
		"dashboard.model_metric.knn":       `{"type":"model_metric","model":"knn","metric":0.762}`,
		"dashboard.model_perf.knn":         `{"type":"model_perf","model":"knn","latency_us":3410,"accuracy":0.762}`,
	}
}

const pythonPost = `
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], data=sys.stdin.buffer.read(), headers={"Content-Type": "application/json"}, method="POST")
with urllib.request.urlopen(request, timeout=10) as response:
    assert 200 <= response.status < 300, response.status
    print(response.read().decode())
`

// TestPythonAndCurl posts the Python program's bodies with urllib and with curl.
// The stream and a browser get them unchanged.
func TestPythonAndCurl(t *testing.T) {
	t.Parallel()
	for tool, command := range map[string]func(context.Context, string) *exec.Cmd{
		"python3": func(ctx context.Context, url string) *exec.Cmd {
			return exec.CommandContext(ctx, "python3", "-c", pythonPost, url)
		},
		"curl": func(ctx context.Context, url string) *exec.Cmd {
			return exec.CommandContext(ctx, "curl", "--silent", "--show-error", "--fail", "--data-binary", "@-", "-H", "Content-Type: application/json", url)
		},
		"curl with its default content type": func(ctx context.Context, url string) *exec.Cmd {
			return exec.CommandContext(ctx, "curl", "--silent", "--show-error", "--fail", "--data-binary", "@-", url)
		},
	} {
		t.Run(tool, func(t *testing.T) {
			program := strings.Fields(tool)[0]
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("NOT TESTED: %s is not installed", program)
			}
			srv := bustest.Start(t)
			srv.Topology()
			b := startBridge(t, srv, dashboard.Config{MergeEvery: time.Millisecond}).ready()
			br := b.browse("")
			br.catchUp()
			for subject, body := range pythonBodies() {
				cmd := command(bustest.Context(t), b.url+"publish")
				cmd.Stdin = strings.NewReader(body)
				cmd.Env = append(os.Environ(), "no_proxy=127.0.0.1", "NO_PROXY=127.0.0.1", "HOME="+t.TempDir())
				out, err := cmd.CombinedOutput()
				var r receipt
				if err != nil || json.Unmarshal(out, &r) != nil || !r.Stored || r.Subject != subject {
					t.Fatalf("%v: %s", err, out)
				}
				if data, seq := last(t, srv.JetStream(), subject); data != body || seq != r.Seq {
					t.Errorf("%s holds %s", subject, data)
				}
				if m := br.next(); m.data != body || m.kind != strings.Split(subject, ".")[1] || m.id != fmt.Sprint(r.Seq) {
					t.Errorf("the browser got %v", m)
				}
			}
		})
	}
}

// FuzzPublish: each body is either stored unchanged or refused with one sentence.
func FuzzPublish(f *testing.F) {
	for _, body := range pythonBodies() {
		f.Add([]byte(body))
	}
	for _, body := range []string{
		``, `{}`, `{"type":"x"}`, `{"type":"x","name":"a.b*>"}`, `{"type":"bridge"}`, `{"type":"x","name":"\ud800"}`, "{\"type\":\"x\"}\n\n",
		`{"type":"x","life":"l","revision":[18446744073709551615,1]}`, `{"a":"\"","type":"x"}`, `[[[[`, `{"type":"x","a":1e999}`,
		`{"type":"x","type":"y"}`, `{"type":"x","name":"` + strings.Repeat("é", 40) + `"}`, "{\"type\":\"x\r\n\"}", `{"type":"x"}]`, `{"type":"x"},`, `{,"type":"x"}`,
		strings.Repeat("3", 400),
	} {
		f.Add([]byte(body))
	}
	srv := bustest.Start(f)
	srv.Topology()
	js := srv.JetStream()
	running := startBridge(f, srv, dashboard.Config{MaxSubjects: 1_000_000}).ready()
	f.Fuzz(func(t *testing.T, body []byte) {
		b := *running
		b.t = t
		checkAnswer(t, &b, js, body)
	})
}

// checkAnswer posts a body. It must be stored unchanged, or refused with one short
// sentence.
func checkAnswer(t *testing.T, b *bridge, js jetstream.JetStream, body []byte) {
	t.Helper()
	res, text := b.do(http.MethodPost, "publish", string(body))
	switch res.StatusCode {
	case http.StatusOK:
		var r receipt
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		data, _ := last(t, js, r.Subject)
		var event struct{ Type string }
		if data != string(body) || json.Unmarshal(body, &event) != nil || !strings.HasPrefix(r.Subject, "dashboard.") {
			t.Errorf("%s holds %q, posted was %q", r.Subject, data, body)
		}
		if token := r.Subject[strings.LastIndexByte(r.Subject, '.')+1:]; len(token) > 200 || strings.Count(r.Subject, ".") != 2 {
			t.Errorf("subject %s", r.Subject)
		}
	case http.StatusConflict:
		var r receipt
		if err := json.Unmarshal([]byte(text), &r); err != nil || r.Stored || r.Because == "" {
			t.Errorf("%q: %s", body, text)
		}
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		if strings.Count(text, "\n") != 1 || len(text) > 300 {
			t.Errorf("%q is not one short sentence", text)
		}
	default:
		t.Errorf("%q: %s %s", body, res.Status, text)
	}
}
