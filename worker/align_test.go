package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cis490/profiles/bus"
	"github.com/cis490/profiles/bus/bustest"
	"github.com/cis490/profiles/episode"
	et "github.com/cis490/profiles/episode/episodetest"
	"github.com/cis490/profiles/fit"
)

func newAligner(t *testing.T, nc *bus.Bus, store episode.Store, spec *fit.Spec, gen bus.Generation, curves *bus.Curves) *aligner {
	t.Helper()
	w, err := New(Config{}, Deps{Bus: nc, Store: store, Spec: spec, Log: bustest.Log(t), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return &aligner{&session{Worker: w, gen: gen, curves: curves, judge: newJudge(spec)}}
}

// TestNoMoreNeeded: the threshold falls below an episode between the glance at
// its message and the handling. Its archive need not be read any more.
func TestNoMoreNeeded(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	spec.Target = 1 // and one in reserve
	nc := bustest.Start(t).Topology()
	ctx := bustest.Context(t)
	gen, curves, end := bustest.Curves(t, nc, spec)
	defer end()
	a := newAligner(t, nc, nil, spec, gen, curves)
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

// replaceable is a store of one archive.
type replaceable struct{ archive []byte }

func (s *replaceable) Open(context.Context, episode.Ref) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(s.archive)), nil
}

// TestReplacedArchive: an episode is taken back, its archive replaced, and accepted
// again. Whatever comes first, the new archive counts.
func TestReplacedArchive(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	nc := bustest.Start(t).Topology()
	ctx := bustest.Context(t)
	gen, curves, end := bustest.Curves(t, nc, spec)
	defer end()
	older, newer := &replaceable{et.Episode(450).Bytes()}, &replaceable{et.Episode(300).Bytes()}
	profile := spec.Profiles[0].Name
	accept := bus.Notice{Host: "lab-01", Profile: string(profile), Seq: 5, At: time.Now()}
	retract, again := accept, accept
	retract.Retracted, retract.Seq, again.Seq = true, 10, 15

	old, fresh := newAligner(t, nc, older, spec, gen, curves), newAligner(t, nc, newer, spec, gen, curves)
	type delivery struct {
		to *aligner
		bus.Notice
	}
	var want fit.Entry
	for i, order := range [][]delivery{
		{{old, accept}, {fresh, retract}, {fresh, again}},
		{{old, accept}, {fresh, again}, {fresh, retract}},
		{{fresh, again}, {old, accept}, {fresh, retract}}, // it was read before, and written late
		{{fresh, retract}, {old, accept}, {fresh, again}},
		{{fresh, retract}, {fresh, again}, {old, accept}},
		{{fresh, again}, {fresh, retract}, {old, accept}},
	} {
		id := fmt.Sprint("ep-", i)
		for _, d := range order {
			d.Episode = id
			if err := d.to.Handle(ctx, d.Notice); err != nil {
				t.Fatal(err)
			}
		}
		have, err := curves.Read(ctx, profile, spec.Rank(accept.Host, id))
		if err != nil || have.State != fit.StateCurve || have.Seq != again.Seq {
			t.Fatalf("order %d: %v, %v at %d", i, err, have.State, have.Seq)
		}
		if i == 0 {
			want = have.Entry
		}
		if !slices.EqualFunc(have.Curve, want.Curve, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }) {
			t.Errorf("order %d: the curve is of the archive that was replaced", i)
		}
	}
}

// TestRejectedAgain: a reader that died between the entry and the copy under
// REJECTED leaves the copy to the next one, with all that the entry says.
func TestRejectedAgain(t *testing.T) {
	t.Parallel()
	spec := fit.DefaultSpec()
	nc := bustest.Start(t).Topology()
	ctx := bustest.Context(t)
	gen, curves, end := bustest.Curves(t, nc, spec)
	defer end()
	a := newAligner(t, nc, &replaceable{[]byte("no archive")}, spec, gen, curves)
	accept := bus.Notice{Host: "lab-01", Episode: "ep-1", Profile: string(spec.Profiles[0].Name), Seq: 5, At: time.Now()}
	var first, again *bus.Rejection
	if err := a.Handle(ctx, accept); !errors.As(err, &first) || first.Detail == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	if err := curves.Reached(ctx, 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	a.deps.Store = nil // it is not read again
	if done, err := a.Glance(accept); done {
		t.Fatalf("a glance has not the detail: %v", err)
	}
	if err := a.Handle(ctx, accept); !errors.As(err, &again) || *again != *first {
		t.Errorf("%v at first, %v again", first, err)
	}
}
