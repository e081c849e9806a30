package bus_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
)

func readLog(t *testing.T, b *bus.Bus) []bus.Notice {
	t.Helper()
	var log []bus.Notice
	if _, err := b.ReadLog(bustest.Context(t), func(n bus.Notice) error { log = append(log, n); return nil }); err != nil {
		t.Fatal(err)
	}
	return log
}

// TestDuplicates: the duplicate window covers all subjects of a stream and goes on after an
// acknowledgement, so each deliberate publish needs a message id of its own.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	ctx := bustest.Context(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	accept := bus.Notice{Host: "h", Episode: "e", Profile: "io-walk", At: at}
	retract, again := accept, accept
	retract.Retracted = true
	again.At = at.Add(time.Nanosecond)
	var seqs []uint64
	for _, n := range []bus.Notice{accept, accept, retract, retract, again} {
		seq, err := b.Publish(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, seq)
	}
	if want := []uint64{1, 1, 2, 2, 3}; !slices.Equal(seqs, want) {
		t.Errorf("stored at %v, want %v", seqs, want)
	}
	log := readLog(t, b)
	if len(log) != 3 || log[0].Retracted || !log[1].Retracted || !log[2].At.Equal(again.At) || log[2].Key() != "h/e/io-walk" {
		t.Errorf("the log is %+v", log)
	}
}

func TestPublishAll(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Topology()
	const n = 1000
	done := 0
	err := b.PublishAll(bustest.Context(t), func(yield func(bus.Notice) bool) {
		for i := range n {
			if !yield(bus.Notice{Host: "h", Episode: "e", Profile: "io-walk", At: time.Unix(1_800_000_000, int64(i))}) {
				return
			}
		}
	}, func(bus.Notice) { done++ })
	if err != nil || done != n {
		t.Fatalf("%d of %d: %v", done, n, err)
	}
	for i, m := range readLog(t, b) {
		if m.Seq != uint64(i+1) || m.At.Nanosecond() != i {
			t.Fatalf("message %d is out of order: %+v", i, m)
		}
	}
}

// TestTimes: a sender's time may be a string, a number, or anything else.
func TestTimes(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	b := srv.Topology()
	js := srv.JetStream()
	for _, at := range []string{`"2026-01-02T03:04:05.5Z"`, `1767323045.5`, `null`, `"yesterday"`, `{}`, `-1`, `1e300`, `"1970-01-01T00:00:00Z"`, `1.5`, `1e10`, `1767323045500`} {
		body := `{"episode_id": "e", "host_id": "h", "profile": "p", "accepted_at": ` + at + `}`
		if _, err := js.Publish(t.Context(), bus.SubjectAccepted, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	log := readLog(t, b)
	if len(log) != 11 {
		t.Fatalf("%d messages were read, want 11", len(log))
	}
	want := time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC)
	for i, n := range log {
		if i == 9 { // far ahead, but a time
			if n.At.Unix() != 1e10 {
				t.Errorf("message %d: %s", i, n.At)
			}
			continue
		}
		if i < 2 && !n.At.Equal(want) || i >= 2 && !n.At.IsZero() {
			t.Errorf("message %d: %s", i, n.At)
		}
	}
}

func TestTooLongIsRefused(t *testing.T) {
	t.Parallel()
	srv := bustest.Start(t)
	srv.Topology()
	if _, err := srv.JetStream().Publish(context.Background(), bus.SubjectAccepted, make([]byte, 65<<10)); err == nil {
		t.Error("a message of 65 KiB was stored: its copy under REJECTED might not fit")
	}
}
