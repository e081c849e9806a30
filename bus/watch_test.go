package bus

import (
	"log/slog"
	"testing"
	"time"

	"github.com/cis490/profiles/bus/embedded"
)

// quickly fails where a view does not see a put within 8 s: the client alone
// would notice after 20 s that its watch has gone.
func quickly(t *testing.T, v *view[keys], seq uint64) {
	t.Helper()
	if err := v.reached(t.Context(), seq, 8*time.Second); err != nil {
		t.Error(err)
	}
}

// TestViewAfterReconnect: a server that restarts forgets watches.
func TestViewAfterReconnect(t *testing.T) {
	t.Parallel()
	cfg := embedded.Config{Addr: "127.0.0.1:0", Dir: t.TempDir()}
	srv, err := embedded.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { srv.Shutdown() }()
	b, err := Connect(Config{URL: srv.URL()}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.EnsureTopology(limited(t)); err != nil {
		t.Fatal(err)
	}
	v, w := keysView(t, b)
	runView(t, v, w)
	quickly(t, v, put(t, b, "a", "1"))
	back, end := b.Reconnects()
	defer end()
	cfg.Addr = srv.Addr()
	srv.Shutdown()
	if srv, err = embedded.Start(cfg); err != nil {
		t.Fatal(err)
	}
	<-back
	moved := v.changed()
	put(t, b, "a", "2")
	select {
	case <-moved: // nobody waited for a sequence
	case <-time.After(8 * time.Second):
		t.Error("the view stands still after a reconnect")
	}
}

// TestSilentWatch: the server that a watch is on may go while the one that we
// are connected to stays.
func TestSilentWatch(t *testing.T) {
	t.Parallel()
	b := server(t)
	v, w := keysView(t, b)
	runView(t, v, w)
	quickly(t, v, put(t, b, "a", "1"))
	s, err := b.js.Stream(t.Context(), bucketStream(EnvelopesBucket))
	if err != nil {
		t.Fatal(err)
	}
	names := s.ConsumerNames(t.Context())
	for name := range names.Name() {
		if err := s.DeleteConsumer(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	quickly(t, v, put(t, b, "a", "2"))
}
