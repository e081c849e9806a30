package client

import (
	"log/slog"
	"testing"
	"time"

	"github.com/cis490/profiles/bus/embedded"
)

// quickly fails if a view does not see a put within 8 s. The NATS library alone would
// notice after 20 s that its watch is gone.
func quickly(t *testing.T, v *View[keys], seq uint64) {
	t.Helper()
	if err := v.Reached(t.Context(), seq, 8*time.Second); err != nil {
		t.Error(err)
	}
}

// TestViewAfterReconnect: a server that restarts has lost its watches.
func TestViewAfterReconnect(t *testing.T) {
	t.Parallel()
	cfg := embedded.Config{Addr: "127.0.0.1:0", Dir: t.TempDir()}
	srv, err := embedded.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { srv.Shutdown() }()
	c, err := Connect(Config{URL: srv.URL()}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	createBucket(t, c)
	v := openKeys(t, c)
	runView(t, v)
	quickly(t, v, put(t, c, "a", "1"))
	back, end := c.Reconnects()
	defer end()
	cfg.Addr = srv.Addr()
	srv.Shutdown()
	if srv, err = embedded.Start(cfg); err != nil {
		t.Fatal(err)
	}
	<-back
	changed := v.Changed()
	put(t, c, "a", "2")
	select {
	case <-changed: // no caller waits for a sequence
	case <-time.After(8 * time.Second):
		t.Error("the view stands still after a reconnect")
	}
}

// TestSilentWatch: the server that serves a watch may end while the server that we
// are connected to stays.
func TestSilentWatch(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	v := openKeys(t, c)
	runView(t, v)
	quickly(t, v, put(t, c, "a", "1"))
	s, err := c.js.Stream(t.Context(), BucketStream(testBucket))
	if err != nil {
		t.Fatal(err)
	}
	names := s.ConsumerNames(t.Context())
	for name := range names.Name() {
		if err := s.DeleteConsumer(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	quickly(t, v, put(t, c, "a", "2"))
}
