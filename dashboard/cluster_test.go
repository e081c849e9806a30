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

// TestLeaderChange: the stream's leader ends, three times; what was acknowledged
// before, meanwhile and after arrives.
func TestLeaderChange(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts three servers and waits for elections")
	}
	cluster := bustest.StartCluster(t)
	cluster.Topology()
	b := bridgeAt(t, cluster.URL(), "127.0.0.1:0", dashboard.Config{}).ready()
	br := b.browse("")
	life := parseBridge(t, br.catchUp()[0]).Life
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for round := range 3 {
		b.post(fmt.Sprintf(`{"type":"x","n":%d}`, round))
		leader := cluster.Leader(bus.DashboardStream)
		cluster.Stop(leader)
		body := fmt.Sprintf(`{"type":"x","name":"after","n":%d}`, round)
		for ctx.Err() == nil { // an election takes its time, and says so
			res, said := b.do(http.MethodPost, "publish", body)
			if res.StatusCode == http.StatusOK {
				break
			}
			var r receipt
			if res.StatusCode != http.StatusServiceUnavailable || json.Unmarshal([]byte(said), &r) == nil {
				t.Fatalf("%s %s", res.Status, said)
			}
		}
		began := time.Now()
		for arrived := false; !arrived; {
			m := br.next()
			arrived = m.data == body
			if m.kind == "bridge" && parseBridge(t, m).Life != life {
				t.Errorf("another life than %s: %v", life, m)
			}
		}
		t.Logf("round %d: without %s, it arrived %s after it was acknowledged", round, leader, time.Since(began))
		cluster.Start(leader)
	}
}
