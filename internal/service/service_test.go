package service_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/cis490/profiles/internal/service"
	"github.com/cis490/profiles/internal/wait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings are those of a daemon for this test.
type settings struct {
	Pause time.Duration `envconfig:"TEST_PAUSE" desc:"how long"`
	Name  string        `envconfig:"TEST_NAME" desc:"without a default"`
	Count int           `envconfig:"TEST_COUNT"`
	Tag   string        `envconfig:"TEST_TAG" default:"tagged"`
}

func (s *settings) Validate() error {
	if s.Pause == 0 {
		s.Pause = 20 * time.Second
	}
	if s.Pause < 0 {
		return fmt.Errorf("TEST_PAUSE is %s: it must not be negative", s.Pause)
	}
	return nil
}

func TestMainExitCodes(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  string
		run  error
		code int
		says string // on stderr; on stdout where it was asked for
	}{
		{"runs", nil, "", nil, 0, "msg=start"},
		{"fails", nil, "", errors.New("the disk is full"), service.ExitFailure, `level=ERROR msg="the service ends" service=daemon err="the disk is full"`},
		{"is set up wrongly", nil, "", &service.UsageError{Err: errors.New("line 2: no such key")}, service.ExitUsage, `err="line 2: no such key"`},
		{"help", []string{"--help"}, "", nil, 0, "TEST_PAUSE (default 20s)"},
		{"version", []string{"--version"}, "", nil, 0, "daemon " + service.Version()},
		{"unknown flag", []string{"--nonsense"}, "", nil, service.ExitUsage, "unknown flag: --nonsense"},
		{"argument", []string{"nonsense"}, "", nil, service.ExitUsage, `unexpected argument "nonsense"`},
		{"environment", nil, "soon", nil, service.ExitUsage, `TEST_PAUSE is "soon"`},
		{"value", nil, "-1s", nil, service.ExitUsage, "TEST_PAUSE is -1s"},
		{"log level", []string{"--log-level", "loud"}, "", nil, service.ExitUsage, `the log level is "loud" (--log-level, LOG_LEVEL)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv("TEST_PAUSE", c.env)
			}
			var stdout, stderr bytes.Buffer
			ran := false
			d := service.Daemon{Name: "daemon", About: "about", Settings: []service.Settings{{Into: &settings{}}}}
			d.Run = func(context.Context, *slog.Logger) error { ran = true; return c.run }
			code := d.Main(c.args, &stdout, &stderr)
			says, silent := &stderr, &stdout
			if slices.Contains([]string{"help", "version"}, c.name) {
				says, silent = &stdout, &stderr
			}
			if code != c.code || !strings.Contains(says.String(), c.says) || silent.Len() > 0 {
				t.Errorf("exit %d, want %d; it says %q, want %q; and elsewhere %q", code, c.code, says, c.says, silent)
			}
			if ran != (len(c.args) == 0 && c.env == "") {
				t.Errorf("ran: %v", ran)
			}
		})
	}
}

// TestLogLevels: Python's names of levels are understood as well as slog's.
func TestLogLevels(t *testing.T) {
	for name, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "NOTSET": slog.LevelDebug, "INFO": slog.LevelInfo,
		"warn": slog.LevelWarn, "WARNING": slog.LevelWarn, "Warning": slog.LevelWarn,
		"error": slog.LevelError, "CRITICAL": slog.LevelError, "fatal": slog.LevelError,
	} {
		log, err := service.Log(io.Discard, name)
		if err != nil || !log.Enabled(t.Context(), want) || log.Enabled(t.Context(), want-1) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func TestHealth(t *testing.T) {
	var ready error
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "test_total", Help: "Of this test."}))
	more := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "more") }
	h := service.Health{Ready: func() error { return ready }, Registry: registry, More: map[string]http.HandlerFunc{"GET /more": more}}
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	for _, err := range []error{nil, errors.New("waiting for NATS")} {
		ready = err
		if code, _ := get("/healthz"); code != 200 {
			t.Errorf("/healthz: %d while %v", code, err)
		}
		code, body := get("/readyz")
		if (code == 200) != (err == nil) || err != nil && !strings.Contains(body, "waiting for NATS") {
			t.Errorf("/readyz: %d %q while %v", code, body, err)
		}
	}
	if code, body := get("/metrics"); code != 200 || !strings.Contains(body, "test_total 0") {
		t.Errorf("/metrics: %d %q", code, body)
	}
	if code, body := get("/more"); code != 200 || body != "more" {
		t.Errorf("/more: %d %q", code, body)
	}
}

// TestShowState: whether a service is ready, and when NATS answered, are read when the metrics are.
func TestShowState(t *testing.T) {
	var ready error
	var answered time.Time
	registry := prometheus.NewRegistry()
	service.ShowState(registry, "test", func() error { return ready }, func() time.Time { return answered })
	shown := func() map[string]float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for _, f := range families {
			values[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
		}
		return values
	}
	const isReady, at = "profiles_ready", "profiles_nats_answered_timestamp_seconds"
	if got := shown(); got[isReady] != 1 || got[at] != 0 || len(got) != 2 {
		t.Error(got)
	}
	ready, answered = errors.New("waiting for NATS"), time.UnixMilli(1500)
	if got := shown(); got[isReady] != 0 || got[at] != 1.5 {
		t.Error(got)
	}
}

// TestServeEnds: a request that runs may end, then the port is free.
func TestServeEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	inside, release := make(chan struct{}), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- service.Serve(ctx, l, service.Limits{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(inside)
			<-release
			fmt.Fprint(w, "done")
		}))
	}()
	answered := make(chan string, 1)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		res, err := client.Get("http://" + l.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	<-inside
	stop()
	close(release)
	if got := <-answered; got != "done" {
		t.Errorf("the request that ran got %q", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if again, err := net.Listen("tcp", l.Addr().String()); err != nil {
		t.Error(err)
	} else {
		_ = again.Close()
	}
}

// TestHelp: --help shows the defaults that Validate fills in, whatever the environment says.
func TestHelp(t *testing.T) {
	t.Setenv("TEST_PAUSE", "soon")
	var stdout, stderr bytes.Buffer
	d := service.Daemon{Name: "daemon", About: "about", Settings: []service.Settings{{Into: &settings{}}}}
	if code := d.Main([]string{"--help"}, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("exit %d, %q", code, &stderr)
	}
	_, got, _ := strings.Cut(stdout.String(), "Environment:\n")
	want := `  TEST_PAUSE (default 20s)
        how long
  TEST_NAME
        without a default
  TEST_COUNT
  TEST_TAG (default tagged)
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// fakeBus is a connection that is there as long as err is nil.
type fakeBus struct {
	err   error
	calls []string
}

func (b *fakeBus) Connected() bool { return b.err == nil }

func (b *fakeBus) Problem() error { return nil }

func (b *fakeBus) Ready(context.Context) error {
	b.calls = append(b.calls, "ready")
	return b.err
}

func (b *fakeBus) EnsureTopology(context.Context) error {
	b.calls = append(b.calls, "topology")
	return nil
}

// TestSessions: sessions follow each other, slower after each that failed at
// once, at once after one that renews, until the end.
func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &fakeBus{}
		s := service.NewSessions(bus, slog.New(slog.DiscardHandler))
		if s.Ready() == nil {
			t.Error("ready before the start")
		}
		ctx, stop := context.WithCancel(t.Context())
		began := time.Now()
		var at []time.Duration
		err := s.Run(ctx, func(context.Context) error {
			at = append(at, time.Since(began))
			want := "waiting for the topology"
			if n := len(at); n > 1 && n != 5 { // the session before failed
				want += ": failed"
			}
			if err := s.Ready(); err == nil || err.Error() != want {
				t.Errorf("at the start of a session: %v", err)
			}
			s.SetReady()
			if s.Ready() != nil {
				t.Error("not ready though set")
			}
			bus.err = errors.New("away")
			if err := s.Ready(); err == nil || err.Error() != "waiting for NATS" {
				t.Errorf("without a connection: %v", err)
			}
			bus.err = nil
			switch len(at) {
			case 4:
				return fmt.Errorf("on: %w", service.ErrRenew)
			case 5:
				stop()
			}
			return errors.New("failed")
		})
		want := []int64{0, 50, 150, 350, 400} // ms
		for i, d := range at {
			if d.Milliseconds() != want[i] {
				t.Errorf("session %d began after %s, want %d ms", i, d, want[i])
			}
		}
		if err != nil || len(at) != 5 || s.Ready() == nil {
			t.Errorf("%d sessions, %v, ready: %v", len(at), err, s.Ready())
		}
		if calls := strings.Join(bus.calls[:4], " "); calls != "ready topology ready topology" {
			t.Errorf("calls: %s", calls)
		}
	})
}

