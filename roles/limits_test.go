package roles_test

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
)

// These tests show what rights in NATS do not prevent (seen with NATS 2.15.2). If one
// fails the server prevents more than docs/OPERATIONS.md says: correct that document.

// TestConsumersPushAnywhere: a client that may make a consumer can let the server push
// the stream's messages to any subject, also to one that the client may not publish to.
func TestConsumersPushAnywhere(t *testing.T) {
	srv := bustest.StartSecure(t)
	makeTopology(t, srv)
	nc := srv.Dial("dashboard", func(err error) { t.Error(err) })
	request, err := json.Marshal(map[string]any{"stream_name": bus.DashboardStream, "config": map[string]any{
		"name": "x", "deliver_subject": bus.SubjectAccepted, "ack_policy": "none", "deliver_policy": "all", "filter_subject": "dashboard.>",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.RequestWithContext(bustest.Context(t), "$JS.API.CONSUMER.CREATE.DASHBOARD.x.dashboard.>", request); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.RequestWithContext(bustest.Context(t), "dashboard.x.y", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	waitForMessages(t, srv, 1)
}

// TestAcknowledgementsGoAnywhere: the server sends the acknowledgement of a publish to
// any subject that the sender names, but not to the JetStream API.
func TestAcknowledgementsGoAnywhere(t *testing.T) {
	srv := bustest.StartSecure(t)
	makeTopology(t, srv)
	nc := srv.Dial("receiver", func(err error) { t.Error(err) })
	for _, reply := range []string{"$JS.API.STREAM.PURGE.EPISODES", "$JS.API.STREAM.DELETE.EPISODES", bus.SubjectRetracted} {
		if err := nc.PublishMsg(&nats.Msg{Subject: bus.SubjectAccepted, Reply: reply, Data: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	waitForMessages(t, srv, 4) // three, and the acknowledgement of the third
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
