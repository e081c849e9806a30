package streamer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/streamer"
)

// A receiver takes posts and answers as it is told.
type receiver struct {
	*httptest.Server
	bodies chan string
}

func newReceiver(t *testing.T, answer func(body string, r *http.Request) int) *receiver {
	r := &receiver{bodies: make(chan string, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodHead { // the poster asks whether anybody is there
			return
		}
		body, _ := io.ReadAll(req.Body)
		status := answer(string(body), req)
		if status >= 300 && status < 400 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		r.bodies <- req.Method + " " + string(body)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) next(t *testing.T) string {
	t.Helper()
	select {
	case body := <-r.bodies:
		return body
	case <-bustest.Context(t).Done():
		t.Fatal("nothing was posted")
	}
	return ""
}

// startPoster runs one until the test ends; the counter tells results.
func startPoster(t *testing.T, url, token string) (*streamer.Poster, func(result string) float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	p := streamer.NewPoster(url, token, bustest.Log(t), registry)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return p, func(result string) float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if m.GetLabel()[0].GetValue() == result {
					return m.GetCounter().GetValue()
				}
			}
		}
		return 0
	}
}

func TestPosts(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var headers []string
	r := newReceiver(t, func(_ string, req *http.Request) int {
		mu.Lock()
		defer mu.Unlock()
		headers = append(headers, req.Method, req.Header.Get("Content-Type"), req.Header.Get("Authorization"))
		return 204
	})
	p, _ := startPoster(t, r.URL, "secret")
	p.Post("s", map[string]int{"n": 1})
	if got := r.next(t); got != `POST {"n":1}` {
		t.Errorf("posted %s", got)
	}
	plain, _ := startPoster(t, r.URL, "")
	plain.Post("s", "x")
	r.next(t)
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"POST", "application/json", "Bearer secret", "POST", "application/json", ""}; !slices.Equal(headers, want) {
		t.Errorf("headers %q", headers)
	}
}

// TestPostsAgain: what may pass by itself is tried again, other refusals are not.
func TestPostsAgain(t *testing.T) {
	t.Parallel()
	for status, again := range map[int]bool{500: true, 503: true, 429: true, 400: false, 401: false, 404: false, 409: false, 413: false, 302: false, 307: false} {
		var mu sync.Mutex
		first := true
		r := newReceiver(t, func(body string, _ *http.Request) int {
			mu.Lock()
			defer mu.Unlock()
			if body == `"a"` && first {
				first = false
				return status
			}
			return 200
		})
		p, count := startPoster(t, r.URL, "")
		p.Post("a", "a")
		if got := r.next(t); got != `POST "a"` {
			t.Fatalf("%d: %s", status, got)
		}
		if !again {
			result := "refused"
			if status == http.StatusConflict {
				result = "kept"
			}
			until(t, "the refusal to be counted", func() bool { return count(result) == 1 })
			p.Post("b", "b")
			if got := r.next(t); got != `POST "b"` {
				t.Errorf("after %d: %s", status, got)
			}
			continue
		}
		if got := r.next(t); got != `POST "a"` {
			t.Errorf("after %d: %s", status, got)
		}
		until(t, "the retry to be counted", func() bool { return count("retried") == 1 && count("ok") == 1 })
	}
}

// TestRetryAfter: a receiver says when to try again. The backoff would be 250 ms.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const after = time.Second
	for _, text := range []string{"1", time.Now().Add(20 * time.Minute).UTC().Format(http.TimeFormat), "soon"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", text)
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		again, err := streamer.Post(t.Context(), srv.Client(), srv.URL, "", []byte("{}"))
		var busy *streamer.Busy
		is := errors.As(err, &busy)
		if !again || err == nil || is != (text != "soon") || is && busy.After != map[bool]time.Duration{true: after, false: 5 * time.Minute}[text == "1"] {
			t.Errorf("%s: %t %v", text, again, err)
		}
		srv.Close()
	}
	var tries []time.Time
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost {
			tries = append(tries, time.Now())
		}
		if len(tries) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	t.Cleanup(srv.Close)
	p, count := startPoster(t, srv.URL, "")
	p.Post("a", "a")
	until(t, "the second try", func() bool { return count("ok") == 1 })
	if p.Problem() != nil {
		t.Errorf("it has the problem %v", p.Problem())
	}
	if pause := tries[1].Sub(tries[0]); pause < after {
		t.Errorf("it tried again after %s", pause)
	}
}

