package roles_test

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
)

// These show what rights in NATS don't hold (seen on 2.15.2). Should one fail, the
// server holds more than docs/OPERATIONS.md says: then that may be said.

// TestConsumersPushAnywhere: who may make a consumer may have the server push what
// its stream holds to any subject, whatever they may publish to themselves.
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
	arrives(t, srv, 1)
}

// TestAcknowledgementsGoAnywhere: the server's acknowledgement of a publish goes to
// whatever subject the sender names, but not to the API.
func TestAcknowledgementsGoAnywhere(t *testing.T) {
	srv := bustest.StartSecure(t)
	makeTopology(t, srv)
	nc := srv.Dial("receiver", func(err error) { t.Error(err) })
	for _, reply := range []string{"$JS.API.STREAM.PURGE.EPISODES", "$JS.API.STREAM.DELETE.EPISODES", bus.SubjectRetracted} {
		if err := nc.PublishMsg(&nats.Msg{Subject: bus.SubjectAccepted, Reply: reply, Data: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	arrives(t, srv, 4) // three, and the acknowledgement of the third
}

// arrives waits until the log has so many messages.
func arrives(t *testing.T, srv *bustest.Secure, n uint64) {
	t.Helper()
	b, ctx := srv.ConnectAs("viewer", bustest.Log(t)), bustest.Context(t)
	for {
		sizes, err := b.Streams(ctx)
		if err != nil || len(sizes) != 9 {
			t.Fatalf("the log has not got %d messages: %v, %v", n, sizes, err)
		}
		if sizes[0].Messages == n {
			return
		}
	}
}
