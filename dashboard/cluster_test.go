package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/dashboard"
)

// TestLeaderChange stops the stream's leader three times. A browser gets what was
// acknowledged before, during and after the election.
func TestLeaderChange(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts three servers and waits for elections")
	}
	t.Parallel() // it mostly waits
	cluster := bustest.StartCluster(t)
	cluster.Topology()
	b := startBridgeAt(t, cluster.URL(), "127.0.0.1:0", dashboard.Config{}).ready()
	br := b.browse("")
	incarnation := parseStatus(t, br.catchUp()[0]).Incarnation
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for round := range 3 {
		b.post(fmt.Sprintf(`{"type":"x","n":%d}`, round))
		leader := cluster.Leader(bus.DashboardStream)
		cluster.Stop(leader)
		body := fmt.Sprintf(`{"type":"x","name":"after","n":%d}`, round)
		for ctx.Err() == nil { // during the election the bridge answers 503
			res, text := b.do(http.MethodPost, "publish", body)
			if res.StatusCode == http.StatusOK {
				break
			}
			var r receipt
			if res.StatusCode != http.StatusServiceUnavailable || json.Unmarshal([]byte(text), &r) == nil {
				t.Fatalf("%s %s", res.Status, text)
			}
		}
		began := time.Now()
		for arrived := false; !arrived; {
			m := br.next()
			arrived = m.data == body
			if m.kind == "bridge" && parseStatus(t, m).Incarnation != incarnation {
				t.Errorf("another incarnation than %s: %v", incarnation, m)
			}
		}
		t.Logf("round %d: without %s, the event arrived %s after it was acknowledged", round, leader, time.Since(began))
		cluster.Start(leader)
	}
}
