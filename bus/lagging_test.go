package bus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// startBehind starts a server that answers direct gets like a server whose copy of a
// stream has stopped for good: it has no message that is asked for. The context ends when
// the server was asked more often than necessary.
func startBehind(t *testing.T, calls ...string) (*bustest.Server, context.Context) {
	t.Helper()
	conf := ""
	for i, call := range calls {
		conf += fmt.Sprintf("%q: behind.%d\n", "$JS.API.DIRECT.GET."+call, i)
	}
	srv := bustest.StartWith(t, "mappings {\n"+conf+"}\n")
	nc, err := nats.Connect(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	ctx, cancel := context.WithCancelCause(bustest.Context(t))
	var asked atomic.Int64
	if _, err := nc.Subscribe("behind.*", func(question *nats.Msg) {
		if asked.Add(1) > 20 {
			cancel(fmt.Errorf("asked %d times", asked.Load()))
		}
		answer := nats.NewMsg(question.Reply)
		answer.Header.Set("Status", "404")
		_ = nc.PublishMsg(answer)
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel(nil)
		if asked.Load() == 0 {
			t.Error("it was not asked")
		}
	})
	return srv, ctx
}

// TestServerBehind: a server whose copy of a stream has stopped does not prevent reading
// and writing.
func TestServerBehind(t *testing.T) {
	t.Parallel()
	t.Run("read all", func(t *testing.T) {
		srv, ctx := startBehind(t, bus.EpisodesStream)
		b := srv.Topology()
		for i := range 5 {
			if _, err := b.Publish(ctx, bus.Notice{Host: "h", Episode: fmt.Sprint("e", i), Profile: "a", At: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		read := 0
		last, err := b.ReadLog(ctx, func(bus.Notice) error { read++; return nil })
		if err != nil || last != 5 || read != 5 {
			t.Errorf("read %d up to %d: %v, %v", read, last, err, context.Cause(ctx))
		}
	})
	t.Run("compare and set", func(t *testing.T) {
		key := string(gen) + ".a"
		srv, ctx := startBehind(t, "KV_"+bus.EnvelopesBucket)
		b := srv.Topology()
		text, err := json.Marshal(bus.Envelope{AsOf: client.AsOf{Incarnation: "x", Seq: 1}})
		if err != nil {
			t.Fatal(err)
		}
		kv := bucketOf(t, srv, bus.EnvelopesBucket)
		if _, err := kv.Put(ctx, key, text); err != nil {
			t.Fatal(err)
		}
		if wrote, err := b.WriteEnvelope(ctx, gen, "a", fit.Envelope{}, client.AsOf{Incarnation: "x", Seq: 2}, time.Now(), time.Time{}); !wrote || err != nil {
			t.Errorf("wrote: %t, %v, %v", wrote, err, context.Cause(ctx))
		}
	})
}