// TestNobodyAtPublishURL: the poster says so at its start, before there is an event.
func TestNobodyAtPublishURL(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	var said bustest.Record
	p := streamer.NewPoster(srv.URL, "", said.Log(t), prometheus.NewRegistry())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	until(t, "the problem", func() bool { return p.Problem() != nil })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	const want = "is the receiver running there, and may this machine connect to it?"
	if err := p.Problem().Error(); !strings.Contains(err, want) || !strings.HasPrefix(err, "PUBLISH_URL: ") {
		t.Error(err)
	}
	if lines := said.Lines("level=WARN"); len(lines) != 1 || !strings.Contains(lines[0], want) {
		t.Errorf("%q", lines)
	}
}

// TestRefusedAtPublishURL: a refused event is logged once for each reason, and /readyz says what to do.
func TestRefusedAtPublishURL(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "publishing requires a token", http.StatusUnauthorized)
	}))
	defer srv.Close()
	var said bustest.Record
	p := streamer.NewPoster(srv.URL, "", said.Log(t), prometheus.NewRegistry())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	p.Post("dashboard.x.y", map[string]string{"type": "x"})
	until(t, "the problem", func() bool { return p.Problem() != nil })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	const want = "publishing requires a token: PUBLISH_TOKEN must be that of the receiver"
	if err := p.Problem().Error(); !strings.Contains(err, want) {
		t.Error(err)
	}
	if lines := said.Lines("an event was refused at PUBLISH_URL"); len(lines) != 1 || !strings.Contains(lines[0], want) {
		t.Errorf("%q", lines)
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	(&stage{T: t}).until(what, ok)
}

// TestPostsNewest: while the receiver is away only the newest event of a subject
// waits, and nobody is held back.
func TestPostsNewest(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close() // refused from now on
	p, count := startPoster(t, "http://"+addr, "")
	began := time.Now()
	p.Post("s", 0)
	until(t, "a refused connection", func() bool { return count("retried") >= 1 })
	for n := range 10_000 {
		p.Post("s", n)
		p.Post("t", -n)
	}
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("posting took %s", took)
	}
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	bodies := make(chan string, 10)
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		bodies <- string(body)
	})}}
	srv.Start()
	defer srv.Close()
	got := []string{<-bodies, <-bodies}
	slices.Sort(got)
	if want := []string{"-9999", "9999"}; !slices.Equal(got, want) {
		t.Errorf("posted %v, want %v", got, want)
	}
	until(t, "both to be counted", func() bool { return count("ok") == 2 })
}

// TestPostsNewerMeanwhile: what failed does not replace what came while it was
// under way.
func TestPostsNewerMeanwhile(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 1), make(chan struct{})
	r := newReceiver(t, func(body string, _ *http.Request) int {
		if body != `"old"` {
			return 200
		}
		asked <- struct{}{}
		<-release
		return 500
	})
	p, _ := startPoster(t, r.URL, "")
	p.Post("s", "old")
	<-asked
	p.Post("s", "new")
	close(release)
	for i, want := range []string{`POST "old"`, `POST "new"`} {
		if got := r.next(t); got != want {
			t.Errorf("post %d is %s, want %s", i, got, want)
		}
	}
}

// TestPostsTakeTurns: an event that the receiver chokes on does not hold back
// those of other subjects.
func TestPostsTakeTurns(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(body string, _ *http.Request) int {
		if body == `"bad"` {
			return 500
		}
		return 200
	})
	p, count := startPoster(t, r.URL, "")
	p.Post("a", "bad")
	r.next(t)
	p.Post("b", "good")
	p.Post("c", "good")
	until(t, "the others to be posted", func() bool { return count("ok") == 2 })
}

