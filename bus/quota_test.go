package bus_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
)

// withLog connects with NATS_LOG_BYTES.
func withLog(t *testing.T, srv *bustest.Server, bytes int64) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(client.Config{URL: srv.URL(), LogBytes: bytes}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// TestFloodLeavesRoomForBuckets: a sender that floods the log and what is made from it fills its own streams. The sender
// is refused at once and told what to do, and buckets can be written, on a server that would be full without limits.
func TestFloodLeavesRoomForBuckets(t *testing.T) {
	t.Parallel()
	srv := bustest.StartWith(t, "jetstream { max_file_store: 256MB }\n")
	b := withLog(t, srv, 1<<20)
	ctx := bustest.Context(t)
	if err := b.EnsureTopology(ctx); err != nil {
		t.Fatal(err)
	}
	js := srv.JetStream()
	const tooLong = "message size exceeds maximum allowed"
	if _, err := js.Publish(ctx, bus.SubjectAccepted, make([]byte, 4<<10+1)); err == nil || !strings.Contains(err.Error(), tooLong) {
		t.Errorf("a message of more than 4 KiB: %v", err)
	}
	for _, size := range []int{3 << 10, 1} { // then not even a short one fits
		var err error
		for err == nil {
			_, err = js.Publish(ctx, bus.SubjectAccepted, make([]byte, size))
		}
	}
	notice, began := bus.Notice{Host: "h", Episode: "e", Profile: "p", At: time.Now()}, time.Now()
	_, err := b.Publish(ctx, notice)
	if !errors.Is(err, client.ErrFull) || !strings.Contains(err.Error(), "the log takes no more messages; give it more room with NATS_LOG_BYTES") {
		t.Errorf("publish to a full log: %v", err)
	}
	err = b.PublishAll(ctx, func(yield func(bus.Notice) bool) { yield(notice) }, func(bus.Notice) {})
	if !errors.Is(err, client.ErrFull) {
		t.Errorf("publish many to a full log: %v", err)
	}
	if waited := time.Since(began); waited > 10*time.Second {
		t.Errorf("refused after %s, not at once", waited)
	}
	if _, err := b.CompareAndSet(ctx, client.KeySubject(bus.EnvelopesBucket, "a.b"), &client.Write{Data: make([]byte, 900<<10)}, 0); err != nil {
		t.Errorf("a bucket beside a full log: %v", err)
	}
	for range 20 { // the oldest go
		if _, err := js.Publish(ctx, "episode.suspect.p", make([]byte, 900<<10)); err != nil {
			t.Fatal(err)
		}
	}
	sizes, err := b.Streams(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sizes {
		isBucket := strings.HasPrefix(s.Name, "KV_")
		if !isBucket && (s.MaxBytes == 0 || s.Bytes > uint64(s.MaxBytes)) || isBucket && s.MaxBytes > 0 {
			t.Errorf("%s has %d bytes of at most %d", s.Name, s.Bytes, s.MaxBytes)
		}
	}
	if _, err := b.CompareAndSet(ctx, client.KeySubject(bus.CurvesBucket, "a.b.c"), &client.Write{Data: []byte("{}")}, 0); err != nil {
		t.Errorf("a bucket beside full streams: %v", err)
	}
}

// TestLimitsOfPresentStreams: a stream without a limit gets one, a limit that somebody chose stays, and the log gets room
// for more than it has.
func TestLimitsOfPresentStreams(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	ctx := bustest.Context(t)
	js := srv.JetStream()
	set := func(name string, bytes int64) {
		t.Helper()
		s, err := js.Stream(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		cfg := s.CachedInfo().Config
		if cfg.MaxBytes <= 0 {
			t.Errorf("%s has no limit", name)
		}
		cfg.MaxBytes = bytes
		if _, err := js.UpdateStream(ctx, cfg); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		stream    string
		has, want int64
		logBytes  int64
	}{
		{bus.EpisodesStream, -1, 1 << 30, 0},
		{bus.EpisodesStream, 5 << 20, 5 << 20, 0},
		{bus.EpisodesStream, 5 << 20, 6 << 20, 6 << 20},
		{bus.EpisodesStream, -1, 7 << 20, 7 << 20},
		{bus.RejectedStream, -1, 64 << 20, 0},
		{bus.RejectedStream, 2 << 20, 2 << 20, 9 << 20},
		{bus.SuspectsStream, -1, 16 << 20, 0},
		{bus.DashboardStream, -1, 128 << 20, 0},
	} {
		set(c.stream, c.has)
		if err := withLog(t, srv, c.logBytes).EnsureTopology(ctx); err != nil {
			t.Fatal(err)
		}
		s, err := js.Stream(ctx, c.stream)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().Config.MaxBytes; got != c.want {
			t.Errorf("%+v: the limit is %d", c, got)
		}
	}
}

// TestLimitWithoutRoom: a server that is too small for the limits is named, with what to do.
func TestLimitWithoutRoom(t *testing.T) {
	t.Parallel()
	srv := bustest.StartWith(t, "jetstream { max_file_store: 300MB }\n")
	err := withLog(t, srv, 1<<20).EnsureTopology(bustest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	var log bustest.Record
	b, err := bus.Connect(client.Config{URL: srv.URL(), LogBytes: 1 << 30}, log.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, end := context.WithTimeout(bustest.Context(t), 5*time.Second)
	defer end()
	err = b.EnsureTopology(ctx)
	const want = "raise max_file_store, or lower NATS_LOG_BYTES"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}
