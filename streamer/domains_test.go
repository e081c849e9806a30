package streamer_test

import (
	"testing"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
)

// TestDomainBehindALeaf: a streamer that is connected to a leaf node publishes in the domain of the hub.
func TestDomainBehindALeaf(t *testing.T) {
	t.Parallel()
	hub, leaf := bustest.StartDomains(t)
	s := &stage{T: t, srv: hub, bus: hub.Topology()}
	s.register(generation(gen, gen, 0, 1))
	s.envelope(gen, "a", 3, 2)
	far, err := bus.Connect(client.Config{URL: leaf.URL(), JSDomain: "hub"}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(far.Close)
	s.startOn(far, quiet)
	s.shows("a", gen, 3)
	s.envelope(gen, "a", 4, 3)
	s.shows("a", gen, 4)
}
