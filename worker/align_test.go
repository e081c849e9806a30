package worker

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/fit"
)

// TestNoMoreNeeded: the threshold falls below an episode between the glance at
// its message and the handling. The view has dropped its curve by then, so there
// is nothing that a later message could raise.
func TestNoMoreNeeded(t *testing.T) {
	spec := fit.DefaultSpec()
	spec.Target = 1 // and one in reserve
	nc := bustest.Start(t).Topology()
	ctx := bustest.Context(t)
	gen, curves, end := bustest.Curves(t, nc, spec)
	defer end()
	w, err := New(Config{}, Deps{Bus: nc, Spec: spec, Log: bustest.Log(t), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	a := &aligner{&session{Worker: w, gen: gen, curves: curves}}

	profile := spec.Profiles[0].Name
	put := func(rank fit.Rank, e fit.Entry) uint64 {
		t.Helper()
		if err := curves.Put(ctx, profile, rank, e, 0, time.Time{}); err != nil {
			t.Fatal(err)
		}
		have, err := curves.Read(ctx, profile, rank)
		if err != nil {
			t.Fatal(err)
		}
		if err := curves.Reached(ctx, have.Rev, time.Minute); err != nil {
			t.Fatal(err)
		}
		return have.Rev
	}
	entry := fit.Entry{Seq: 1, Host: "lab-01", Episode: "ep-1", State: fit.StateCurve, Curve: make(fit.Curve, spec.Points.Total())}
	rank := spec.Rank(entry.Host, entry.Episode)
	before := put(rank, entry)
	again := bus.Notice{Host: entry.Host, Episode: entry.Episode, Profile: string(profile), Seq: 9, At: time.Now()}
	if done, err := a.Glance(again); done || err != nil {
		t.Fatalf("at the glance it was not needed: %v", err)
	}
	for _, lower := range []fit.Rank{{0}, {0, 1}} {
		e := entry
		e.Episode = "ep-" + lower.String()
		put(lower, e)
	}
	if err := a.Handle(ctx, again); err != nil {
		t.Fatal(err)
	}
	if have, err := curves.Read(ctx, profile, rank); err != nil || have.Rev != before || have.Seq != 1 {
		t.Errorf("the entry is now %+v, %v", have, err)
	}
}
