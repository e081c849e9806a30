package emit

import (
	"slices"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
)

// TestDamagedEntries: an episode whose entry another program has overwritten is accepted
// again, though the log accepts it.
func TestDamagedEntries(t *testing.T) {
	t.Parallel()
	ctx, srv := bustest.Context(t), bustest.Start(t)
	b := srv.Topology()
	var file sheet
	for _, id := range []string{"1", "2", "3"} {
		file.add("h", id, "bursty-c2", "accepted")
		if _, err := b.Publish(ctx, bus.Notice{Host: "h", Episode: id, Profile: "bursty-c2", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	specs, err := b.ReadSpecs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	gen, err := b.Present(ctx, specs, fit.DefaultSpec(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Register(ctx, gen); err != nil {
		t.Fatal(err)
	}
	e := &Emitter{Bus: b, Rows: file.rows()}
	if s, err := e.Reconcile(ctx); err != nil || s.Changed() || s.Damaged != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	key := "$KV.curves." + string(gen.ID) + ".bursty-c2." + gen.Spec.Rank("h", "2").String()
	if _, err := srv.JetStream().Publish(ctx, key, []byte(`{"stream":"EPISODES","seq":3}`)); err != nil {
		t.Fatal(err)
	}
	if s, err := e.Reconcile(ctx); err != nil || s.Published != 1 || s.Damaged != 1 || s.Already != 3 || s.Accepted != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	all := log(t, ctx, b)
	if !slices.Equal(all[3:], all[1:2]) {
		t.Errorf("the log has %q", all)
	}
}
