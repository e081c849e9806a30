package worker_test

import (
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// TestDomainBehindALeaf: the streams are in the domain of a hub. Workers that are connected to a leaf node with a domain of its own
// work in that of the hub, and make nothing in the leaf's.
func TestDomainBehindALeaf(t *testing.T) {
	t.Parallel()
	hub, leaf := bustest.StartDomains(t)
	f := &fleet{t: t, srv: hub, bus: hub.Topology(), store: recordedStore(t), spec: fit.DefaultSpec(), nats: leaf.URL(), domain: "hub"}
	far, err := bus.Connect(client.Config{URL: leaf.URL(), JSDomain: "hub"}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(far.Close)
	accepted := rows(t)[:6]
	f.store = archivesInNATS(t, far, accepted)
	f.start()
	for _, n := range accepted {
		f.send(n)
	}
	f.becomes(accepted)
	f.equal(accepted)
	f.bus = far // retractions, too, come by the leaf, and are read by it
	gone := accepted[0]
	gone.Retracted = true
	f.send(gone)
	f.becomes(accepted[1:])
	f.equal(accepted[1:])
	if names := leaf.StreamNames(); len(names) > 0 {
		t.Errorf("the leaf has streams %s", names)
	}
}
