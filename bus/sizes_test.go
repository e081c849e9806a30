package bus_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
)

func TestStreams(t *testing.T) {
	t.Parallel()
	ctx, server := bustest.Context(t), bustest.Start(t)
	b := server.Connect()
	if sizes, err := b.Streams(ctx); err != nil || len(sizes) > 0 {
		t.Errorf("before there is a topology: %v, %v", sizes, err)
	}
	_, err := b.ReadSpecs(ctx)
	if !client.IsAbsent(err) {
		t.Errorf("not told to be absent: %v", err)
	}
	if client.IsAbsent(nil) || client.IsAbsent(errors.New("other")) {
		t.Error("absent for no reason")
	}
	b = server.Topology()
	if _, err := b.Publish(ctx, bus.Notice{Host: "h", Episode: "1", Profile: "a", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	sizes, err := b.Streams(ctx)
	if err != nil || len(sizes) != 9 {
		t.Fatalf("%v, %v", sizes, err)
	}
	if s := sizes[0]; s.Name != bus.EpisodesStream || s.Messages != 1 || s.LastSeq != 1 || s.Bytes == 0 || s.Incarnation == "" {
		t.Errorf("%+v", s)
	}
	if err := b.CheckJetStream(ctx); err != nil {
		t.Error(err)
	}
}

// The server counts a message as pending a moment after it has acknowledged it. In that
// moment a program that waits until the log is done must not be told that nothing is
// pending.
func TestLagKnowsWhatWasJustPublished(t *testing.T) {
	t.Parallel()
	ctx, b := bustest.Context(t), bustest.Start(t).Topology()
	const gen = "aaaaaaaaaa"
	if err := b.EnsureConsumers(ctx, bus.Generation{ID: gen}, time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(500) {
		if _, err := b.Publish(ctx, bus.Notice{Host: "h", Episode: fmt.Sprint(n), Profile: "a", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		align, reduce, err := b.Lags(ctx, gen)
		if err != nil || align.Pending != n+1 || !reduce.None() {
			t.Fatalf("after %d: align %+v, reduce %+v, %v", n+1, align, reduce, err)
		}
	}
}

// TestWarningOfTheLog: only the log is warned about, since the other streams drop their oldest messages.
func TestWarningOfTheLog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size bus.StreamSize
		want string
	}{
		{bus.StreamSize{Name: "EPISODES", Bytes: 1 << 40}, ""},
		{bus.StreamSize{Name: "EPISODES", Bytes: 800_000, MaxBytes: 1_000_000}, ""},
		{bus.StreamSize{Name: "EPISODES", Bytes: 810_000, MaxBytes: 1_000_000}, "the log EPISODES has used 81% of its room"},
		{bus.StreamSize{Name: "EPISODES", Bytes: 999_000, MaxBytes: 1_000_000}, "the log EPISODES is full: accepts and retractions are refused; give it more room with NATS_LOG_BYTES"},
		{bus.StreamSize{Name: "REJECTED", Bytes: 999_000, MaxBytes: 1_000_000}, ""},
	} {
		if got := c.size.Warning(); !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%+v: %q, want %q", c.size, got, c.want)
		}
	}
}
