package bus_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/fit"
)

// TestSampleReader: the role of dashboards reads the sample that the workers have, first all of it and then what came since.
func TestSampleReader(t *testing.T) {
	t.Parallel()
	srv := bustest.StartSecure(t)
	cfg := srv.Config("operator")
	cfg.Topology = client.TopologyCreate
	operator, err := bus.Connect(cfg, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(operator.Close)
	ctx := bustest.Context(t)
	if err := errors.Join(operator.Ready(ctx), operator.EnsureTopology(ctx)); err != nil {
		t.Fatal(err)
	}
	worker := srv.ConnectAs("worker", bustest.Log(t))
	curves := followCurves(t, worker)
	var last uint64
	put := func(p fit.ProfileName, e fit.Entry, rank fit.Rank) {
		t.Helper()
		id := entryID(p, rank)
		have, err := curves.Read(ctx, id)
		if err == nil {
			err = bustest.PutEntry(ctx, curves, id, e, have.Revision, time.Time{})
		}
		if err != nil {
			t.Fatal(err)
		}
		last++
	}
	reader := srv.ConnectAs("dashboard", bustest.Log(t)).NewSampleReader(gen, "a", 4, 5, 1<<20)
	same := func(when string, used int) {
		t.Helper()
		if err := errors.Join(reader.Read(ctx), curves.Reached(ctx, last, time.Minute)); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		var want fit.Digest
		if err := curves.Inspect("a", func(s *fit.Sample, _ client.AsOf) { want = s.Digest() }); err != nil {
			t.Fatal(err)
		}
		if s := reader.Sample(); s.Digest() != want || s.Used() != used {
			t.Errorf("%s: %d members with digest %s, want %d with %s", when, s.Used(), s.Digest(), used, want)
		}
	}
	same("an empty bucket", 0)
	for x := range byte(8) {
		e, rank := curveEntry(uint64(x)+1, x)
		put("a", e, rank)
		put("b", e, rank)
	}
	same("eight episodes", 4)
	before := reader.Bytes()
	e, rank := curveEntry(9, 1)
	e.Curve[0] = 77
	put("a", e, rank)
	e, rank = curveEntry(10, 2)
	put("a", fit.Entry{Seq: 10, Host: e.Host, Episode: e.Episode, State: fit.StateRetracted, HadCurve: true}, rank)
	same("one changed, one retracted", 4)
	if read := reader.Bytes() - before; 2*read > before {
		t.Errorf("it read two entries of %d bytes, after eight of %d", read, before)
	}
	// What is no entry is ignored, also one of another number of points.
	for key, value := range map[string]string{
		curveKey("a", fit.Rank{0, 1}): `{"seq":1,"host":"h","episode":"x","curve":[1],"seconds":[0,0,0,0,0]}`, curveKey("a", fit.Rank{0, 2}): "forged", string(gen) + ".a.rank": "{}",
	} {
		if _, err := worker.CompareAndSet(ctx, "$KV."+bus.CurvesBucket+"."+key, &client.Write{Data: []byte(value)}, 0); err != nil {
			t.Fatal(err)
		}
		last++
	}
	same("with values that are no entries", 4)

	small := srv.ConnectAs("dashboard", bustest.Log(t)).NewSampleReader(gen, "a", 4, 5, 100)
	if err := small.Read(ctx); !errors.Is(err, bus.ErrSampleTooLarge) {
		t.Errorf("a reader of 100 bytes: %v", err)
	}
	if err := srv.ConnectAs("receiver", bustest.Log(t)).NewSampleReader(gen, "a", 4, 5, 1<<20).Read(ctx); !errors.Is(err, client.ErrDenied) {
		t.Errorf("a role without the right: %v", err)
	}
}
