package roles_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
)

// These tests show what rights in NATS do not prevent in account PROFILES (seen with NATS
// 2.15.2), and why only the services and the operator have users there. If one fails the
// server prevents more than docs/SECURITY.md says: correct that document.

// TestConsumersPushAnywhere: a client that may make a consumer can let the server push
// the stream's messages to any subject, also to one that the client may not publish to.
func TestConsumersPushAnywhere(t *testing.T) {
	srv := bustest.StartSecure(t)
	makeTopology(t, srv)
	nc := srv.Dial("streamer", func(err error) { t.Error(err) })
	request, err := json.Marshal(map[string]any{"stream_name": "KV_specs", "config": map[string]any{
		"name": "x", "deliver_subject": bus.SubjectAccepted, "ack_policy": "none", "deliver_policy": "all", "filter_subject": "$KV.specs.>",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.RequestWithContext(bustest.Context(t), "$JS.API.CONSUMER.CREATE.KV_specs.x.$KV.specs.>", request); err != nil {
		t.Fatal(err)
	}
	worker := srv.Dial("worker", func(err error) { t.Error(err) })
	if _, err := worker.RequestWithContext(bustest.Context(t), "$KV.specs.x", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	waitForMessages(t, srv, 1)
}

// TestAnswersGoAnywhere: the server sends an answer to any subject that the sender names,
// but not to the JetStream API.
func TestAnswersGoAnywhere(t *testing.T) {
	srv := bustest.StartSecure(t)
	makeTopology(t, srv)
	nc := srv.Dial("streamer", func(err error) { t.Error(err) })
	for _, reply := range []string{"$JS.API.STREAM.PURGE.EPISODES", "$JS.API.STREAM.DELETE.EPISODES", bus.SubjectRetracted} {
		if err := nc.PublishMsg(&nats.Msg{Subject: "dashboard.x.y", Reply: reply, Data: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	waitForMessages(t, srv, 1) // the acknowledgement of the third
}

// waitForMessages waits until the log has n messages.
func waitForMessages(t *testing.T, srv *bustest.Secure, n uint64) {
	t.Helper()
	b, ctx := srv.ConnectAs("viewer", bustest.Log(t)), bustest.Context(t)
	for {
		sizes, err := b.Streams(ctx)
		if err != nil || len(sizes) != 9 {
			t.Fatalf("the log does not get %d messages: %v, %v", n, sizes, err)
		}
		if sizes[0].Messages == n {
			return
		}
	}
}

// TestFloods: a receiver's key is good for few subscriptions and for short messages only.
func TestFloods(t *testing.T) {
	srv := bustest.StartSecure(t)
	refused := make(chan error, 1000)
	nc := srv.Dial("receiver", func(err error) { refused <- err })
	for i := range 150 {
		if _, err := nc.Subscribe(fmt.Sprintf("_INBOX_receiver.flood.%d", i), func(*nats.Msg) {}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-refused:
		if !strings.Contains(err.Error(), "maximum subscriptions exceeded") {
			t.Errorf("%v", err)
		}
	case <-bustest.Context(t).Done():
		t.Error("150 subscriptions of one connection are accepted")
	}
	nc = srv.Dial("receiver", func(err error) { refused <- err })
	closed := nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	if nc.Publish(bus.SubjectAccepted, make([]byte, 300<<10)) != nil {
		return // the client knows the limit, or the server has ended the connection already
	}
	select {
	case <-closed: // the server ends the connection
	case <-bustest.Context(t).Done():
		t.Error("a message of 300 KiB is accepted")
	}
}