// TestSessionsWarnOnce: a failure is a warning once, until a session has lasted for a while.
func TestSessionsWarnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := service.NewSessions(&fakeBus{}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
		ctx, stop := context.WithCancel(t.Context())
		n := 0
		_ = s.Run(ctx, func(ctx context.Context) error {
			n++
			switch n {
			case 3:
				return fmt.Errorf("on: %w", service.ErrRenew)
			case 4:
				return errors.New("refused for another reason")
			case 6:
				_ = wait.For(ctx, 2*time.Minute)
			case 8:
				stop()
			}
			return errors.New("refused")
		})
		// Before and after the other reason, and after the long session.
		if same, other := strings.Count(log.String(), "reason=refused"), strings.Count(log.String(), "another reason"); same != 3 || other != 1 {
			t.Errorf("%d and %d warnings, want 3 and 1:\n%s", same, other, &log)
		}
	})
}

func TestLoadSpec(t *testing.T) {
	if spec, err := service.LoadSpec(""); err != nil || len(spec.Profiles) != 6 {
		t.Errorf("the built-in spec: %v", err)
	}
	file := filepath.Join(t.TempDir(), "spec.yaml")
	if _, err := service.LoadSpec(file); err == nil {
		t.Error("a file that is not there")
	}
	if err := os.WriteFile(file, []byte("target: 5\nsede: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := service.LoadSpec(file); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("an unknown key: %v, which should name file and line", err)
	}
}
