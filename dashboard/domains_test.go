package dashboard_test

import (
	"testing"

	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/dashboard"
)

// TestDomainBehindALeaf: a dashboard that is connected to a leaf node shows the events of the hub, and posts go there.
func TestDomainBehindALeaf(t *testing.T) {
	hub, leaf := bustest.StartDomains(t)
	hub.Topology()
	put(t, hub.JetStream(), "dashboard.a.x", `1`)
	b := startBridgeWith(t, client.Config{URL: leaf.URL(), JSDomain: "hub"}, "127.0.0.1:0", dashboard.Config{}).ready()
	br := b.browse("")
	br.until(`1`)
	put(t, hub.JetStream(), "dashboard.a.x", `2`)
	br.until(`2`)
	const event = `{"type":"x","name":"n"}`
	b.post(event)
	br.until(event)
	if data, _ := last(t, hub.JetStream(), "dashboard.x.n"); data != event {
		t.Errorf("the hub has %s", data)
	}
}