// TestPostsStop: a poster ends though its receiver does not answer.
func TestPostsStop(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}), make(chan struct{})
	r := newReceiver(t, func(string, *http.Request) int { close(asked); <-release; return 200 })
	defer close(release)
	p := streamer.NewPoster(r.URL, "", bustest.Log(t), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	p.Post("s", 1)
	<-asked
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(4 * time.Second): // less than the client's own time-out
		t.Error("it goes on")
	}
}

// TestStreamerPosts what it published, and the receiver's silence never holds
// back the bus.
func TestStreamerPosts(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	release := make(chan struct{})
	r := newReceiver(t, func(string, *http.Request) int { <-release; return 200 })
	s.register(generation(gen, gen, 0, 1))
	s.start(streamer.Config{CyclePause: time.Hour, PublishURL: r.URL, PublishToken: "x"})
	for x := range 20 {
		s.envelope(gen, "a", float64(x+1), 1)
		s.shows("a", gen, float64(x+1))
	}
	close(release)
	until(t, "the newest to be posted", func() bool {
		event := r.next(t)
		if strings.Contains(event, `"life"`) {
			t.Error("the event claims an order, which receivers refuse")
		}
		return strings.Contains(event, `"median_raw":[0,0,0,6.6666`)
	})
}

// TestEveryStreamerPosts: each has a sink of its own, which learns of every
// change, whoever was the one to publish it.
func TestEveryStreamerPosts(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.register(generation(gen, gen, 0, 1))
	var sinks []*receiver
	for range 3 {
		r := newReceiver(t, func(string, *http.Request) int { return 200 })
		sinks = append(sinks, r)
		s.start(streamer.Config{CyclePause: time.Hour, PublishURL: r.URL})
	}
	for x := range 10 {
		s.envelope(gen, "a", float64(x+1), 1)
		for _, r := range sinks {
			want := fmt.Sprintf(`"digest":"%016x"`, uint64(x+1)*1000+1)
			until(t, "the change to be posted to all", func() bool { return strings.Contains(r.next(t), want) })
		}
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	x := 0.5
	if err := (&streamer.Config{Models: streamer.Models{LatencyUS: &x}}).Validate(); !errors.Is(err, streamer.ErrLatencyAlone) {
		t.Errorf("a latency alone: %v", err)
	}
	both := streamer.Models{Metric: &x, LatencyUS: &x}
	if err := both.Validate(); err != nil || both.Name != "knn" {
		t.Errorf("%v, %q", err, both.Name)
	}
	if n := len(both.Events()); n != 2 {
		t.Errorf("%d events", n)
	}
	if n := len(streamer.Models{Name: "knn", Metric: &x}.Events()); n != 1 {
		t.Errorf("%d events", n)
	}
	for args, ok := range map[string]bool{
		"--also-metric=0": true, "--also-metric=0.9 --also-perf-latency-us=12 --also-model=svm": true, "": true,
		"--also-metric=NaN": false, "--also-metric=-1": false, "--also-metric=x": false, "--also-perf-latency-us=Inf": false,
	} {
		var m streamer.Models
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		streamer.ModelFlags(f, &m)
		if err := f.Parse(strings.Fields(args)); (err == nil) != ok {
			t.Errorf("%q: %v", args, err)
		}
		if args == "--also-metric=0" && (m.Metric == nil || *m.Metric != 0 || m.LatencyUS != nil) {
			t.Errorf("%q gives %+v", args, m)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]streamer.Config{
		"CYCLE_PAUSE is -1s": {CyclePause: -time.Second},
		"CHECK_EVERY is -1s": {CheckEvery: -time.Second},
		`PUBLISH_URL is "ftp://x": it must be an http or https URL`: {PublishURL: "ftp://x"},
		"NATS_REPLICAS": {Bus: client.Config{Replicas: 7}},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	var zero streamer.Config
	if err := zero.Validate(); err != nil || zero.CyclePause != 20*time.Second || zero.CheckEvery != 30*time.Second {
		t.Errorf("the zero config: %v, %+v", err, zero)
	}
}
