package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// TestCluster: three servers, and every stream has three replicas. A conflict has
// another code there, and the end of a leader loses nothing that was acknowledged.
func TestCluster(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts three servers and waits for elections")
	}
	cluster := bustest.StartCluster(t)
	b := cluster.Topology()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // elections take long
	defer cancel()
	spec := smallSpec()

	curves, err := b.OpenCurves(ctx, gen, spec)
	if err != nil {
		t.Fatal(err)
	}
	follow(t, curves.Run)

	t.Run("conflict", func(t *testing.T) {
		entry, rank := curveEntry(1, 1)
		if err := bustest.PutEntry(ctx, curves, entryID("a", rank), entry, 0, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if err := bustest.PutEntry(ctx, curves, entryID("a", rank), entry, 0, time.Time{}); !errors.Is(err, bustest.ErrConflict) {
			t.Errorf("a put against an old revision: %v", err)
		}
		// Writers at the same moment get an error code of their own (10164), later ones
		// the usual code (10071).
		js := cluster.JetStream()
		seen := map[jetstream.ErrorCode]int{}
		for round := byte(0); round < 50 && seen[jetstream.JSErrCodeStreamWrongLastSequenceConstant] == 0; round++ {
			codes := make(chan jetstream.ErrorCode, 50)
			var writers sync.WaitGroup
			entry, rank := curveEntry(1, 100+round)
			for range cap(codes) {
				writers.Go(func() {
					_, err := js.Publish(ctx, curveSubject("b", rank), []byte("x"), jetstream.WithExpectLastSequencePerSubject(0))
					var api *jetstream.APIError
					if errors.As(err, &api) {
						codes <- api.ErrorCode
					}
				})
				writers.Go(func() {
					if err := bustest.PutEntry(ctx, curves, entryID("b", rank), entry, 0, time.Time{}); err != nil && !errors.Is(err, bustest.ErrConflict) {
						t.Errorf("one of many puts: %v", err)
					}
				})
			}
			writers.Wait()
			close(codes)
			for code := range codes {
				seen[code]++
			}
		}
		t.Logf("conflicts by code: %v", seen)
		if seen[jetstream.JSErrCodeStreamWrongLastSequenceConstant] == 0 {
			t.Error("no conflict had the code of replicated streams")
		}
	})

	t.Run("leader stops", func(t *testing.T) {
		acknowledged := uint64(0)
		publish := func(n int) {
			t.Helper()
			for range n {
				seq, err := b.Publish(ctx, bus.Notice{Host: "h", Episode: fmt.Sprint("e", acknowledged), Profile: "a", At: time.Now()})
				if err != nil {
					t.Fatal(err)
				}
				acknowledged = max(acknowledged+1, seq)
			}
		}
		publish(20)
		leader := cluster.Leader(bus.EpisodesStream)
		cluster.Stop(leader)
		publish(20) // waits for the election
		copies := func(want int) func() bool {
			return func() bool {
				sizes, err := b.Streams(ctx)
				return err == nil && sizes[0].Name == bus.EpisodesStream && sizes[0].Replicas == 3 && sizes[0].Current == want
			}
		}
		until(t, "two copies of the log to be left", copies(2))
		// The view sees later puts, whichever server leads its bucket now.
		entry, rank := curveEntry(2, 2)
		if err := bustest.PutEntry(ctx, curves, entryID("a", rank), entry, 0, time.Time{}); err != nil && !errors.Is(err, bustest.ErrConflict) {
			t.Fatal(err)
		}
		var have bus.Entry
		until(t, "the put to be read", func() (found bool) {
			have, err = curves.Read(ctx, entryID("a", rank))
			return err == nil && have.Found
		})
		if err := curves.Reached(ctx, have.Revision, 15*time.Second); err != nil { // the NATS library alone would take 20 s
			t.Error(err)
		}
		if err := curves.Check(ctx); err != nil {
			t.Errorf("after an election: %v", err)
		}
		if wrote, err := b.WriteEnvelope(ctx, gen, "a", fit.Envelope{}, client.AsOf{Incarnation: "x", Seq: 1}, time.Now(), time.Time{}); err != nil || !wrote {
			t.Errorf("write an envelope: %t, %v", wrote, err)
		}
		cluster.Start(leader)
		until(t, "the third copy of the log", copies(3))
		// The server that came back lags for a moment, and may be the one that answers.
		for range 10 {
			if got := uint64(len(readLog(t, b))); got != acknowledged {
				t.Errorf("%d messages are in the log, %d were acknowledged", got, acknowledged)
			}
		}
	})
}
